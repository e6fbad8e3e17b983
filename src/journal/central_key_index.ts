/**
 * Rows by central key, on disk. Central keys are made by the layout, not by
 * SQL, and their order is not the journal's; a listing of the central store
 * comes in key order. This index sorts any number of rows in flat memory, so
 * that two rows with one key are found, and rows can be matched with a listing
 * of objects in whatever order it comes.
 */

import { Connection } from "./connection.ts";

/** A row under its central key. */
export interface KeyedRow {
  /** The object's key in the central store. */
  key: string;
  fileId: number;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  md5: string;
}

const PAGE = 2_000;

/** A temporary index from central key to row; gone when disposed. */
export class CentralKeyIndex implements Disposable {
  /** A temporary table of an empty database spills to a file of SQLite's, which is unnamed. Nothing is ever committed or undone. */
  readonly #connection: Connection;

  constructor() {
    this.#connection = new Connection(":memory:", {
      readOnly: false,
      busyTimeoutMs: 0,
    });
    this.#connection.execute(`
      PRAGMA temp_store = FILE;
      CREATE TEMP TABLE keyed_row (KEY TEXT PRIMARY KEY, FILE_ID INTEGER NOT NULL, SIZE INTEGER NOT NULL, MD5 TEXT NOT NULL, TAKEN INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
      CREATE TEMP TABLE clash (KEY TEXT NOT NULL, FILE_ID INTEGER NOT NULL, PRIMARY KEY (KEY, FILE_ID)) WITHOUT ROWID;
      PRAGMA temp.journal_mode = OFF;
      PRAGMA temp.cache_size = -8192;
      BEGIN;
    `);
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** Adds a page of rows. A second row with a key that is there already becomes a clash. */
  add(rows: readonly KeyedRow[]): void {
    for (const { key, fileId, size, md5 } of rows) {
      const added = this.#connection.run(
        "INSERT OR IGNORE INTO keyed_row (KEY, FILE_ID, SIZE, MD5) VALUES (?, ?, ?, ?)",
        key,
        fileId,
        size,
        md5,
      );
      if (added === 1) continue;
      this.#connection.run(
        "INSERT OR IGNORE INTO clash SELECT KEY, FILE_ID FROM keyed_row WHERE KEY = ?",
        key,
      );
      this.#connection.run(
        "INSERT OR IGNORE INTO clash VALUES (?, ?)",
        key,
        fileId,
      );
    }
  }

  /** Keys that several rows share, with all those rows' FILE_IDs, in key order. */
  *clashes(): Generator<{ key: string; fileIds: number[] }> {
    let after = "";
    for (;;) {
      const [key, fileIds] = this.#connection.first(
        "SELECT KEY, json_group_array(FILE_ID) FROM clash WHERE KEY = (SELECT min(KEY) FROM clash WHERE KEY > ?) GROUP BY KEY",
        after,
      ) ?? [];
      if (key === undefined) return;
      after = String(key);
      yield { key: after, fileIds: JSON.parse(String(fileIds)) };
    }
  }

  /** The row with this key, undefined when there is none; noted as taken. */
  take(key: string): KeyedRow | undefined {
    const columns = this.#connection.first(
      "UPDATE keyed_row SET TAKEN = 1 WHERE KEY = ? RETURNING KEY, FILE_ID, SIZE, MD5",
      key,
    );
    return columns === undefined ? undefined : toKeyedRow(columns);
  }

  /** Pages of rows in byte order of their keys. */
  rows(): Generator<KeyedRow[]> {
    return this.#pages("1");
  }

  /** Pages of the rows that were not taken, in byte order of their keys. */
  left(): Generator<KeyedRow[]> {
    return this.#pages("TAKEN = 0");
  }

  *#pages(condition: string): Generator<KeyedRow[]> {
    let after = "";
    for (;;) {
      const page = this.#connection.all(
        `SELECT KEY, FILE_ID, SIZE, MD5 FROM keyed_row WHERE KEY > ? AND ${condition} ORDER BY KEY LIMIT ?`,
        after,
        PAGE,
      ).map(toKeyedRow);
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = last.key;
    }
  }
}

function toKeyedRow(columns: readonly unknown[]): KeyedRow {
  return {
    key: String(columns[0]),
    fileId: Number(columns[1]),
    size: Number(columns[2]),
    md5: String(columns[3]),
  };
}
