/** Writes a page of changes as one transaction. */

import { ChorusError } from "../errors/chorus_error.ts";
import type { Connection, SqlValue } from "./connection.ts";
import type { JournalChange, NewRow } from "./journal_row.ts";
import type { Lookups } from "./lookups.ts";

/** Rows per INSERT statement: one call into SQLite for many rows halves the time. */
const ROWS_PER_INSERT = 32;
const COLUMNS_PER_ROW = 12;

const INSERT_MANY = insertStatement(ROWS_PER_INSERT);
const INSERT_ONE = insertStatement(1);

/**
 * A file modified this shortly before its hash, or before the row's own time,
 * has the moment of the hash noted; wider than any margin of the change rules.
 */
const NOTED_WITHIN_US = 10_000_000;

/** What a written page gave. */
export interface WrittenPage {
  /** For each change, in order: the FILE_ID of its new row, undefined where it made none. */
  fileIds: readonly (number | undefined)[];
  /** How many moments of hashes were noted in `hash_time`. */
  notes: number;
}

/**
 * Writes invalidations and new rows; texts of lookup tables and the version
 * are created with the first row that needs them.
 *
 * @param changes at most a page of them
 * @param nowUs microseconds since 1970 UTC: `TIME_VALID_us` and `TIME_INVALID_us`
 * @throws ChorusError `journal_damaged` when a row to be replaced is no longer active
 */
export function writePage(
  connection: Connection,
  lookups: Lookups,
  changes: readonly JournalChange[],
  nowUs: number,
): WrittenPage {
  const page = new Page(connection, lookups, nowUs);
  const fileIds = changes.map((change) => page.write(change));
  return { fileIds, notes: page.finish() };
}

/** One page under way, within one transaction. */
class Page {
  readonly #rows: RowInserter;
  readonly #notes: HashNotes;

  constructor(
    private readonly connection: Connection,
    private readonly lookups: Lookups,
    private readonly nowUs: number,
  ) {
    this.#rows = new RowInserter(connection);
    this.#notes = new HashNotes(connection);
  }

  /** Writes one change; gives the FILE_ID of its new row. */
  write(change: JournalChange): number | undefined {
    switch (change.kind) {
      case "deleted":
        this.#invalidate(change.fileId);
        return undefined;
      case "confirmed":
        this.#notes.add(change.fileId, change.hashedUs);
        return undefined;
      case "added":
        return this.#insert(change, this.#versionId(change.file), null);
      case "updated":
        this.#invalidate(change.old.fileId);
        return this.#insert(change, this.#versionId(change.file), null);
      case "moved": {
        const [versionId, uploadId] = this.connection.first(
          "SELECT VERSION_ID, UPLOAD_DT_ID FROM journal_v2 WHERE FILE_ID = ?",
          change.old.fileId,
        ) ?? [];
        this.#invalidate(change.old.fileId);
        return this.#insert(change, Number(versionId), uploadId ?? null);
      }
    }
  }

  /** Gives the number of noted moments. */
  finish(): number {
    this.#rows.flush();
    return this.#notes.count;
  }

  #versionId(file: NewRow): number {
    return this.lookups.findOrInsert("versions", file.version);
  }

  #insert(
    { modality, folder, file }: { modality: string; folder: string; file: NewRow },
    versionId: number,
    uploadId: SqlValue,
  ): number {
    const fileId = this.#rows.add([
      file.personId ?? null,
      this.lookups.findOrInsert("srcpaths", folder),
      file.name,
      this.lookups.findOrInsert("modalities", modality),
      file.mtimeUs,
      file.size,
      file.md5,
      this.nowUs,
      null,
      uploadId,
      versionId,
    ]);
    if (file.mtimeUs + NOTED_WITHIN_US > Math.min(file.hashedUs, this.nowUs)) {
      this.#notes.add(fileId, file.hashedUs);
    }
    return fileId;
  }

  #invalidate(fileId: number): void {
    const changed = this.connection.run(
      "UPDATE journal_v2 SET TIME_INVALID_us = ? WHERE FILE_ID = ? AND TIME_INVALID_us IS NULL",
      this.nowUs,
      fileId,
    );
    if (changed !== 1) {
      throw new ChorusError(
        "journal_damaged",
        `Row ${fileId} of the journal "${this.connection.path}" is no longer active; nothing of this page was written.`,
        {
          subject: this.connection.path,
          remedy: "Run the command again; `journal list` tells what was written.",
        },
      );
    }
    this.connection.run("DELETE FROM hash_time WHERE FILE_ID = ?", fileId);
  }
}

/** Remembers moments of hashes. */
class HashNotes {
  count = 0;

  constructor(private readonly connection: Connection) {}

  add(fileId: number, hashedUs: number): void {
    this.connection.run(
      "INSERT OR REPLACE INTO hash_time (FILE_ID, HASHED_us) VALUES (?, ?)",
      fileId,
      hashedUs,
    );
    this.count++;
  }
}

/** Gives out FILE_IDs and inserts rows many at a time. Lives within one transaction. */
class RowInserter {
  #next: number;
  #values: SqlValue[] = [];

  constructor(private readonly connection: Connection) {
    this.#next = nextFileId(connection);
  }

  /** @param columns all but FILE_ID, in the table's order */
  add(columns: readonly SqlValue[]): number {
    const fileId = this.#next++;
    this.#values.push(fileId, ...columns);
    if (this.#values.length === ROWS_PER_INSERT * COLUMNS_PER_ROW) {
      this.connection.run(INSERT_MANY, ...this.#values);
      this.#values = [];
    }
    return fileId;
  }

  flush(): void {
    for (let at = 0; at < this.#values.length; at += COLUMNS_PER_ROW) {
      this.connection.run(
        INSERT_ONE,
        ...this.#values.slice(at, at + COLUMNS_PER_ROW),
      );
    }
    this.#values = [];
  }
}

/** AUTOINCREMENT's own rule: never an id that was in use before. */
function nextFileId(connection: Connection): number {
  return 1 + Math.max(
    connection.number(
      "SELECT seq FROM sqlite_sequence WHERE name = 'journal_v2'",
    ),
    lastFileId(connection),
  );
}

/** The highest FILE_ID in the journal, 0 when it is empty. */
export function lastFileId(connection: Connection): number {
  return connection.number("SELECT max(FILE_ID) FROM journal_v2");
}

function insertStatement(rows: number): string {
  const row = `(${Array(COLUMNS_PER_ROW).fill("?").join(", ")})`;
  return `INSERT INTO journal_v2 (FILE_ID, PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, TIME_INVALID_us, UPLOAD_DT_ID, VERSION_ID) VALUES ${
    Array(rows).fill(row).join(", ")
  }`;
}
