import assert from "node:assert/strict";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { canonicalModality, defaultPattern } from "../../src/layout/modality.ts";

Deno.test("known modalities get their canonical spelling, others keep theirs", () => {
  assert.equal(canonicalModality("waveforms"), "Waveforms");
  assert.equal(canonicalModality(" IMAGES "), "Images");
  assert.equal(canonicalModality("omop"), "OMOP");
  assert.equal(canonicalModality("MetaData"), "Metadata");
  assert.equal(canonicalModality("EEG raw"), "EEG raw");
});

Deno.test("a modality that can't be a folder's name is a configuration error", () => {
  for (const name of ["", " ", ".", "..", "a/b", "a\\b", "a{b}", "a\nb"]) {
    assert.throws(
      () => canonicalModality(name),
      (error) => isChorusError(error, "config"),
      name,
    );
  }
});

Deno.test("each modality has its default pattern", () => {
  assert.equal(defaultPattern("OMOP"), "OMOP/{filepath}");
  assert.equal(
    defaultPattern("OMOP", { omopPerPatient: true }),
    "{patient_id:w}/OMOP/{filepath}",
  );
  assert.equal(defaultPattern("Metadata"), "Metadata/{filepath}");
  assert.equal(
    defaultPattern("Metadata", { omopPerPatient: true }),
    "Metadata/{filepath}",
  );
  assert.equal(defaultPattern("Images"), "{patient_id:w}/Images/{filepath}");
  assert.equal(defaultPattern("EEG"), "{patient_id:w}/EEG/{filepath}");
});
