/** What a scan yields. */

/** A file of a modality, as found at the site. */
export interface FoundFile {
  /** Last part of the path. */
  name: string;
  /** Bytes; -1 when the scan was asked not to stat (the hash will tell). */
  size: number;
  /** Modification time, milliseconds since 1970 UTC; -1 likewise. */
  mtimeMs: number;
  /** Patient id text as found in the path, undefined where the pattern has none. */
  personId: string | undefined;
  /** Version found in the path, undefined unless the pattern holds `{version}`. */
  version: string | undefined;
}

/**
 * Files of one modality in one folder. A very large folder comes in several
 * batches, one after the other.
 */
export interface FoundBatch {
  kind: "files";
  modality: string;
  /** POSIX path of the folder relative to the modality's root; `.` for the root itself. */
  folder: string;
  /**
   * In ascending order of their names' UTF-8 bytes, the order of SQLite's BINARY
   * collation, so that rows read by folder and name can be merged with them. In
   * a local tree that holds over all batches of the folder and modality too.
   */
  files: readonly FoundFile[];
}

/** Something that could not be read, or must not be; the walk goes on. */
export interface ScanProblem {
  kind: "problem";
  /** Relative to the root, escaped for printing by the reporter. */
  path: string;
  reason: string;
  /** The modalities that may be incomplete because of it. */
  modalities: readonly string[];
  /**
   * - `read_error`: files may have been missed: a folder or file that can't be
   *   read or vanished, a link that leads nowhere.
   * - `link_outside`: a link that leaves the root; files may have been missed.
   * - `link_loop`: a link to one of its own ancestors; nothing is missed by not
   *   following it.
   * - `name`: not valid UTF-8 or otherwise unusable; files may have been missed.
   * - `not_a_file`: a device, socket or pipe where the pattern expects a file.
   * - `version`: the version in the path is none; its files are left out.
   */
  cause:
    | "read_error"
    | "link_outside"
    | "link_loop"
    | "name"
    | "not_a_file"
    | "version";
}

/** Files that belong to no modality, by folder. */
export interface UnmatchedFolder {
  kind: "unmatched";
  folder: string;
  /** Files seen in it that match nothing, unfollowed links included. */
  files: number;
  /** True when the folder can't lead to a match and was not read: `files` is 0 then. */
  skipped: boolean;
}

export type ScanItem = FoundBatch | ScanProblem | UnmatchedFolder;
