/** What a run finds, put down page by page before it is compared with the manifest. */

import type { Connection } from "../journal/connection.ts";
import type { RecordOfFile } from "./grouping.ts";
import { STAGING_TABLES } from "./tables.ts";

/** Where and when the journal says a content was sent. */
export interface Submission {
  /** Grows in order of creation. */
  versionId: number;
  version: string;
  /** Relative to the central location; undefined where it can't be told. */
  centralPath: string | undefined;
  /** Upload stamp, `YYYYMMDDHHMMSS` UTC, null while not uploaded. */
  uploaded: string | null;
}

/** One file that a run has come across. */
export type StagedFile =
  /** It has a record. */
  | {
    kind: "found";
    path: string;
    /** Lower-case hex. */
    md5: string;
    record: RecordOfFile;
    /** Undefined where no journal knows this content. */
    submission: Submission | undefined;
  }
  /** Its name, or the mapping, gives it none. */
  | { kind: "unfit"; path: string; reason: string }
  /** It is there but nothing certain is known of it: what the manifest has of it stays. */
  | { kind: "held"; path: string };

/** A content and where it goes, or went. */
export interface SubmittedFile {
  path: string;
  md5: string;
  submission: Submission;
}

/** A content that was sent, and has been replaced or removed since. */
export interface EarlierFile extends SubmittedFile {
  submission: Submission & { uploaded: string };
}

/** The staging tables of one run. They are dropped with the connection. */
export class Staging {
  /** `staged` in order of arrival, then `found` in order of paths. */
  #table: "staged" | "found" = "staged";

  constructor(readonly connection: Connection) {
    connection.execute(STAGING_TABLES);
  }

  /** Puts down a page of files. A path is given once. */
  add(files: readonly StagedFile[]): void {
    this.connection.transaction(() => {
      for (const file of files) this.#add(file);
    });
  }

  /** Puts down contents that were sent before. */
  addEarlier(files: readonly EarlierFile[]): void {
    this.connection.transaction(() => {
      for (const { path, md5, submission } of files) {
        this.connection.run(
          "INSERT INTO temp.earlier VALUES (?, ?, ?, ?, ?)",
          path,
          md5,
          submission.version,
          submission.centralPath ?? null,
          submission.uploaded,
        );
      }
    });
  }

  /** Adds the submission to files that were found with this very content. After `finish`. */
  addSubmissions(files: readonly SubmittedFile[]): void {
    this.connection.transaction(() => {
      for (const { path, md5, submission } of files) {
        this.connection.run(
          "UPDATE temp.found SET Version_id = ?, Version = ?, Central_path = ?, Uploaded = ? WHERE Srcfile = ? AND MD5 = ?",
          submission.versionId,
          submission.version,
          submission.centralPath ?? null,
          submission.uploaded,
          path,
          md5,
        );
      }
    });
  }

  /**
   * Ends the staging: what follows may look things up. The rows are put in order
   * of paths, in which the manifest has them too, so that comparing the two reads
   * both from one end to the other.
   */
  finish(): void {
    this.#table = "found";
    this.connection.execute(`
      CREATE TEMP TABLE found AS SELECT * FROM temp.staged ORDER BY Srcfile;
      DROP TABLE temp.staged;
      CREATE INDEX temp.found_path_idx ON found (Srcfile);
      CREATE INDEX temp.found_record_idx ON found (Record_key);
      CREATE INDEX temp.earlier_idx ON earlier (Srcfile, MD5);
    `);
  }

  /** Paths that were given more than once, which a journal in motion or in disorder does. */
  *duplicates(): Generator<string[]> {
    let after = "";
    for (;;) {
      const page = this.connection.all(
        "SELECT Srcfile FROM temp.found WHERE Srcfile > ? GROUP BY Srcfile HAVING count(*) > 1 ORDER BY Srcfile LIMIT 1000",
        after,
      ).map(([path]) => String(path));
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = last;
    }
  }

  /** Forgets a path and puts down what is right instead. */
  replace(path: string, file: StagedFile): void {
    this.connection.transaction(() => {
      this.connection.run("DELETE FROM temp.found WHERE Srcfile = ?", path);
      this.#add(file);
    });
  }

  #add(file: StagedFile): void {
    switch (file.kind) {
      case "found": {
        const { record, submission } = file;
        this.connection.run(
          `INSERT INTO temp.${this.#table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          file.path,
          record.key,
          record.personId,
          record.start ?? null,
          record.session ?? null,
          file.md5,
          submission?.versionId ?? null,
          submission?.version ?? null,
          submission?.centralPath ?? null,
          submission?.uploaded ?? null,
        );
        break;
      }
      case "unfit":
        this.connection.run(
          "INSERT OR REPLACE INTO temp.unfit VALUES (?, ?)",
          file.path,
          file.reason,
        );
        break;
      case "held":
        this.connection.run("INSERT OR IGNORE INTO temp.held VALUES (?)", file.path);
        break;
      default:
        file satisfies never;
    }
  }
}
