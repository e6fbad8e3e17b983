/** Which record a file belongs to. Pure. */

import { splitJournalPath } from "../layout/local_path.ts";
import type { MappedFile } from "./mapping_file.ts";
import { isNameFault, parseRecordName } from "./record_name.ts";

/** How files are grouped into records. */
export const GROUPINGS = ["file", "folder", "mapping"] as const;

export type Grouping = typeof GROUPINGS[number];

/** A file's record. */
export interface RecordOfFile {
  /** Unique among the records of one grouping; the record's id follows from it. */
  key: string;
  personId: string;
  /** `YYYY-MM-DD HH:MM:SS` or, where only the day is known, `YYYY-MM-DD`. */
  start: string | undefined;
  /** As the mapping file has it. */
  session: string | undefined;
}

/** Why a file belongs to no record: the rest of a sentence about it. */
export interface Unfit {
  reason: string;
}

/** A file as a source of the manifest knows it. */
export interface GroupedFile {
  /** Relative to the modality's root, POSIX, as in the journal. */
  path: string;
  /** The person whose folder it lies in; undefined where the pattern knows none. */
  folderPersonId: string | undefined;
  /** Its line in the mapping file; undefined where there is none. */
  mapped: MappedFile | undefined;
}

/**
 * Groups one file.
 *
 * | grouping | key | person and start |
 * | --- | --- | --- |
 * | `file` | the path without its extension: a header and its signals are one record | from the name |
 * | `folder` | the folder and the person | from the folder's name where that fits (`PERSONID_…_LENGTH`), else from the file's |
 * | `mapping` | the mapping's person, session and record | from the mapping; a start that it leaves out, from the name |
 *
 * A name whose person is not the one whose folder the file lies in belongs to
 * nobody for sure, so it doesn't fit; nor does one that the mapping contradicts.
 */
export function groupFile(
  grouping: Grouping,
  { path, folderPersonId, mapped }: GroupedFile,
): RecordOfFile | Unfit {
  const { folder, name } = splitJournalPath(path);
  if (grouping === "mapping") return groupByMapping(name, mapped);
  const ofFolder = grouping === "folder"
    ? parseRecordName(`${splitJournalPath(folder).name}.folder`)
    : undefined;
  const parsed = ofFolder === undefined || isNameFault(ofFolder) ? parseRecordName(name) : ofFolder;
  if (isNameFault(parsed)) return { reason: parsed.fault };
  const { personId, start, stem } = parsed;
  if (folderPersonId !== undefined && !isSamePerson(personId, folderPersonId)) {
    return {
      reason:
        `the name says person "${personId}", but it lies in the folder of "${folderPersonId}"`,
    };
  }
  if (mapped !== undefined && !isSamePerson(personId, mapped.personId)) {
    return {
      reason: `the name says person "${personId}", the mapping file "${mapped.personId}" ` +
        `(line ${mapped.line})`,
    };
  }
  const key = grouping === "file"
    ? folder === "." ? stem : `${folder}/${stem}`
    : JSON.stringify([folder, personId]);
  return { key, personId, start, session: mapped?.session };
}

function groupByMapping(name: string, mapped: MappedFile | undefined): RecordOfFile | Unfit {
  if (mapped === undefined) return { reason: "the mapping file doesn't have it" };
  const { personId, session, record } = mapped;
  const parsed = mapped.start === undefined ? parseRecordName(name) : undefined;
  return {
    key: JSON.stringify([personId, session ?? "", record]),
    personId,
    start: mapped.start ?? (parsed === undefined || isNameFault(parsed) ? undefined : parsed.start),
    session,
  };
}

/** A folder `123` and a name with `00123` mean one person; ids that are no numbers are compared as they are. */
function isSamePerson(a: string, b: string): boolean {
  if (a === b) return true;
  return /^\d+$/.test(a) && /^\d+$/.test(b) && a.replace(/^0+/, "") === b.replace(/^0+/, "");
}
