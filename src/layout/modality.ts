/** Modalities: their canonical names and default patterns. */

import { ChorusError } from "../errors/chorus_error.ts";

/** The modalities that every site has, spelled as in central paths and journals. */
export const KNOWN_MODALITIES: readonly string[] = [
  "OMOP",
  "Images",
  "Waveforms",
  "Metadata",
];

/**
 * The spelling that central paths, journals and messages use: the known
 * modalities in any case get their own, others stay as configured.
 *
 * @throws ChorusError `config` when the name can't be a folder's name
 */
export function canonicalModality(name: string): string {
  const text = name.trim();
  if (
    text === "" || text === "." || text === ".." || /[/\\{}\p{Cc}]/u.test(text)
  ) {
    throw new ChorusError("config", `"${name}" can't be a modality's name.`, {
      subject: name,
      remedy: "It is used as a folder's name, without slashes or braces.",
    });
  }
  const lower = text.toLowerCase();
  return KNOWN_MODALITIES.find((known) => known.toLowerCase() === lower) ??
    text;
}

/**
 * The pattern of a modality that has none of its own.
 *
 * @param modality canonical name
 * @param options `omopPerPatient`: OMOP lies under each patient
 */
export function defaultPattern(
  modality: string,
  options: { omopPerPatient?: boolean } = {},
): string {
  if (modality === "Metadata") return "Metadata/{filepath}";
  if (modality === "OMOP" && !options.omopPerPatient) return "OMOP/{filepath}";
  return `{patient_id:w}/${modality}/{filepath}`;
}
