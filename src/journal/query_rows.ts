/** Rows with their texts, page by page, from either schema. */

import { Lookups } from "./lookups.ts";
import type { Connection, SqlValue } from "./connection.ts";
import type { JournalRow, RowFilter } from "./journal_row.ts";

/** Which tables a journal has: 2 is current, 1 the predecessor's old one. */
export type JournalSchema = 1 | 2;

/** Rows per page unless the caller asks for another number. */
export const DEFAULT_PAGE_SIZE = 1_000;

/** How to read rows. */
export interface RowPageOptions {
  /** Rows per page, at most. */
  pageSize?: number;
  /** Only rows after this FILE_ID. */
  afterFileId?: number;
}

/**
 * Pages of rows in order of FILE_ID. Between two pages nothing is held open, so
 * the caller may write meanwhile, and rows written meanwhile are given too.
 */
export function* queryRows(
  connection: Connection,
  schema: JournalSchema,
  filter: RowFilter,
  options: RowPageOptions = {},
): Generator<JournalRow[]> {
  const pageSize = options.pageSize ?? DEFAULT_PAGE_SIZE;
  const select = schema === 2 ? selectVersion2(filter) : selectVersion1(filter);
  const texts = schema === 2 ? new RowTexts(new Lookups(connection)) : undefined;
  const toRow = texts === undefined ? toRow1 : (columns: SqlValue[]) => toRow2(columns, texts);
  let after = options.afterFileId ?? 0;
  for (;;) {
    const page = connection.all(
      `${select.sql} AND j.FILE_ID > ? ORDER BY j.FILE_ID LIMIT ?`,
      ...select.values,
      after,
      pageSize,
    ).map(toRow);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < pageSize) return;
    after = last.fileId;
  }
}

/** Conditions on rows, as SQL over the row alias `j`, with their values. */
export interface Condition {
  sql: string;
  values: SqlValue[];
}

/** A filter's conditions on `journal_v2 j`. */
export function conditionVersion2(filter: RowFilter): Condition {
  const condition: Condition = { sql: "1", values: [] };
  if (filter.version !== undefined) {
    condition.sql += " AND j.VERSION_ID = (SELECT id FROM versions WHERE VERSION = ?)";
    condition.values.push(filter.version);
  }
  if (filter.modalities !== undefined) {
    condition.sql +=
      " AND j.MODALITY_ID IN (SELECT id FROM modalities WHERE MODALITY IN (SELECT value FROM json_each(?)))";
    condition.values.push(JSON.stringify(filter.modalities));
  }
  addStates(condition, filter, "j.UPLOAD_DT_ID");
  return condition;
}

/** A filter's conditions on `journal j` of version 1. */
export function conditionVersion1(filter: RowFilter): Condition {
  const condition: Condition = { sql: "1", values: [] };
  if (filter.version !== undefined) {
    condition.sql += " AND j.VERSION = ?";
    condition.values.push(filter.version);
  }
  if (filter.modalities !== undefined) {
    condition.sql += " AND j.MODALITY IN (SELECT value FROM json_each(?))";
    condition.values.push(JSON.stringify(filter.modalities));
  }
  addStates(condition, filter, "j.UPLOAD_DTSTR");
  return condition;
}

function addStates(
  condition: Condition,
  filter: RowFilter,
  uploadColumn: string,
): void {
  if (filter.active !== undefined) {
    condition.sql += ` AND j.TIME_INVALID_us IS ${filter.active ? "" : "NOT "}NULL`;
  }
  if (filter.uploaded !== undefined) {
    condition.sql += ` AND ${uploadColumn} IS ${filter.uploaded ? "NOT " : ""}NULL`;
  }
}

function selectVersion2(filter: RowFilter): Condition {
  const { sql, values } = conditionVersion2(filter);
  return {
    sql:
      `SELECT j.FILE_ID, CAST(j.PERSON_ID AS TEXT), p.SRC_PATH, j.FILENAME, j.MODALITY_ID, j.SRC_MODTIME_us, j.SIZE, j.MD5, j.TIME_VALID_us, j.TIME_INVALID_us, j.UPLOAD_DT_ID, j.VERSION_ID
FROM journal_v2 j NOT INDEXED
CROSS JOIN srcpaths p ON p.id = j.SRC_PATH_ID
WHERE ${sql}`,
    values,
  };
}

function selectVersion1(filter: RowFilter): Condition {
  const { sql, values } = conditionVersion1(filter);
  return {
    sql:
      `SELECT j.FILE_ID, CAST(j.PERSON_ID AS TEXT), j.FILEPATH, coalesce(j.MODALITY, ''), j.SRC_MODTIME_us, j.SIZE, coalesce(j.MD5, ''), j.TIME_VALID_us, j.TIME_INVALID_us, j.UPLOAD_DTSTR, coalesce(j.VERSION, '')
FROM journal j NOT INDEXED
WHERE ${sql}`,
    values,
  };
}

/** Texts of the small lookup tables: cheaper than a join, and one string for many rows. */
class RowTexts {
  readonly #texts = new Map<string, Map<number, string>>();

  constructor(private readonly lookups: Lookups) {}

  /** The text of an id, null for none. A row may refer to a text that was added meanwhile. */
  get(table: "modalities" | "versions" | "uploads", id: SqlValue | undefined): string | null {
    if (id === null || id === undefined) return null;
    const known = this.#texts.get(table)?.get(Number(id));
    if (known !== undefined) return known;
    const texts = this.lookups.texts(table);
    this.#texts.set(table, texts);
    return texts.get(Number(id)) ?? null;
  }
}

function toRow2(columns: SqlValue[], texts: RowTexts): JournalRow {
  return {
    fileId: columns[0] as number,
    personId: columns[1] as string | null,
    folder: columns[2] as string,
    name: columns[3] as string,
    modality: texts.get("modalities", columns[4]) ?? "",
    mtimeUs: columns[5] as number,
    size: columns[6] as number,
    md5: columns[7] as string,
    validUs: columns[8] as number,
    invalidUs: columns[9] as number | null,
    uploaded: texts.get("uploads", columns[10]),
    version: texts.get("versions", columns[11]) ?? "",
  };
}

function toRow1(columns: SqlValue[]): JournalRow {
  const path = columns[2] as string;
  const slash = path.lastIndexOf("/");
  return {
    fileId: columns[0] as number,
    personId: columns[1] as string | null,
    folder: slash < 0 ? "." : path.slice(0, slash),
    name: path.slice(slash + 1),
    modality: columns[3] as string,
    mtimeUs: Number(columns[4]),
    size: Number(columns[5]),
    md5: columns[6] as string,
    validUs: Number(columns[7]),
    invalidUs: columns[8] as number | null,
    uploaded: columns[9] as string | null,
    version: columns[10] as string,
  };
}
