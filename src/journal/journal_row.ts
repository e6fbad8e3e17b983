/** Rows as the rest of the program sees them. Times are microseconds since 1970 UTC. */

/** What the change rules need of an active row. */
export interface ActiveRow {
  fileId: number;
  name: string;
  size: number;
  mtimeUs: number;
  /** Lower-case hex. */
  md5: string;
  /**
   * When the content was last known to be `md5`: the moment before its hash was
   * taken, else when the row was written. The change rules trust the
   * modification time only when it is safely older.
   */
  hashedUs: number;
}

/** A row with its looked-up texts. */
export interface JournalRow {
  fileId: number;
  /** Text for display; identity comes from the path. */
  personId: string | null;
  /** Parent folder relative to the modality's root, POSIX, `.` for the root. */
  folder: string;
  name: string;
  modality: string;
  mtimeUs: number;
  size: number;
  md5: string;
  validUs: number;
  invalidUs: number | null;
  /** `YYYYMMDDHHMMSS` UTC, null while not uploaded. */
  uploaded: string | null;
  version: string;
}

/** One change to write; a page of them is one transaction. */
export type JournalChange =
  | { kind: "added"; modality: string; folder: string; file: NewRow }
  | {
    kind: "updated";
    modality: string;
    folder: string;
    file: NewRow;
    old: ActiveRow;
  }
  /** Same content, other time: keeps the old row's version and upload stamp. */
  | {
    kind: "moved";
    modality: string;
    folder: string;
    file: NewRow;
    old: ActiveRow;
  }
  | { kind: "deleted"; fileId: number }
  /** Hashed again and found unchanged: from now on the row can be trusted. */
  | { kind: "confirmed"; fileId: number; hashedUs: number };

/** What a new row stores of a file. */
export interface NewRow {
  name: string;
  personId: string | undefined;
  size: number;
  mtimeUs: number;
  md5: string;
  /** The version the row goes under (ignored for `moved`). */
  version: string;
  /** A moment before the first byte was read for the hash. */
  hashedUs: number;
  /** Seconds, for the profile. */
  hashSeconds: number;
}

/** How an upload or a check was proven. */
export type ProofLevel = "service" | "sender" | "deep";

/** A submission version. Ids grow in order of creation; the highest is the newest. */
export interface JournalVersion {
  id: number;
  version: string;
}

/** Which rows to read; what is left out does not restrict. */
export interface RowFilter {
  version?: string;
  modalities?: readonly string[];
  /** True: not invalidated; false: invalidated. */
  active?: boolean;
  /** True: carries an upload stamp; false: carries none. */
  uploaded?: boolean;
}
