import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { centralPath, journalBackupPath } from "../../src/layout/central_path.ts";
import { defaultPattern } from "../../src/layout/modality.ts";
import { compilePattern } from "../../src/layout/pattern.ts";

const fixtures = new URL("../../../shared/fixtures/", import.meta.url);

const central = (
  path: string,
  modality: string,
  pattern = defaultPattern(modality),
  patientFirst = true,
) =>
  centralPath(path, "v1", {
    modality,
    pattern: compilePattern(pattern),
    patientFirst,
  });

Deno.test("central paths follow the layout of the modality", () => {
  assert.equal(central("00123/images/ct/1", "Images"), "v1/00123/Images/ct/1");
  assert.equal(
    central("00123/images/ct/1", "Images", undefined, false),
    "v1/Images/00123/ct/1",
  );
  assert.equal(central("omop/a.csv", "OMOP"), "v1/OMOP/a.csv");
  assert.equal(
    central("p1/OMOP/a", "OMOP", "{patient_id:w}/OMOP/{filepath}"),
    "v1/p1/OMOP/a",
  );
  assert.equal(
    central("p1/OMOP/a", "OMOP", "{patient_id:w}/OMOP/{filepath}", false),
    "v1/OMOP/p1/a",
  );
  assert.equal(central("METADATA/a/b", "Metadata"), "v1/Metadata/a/b");
  assert.equal(
    central("p1/meta/a", "Metadata", "{patient_id}/meta/{filepath}"),
    "v1/Metadata/a",
  );
  assert.equal(central("EEG/a", "EEG", "EEG/{filepath}"), "v1/EEG/a");
});

Deno.test("only a patient id limited to digits loses its leading zeros", () => {
  const digits = "{patient_id:d}/Images/{filepath}";
  assert.equal(central("00123/Images/a", "Images", digits), "v1/123/Images/a");
  assert.equal(central("000/Images/a", "Images", digits), "v1/0/Images/a");
  assert.equal(central("0/Images/a", "Images", digits), "v1/0/Images/a");
  assert.equal(
    central("00123/Images/a", "Images", "{patient_id}/Images/{filepath}"),
    "v1/00123/Images/a",
  );
});

Deno.test("a path that the pattern does not match has no central path", () => {
  assert.throws(
    () => central("00123/Notes/a", "Images"),
    (error) => isChorusError(error, "unsupported"),
  );
});

Deno.test("a path with an empty, . or .. segment has no central path", () => {
  for (
    const path of ["p/Images/../a", "p/Images/./a", "p/Images//a", "p/Images/"]
  ) {
    assert.throws(
      () => central(path, "Images"),
      (error) => isChorusError(error, "unsupported"),
      path,
    );
  }
});

Deno.test("the journal's backup lies in the version's folder", () => {
  assert.equal(journalBackupPath("v1", "journal.db"), "v1/journal.db");
});

Deno.test({
  name: "central paths are the ones that the predecessor uploaded to",
  ignore: !existsSync(fixtures),
  fn() {
    const listing: { blobs: { name: string }[] } = JSON.parse(
      readFileSync(new URL("central_listing_after_upload.json", fixtures), "utf8"),
    );
    const uploaded = new Set(
      listing.blobs.map(({ name }) => name).filter((name) =>
        name.startsWith("20250101000000/") && !name.endsWith("journal.db")
      ),
    );
    const mtimes: Record<string, number> = JSON.parse(
      readFileSync(new URL("mtimes.json", fixtures), "utf8"),
    );
    const layouts = ["OMOP", "Images", "Waveforms", "Metadata"].map(
      (modality) => ({
        modality,
        pattern: compilePattern(defaultPattern(modality)),
        patientFirst: true,
      }),
    );
    const ours = new Set<string>();
    for (const key of Object.keys(mtimes)) {
      if (!key.startsWith("site_v1/")) continue;
      const path = key.slice("site_v1/".length);
      for (const layout of layouts) {
        if (layout.pattern.match(path) !== undefined) {
          ours.add(centralPath(path, "20250101000000", layout));
        }
      }
    }
    assert.equal(ours.size, 27);
    assert.deepEqual(ours, uploaded);
  },
});
