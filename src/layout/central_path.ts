/** Where a file goes in the central store. Pure text; keys are relative to the central location. */

import { ChorusError } from "../errors/chorus_error.ts";
import type { Pattern, PatternMatch } from "./pattern.ts";

/** What decides a file's central path besides its own path. */
export interface CentralLayout {
  /** Canonical name. */
  modality: string;
  pattern: Pattern;
  /** `<patient>/<Modality>/…` when true, `<Modality>/<patient>/…` otherwise. */
  patientFirst: boolean;
}

/** A segment that is empty, `.` or `..`. */
const UNUSABLE_SEGMENT = /(?:^|\/)(\.{0,2})(?:\/|$)/;

/**
 * The key of a file in the central store:
 * `<version>/<patient_id>/<Modality>/<filepath>` and its variants.
 *
 * OMOP and other modalities whose pattern names no patient, and Metadata
 * always, have no patient folder. Under `{patient_id:d}` the id loses its
 * leading zeros here, and only here: two patients may then meet, which the plan
 * reports as a conflict.
 *
 * @param path relative to the modality's root, `/` separated, as journaled
 * @param version the version that the file's row stands under
 * @throws ChorusError `unsupported` when the path does not match the modality's
 *   pattern, or when its key would hold an empty, `.` or `..` segment
 */
export function centralPath(
  path: string,
  version: string,
  layout: CentralLayout,
): string {
  const match = layout.pattern.match(path);
  if (match === undefined) {
    throw new ChorusError(
      "unsupported",
      `"${path}" does not match the pattern "${layout.pattern.source}" of ${layout.modality}, so it has no central path.`,
      {
        subject: path,
        remedy: "Set the pattern back to what it was when the file was journaled.",
      },
    );
  }
  const key = [version, ...centralFolders(match, layout), match.filepath]
    .join("/");
  const bad = UNUSABLE_SEGMENT.exec(key);
  if (bad !== null) {
    throw new ChorusError(
      "unsupported",
      `"${path}" would go to "${key}", which holds the segment "${bad[1]}".`,
      { subject: path, remedy: "Rename the file or folder." },
    );
  }
  return key;
}

/**
 * The key of the journal's backup in the central store.
 *
 * @param version the version that was uploaded
 * @param journalName last part of the local journal's path
 */
export function journalBackupPath(
  version: string,
  journalName: string,
): string {
  return `${version}/${journalName}`;
}

function centralFolders(
  match: PatternMatch,
  layout: CentralLayout,
): readonly string[] {
  if (match.personId === undefined || layout.modality === "Metadata") {
    return [layout.modality];
  }
  const patient = layout.pattern.patientId === "digits"
    ? match.personId.replace(/^0+(?=[0-9])/, "")
    : match.personId;
  return layout.patientFirst ? [patient, layout.modality] : [layout.modality, patient];
}
