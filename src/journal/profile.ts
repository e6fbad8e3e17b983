/** Durations per file, in a database of their own beside the journal (SPEC 4.4). */

import { Connection } from "./connection.ts";

const TABLE =
  "CREATE TABLE IF NOT EXISTS performance (FILE_ID INTEGER PRIMARY KEY , STATE TEXT NOT NULL, MD5_DURATION REAL NOT NULL, UPLOAD_DURATION REAL , VERIFY_DURATION REAL );";

/** What an update did with a file, in the predecessor's words. */
export type ProfileState =
  | "ADDED"
  | "UPDATED"
  | "MOVED"
  | "DELETED"
  | "OUTDATED";

/** How long a file's hash took. */
export interface HashDuration {
  fileId: number;
  state: ProfileState;
  seconds: number;
}

/** How long a file's upload took, its proof included. */
export interface UploadDuration {
  fileId: number;
  uploadSeconds: number;
}

/** `journal.db` gives `journal_profile.db`. */
export function profilePath(journalPath: string): string {
  return `${journalPath.replace(/\.db$/, "")}_profile.db`;
}

/**
 * The profile database, open for writing. It is a measurement, not a record:
 * a crash of the machine may cost its last rows.
 */
export class Profile implements Disposable {
  readonly #connection: Connection;

  /** @param journalPath the journal that it belongs to */
  constructor(journalPath: string) {
    this.#connection = new Connection(profilePath(journalPath), {
      readOnly: false,
      busyTimeoutMs: 5_000,
    });
    this.#connection.execute(`PRAGMA synchronous = NORMAL; ${TABLE}`);
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** Records a page of hashes. */
  recordHashes(durations: readonly HashDuration[]): void {
    this.#connection.transaction(() => {
      for (const { fileId, state, seconds } of durations) {
        this.#connection.run(
          "INSERT OR REPLACE INTO performance (FILE_ID, STATE, MD5_DURATION) VALUES (?, ?, ?)",
          fileId,
          state,
          seconds,
        );
      }
    });
  }

  /** Records that rows were invalidated. */
  recordStates(rows: readonly { fileId: number; state: ProfileState }[]): void {
    this.#connection.transaction(() => {
      for (const { fileId, state } of rows) {
        this.#connection.run(
          "UPDATE performance SET STATE = ? WHERE FILE_ID = ?",
          state,
          fileId,
        );
      }
    });
  }

  /** Records a page of uploads of files whose hashes were recorded. */
  recordUploads(durations: readonly UploadDuration[]): void {
    this.#connection.transaction(() => {
      for (const { fileId, uploadSeconds } of durations) {
        this.#connection.run(
          "UPDATE performance SET UPLOAD_DURATION = ? WHERE FILE_ID = ?",
          uploadSeconds,
          fileId,
        );
      }
    });
  }
}
