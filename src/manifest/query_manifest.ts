/** What others ask of a manifest, page by page. */

import type { Connection, SqlValue } from "../journal/connection.ts";

/** A row of the registry with the number of its files. */
export interface RegistryRow {
  recordId: number;
  personId: string;
  sessionId: string | null;
  /** `YYYY-MM-DD` */
  date: string | null;
  /** `HH:MM:SS` */
  time: string | null;
  uploaddir: string | null;
  isActive: boolean;
  /** Active files. */
  files: number;
}

/** Which rows of the registry; what is left out does not restrict. */
export interface RegistryFilter {
  personId?: string;
  active?: boolean;
}

/** Rows together; a page is one table on a terminal. */
const PAGE_ROWS = 500;

/** Pages of the registry by person, start and id. */
export function* registryRows(
  connection: Connection,
  { personId, active }: RegistryFilter,
): Generator<RegistryRow[]> {
  let after: SqlValue[] = ["", "", "", 0];
  for (;;) {
    const page = connection.all(
      `SELECT Record_id, Person_id, Session_id, Date, Time, Uploaddir, IsActive,
        (SELECT count(*) FROM source_files s WHERE s.Record_id = g.Record_id AND s.Time_Invalid IS NULL)
      FROM registry g
      WHERE (Person_id, coalesce(Date, ''), coalesce(Time, ''), Record_id) > (?, ?, ?, ?)
        AND (? IS NULL OR Person_id = ?) AND (? IS NULL OR IsActive = ?)
      ORDER BY Person_id, coalesce(Date, ''), coalesce(Time, ''), Record_id
      LIMIT ${PAGE_ROWS}`,
      ...after,
      personId ?? null,
      personId ?? null,
      active === undefined ? null : Number(active),
      Number(active ?? false),
    );
    if (page.length === 0) return;
    yield page.map((row) => ({
      recordId: Number(row[0]),
      personId: String(row[1]),
      sessionId: textOrNull(row[2]),
      date: textOrNull(row[3]),
      time: textOrNull(row[4]),
      uploaddir: textOrNull(row[5]),
      isActive: row[6] === 1,
      files: Number(row[7]),
    }));
    if (page.length < PAGE_ROWS) return;
    const last = page[page.length - 1];
    after = [last[1], last[3] ?? "", last[4] ?? "", last[0]];
  }
}

/** A manifest in numbers. */
export interface ManifestTotals {
  records: number;
  activeRecords: number;
  persons: number;
  sessions: number;
  activeFiles: number;
  uploadedRecords: number;
  unfit: number;
  unassigned: number;
  /** Start of the last run, microseconds since 1970 UTC. */
  lastRunUs: number | undefined;
}

/** Counts of one person, or of all. */
export function manifestTotals(connection: Connection, personId?: string): ManifestTotals {
  const [records, activeRecords, persons, sessions, uploadedRecords] = connection.first(
    `SELECT count(*), sum(IsActive), count(DISTINCT Person_id), count(DISTINCT Session_id),
      sum(IsActive AND Uploaddir IS NOT NULL)
    FROM registry WHERE (? IS NULL OR Person_id = ?)`,
    personId ?? null,
    personId ?? null,
  ) ?? [];
  const count = (sql: string, ...values: SqlValue[]) =>
    connection.number(`SELECT count(*) FROM ${sql}`, ...values);
  const last = connection.number("SELECT max(Started) FROM runs");
  return {
    records: Number(records),
    activeRecords: Number(activeRecords ?? 0),
    persons: Number(persons),
    sessions: Number(sessions),
    uploadedRecords: Number(uploadedRecords ?? 0),
    activeFiles: count(
      "source_files WHERE Time_Invalid IS NULL AND (? IS NULL OR Person_id = ?)",
      personId ?? null,
      personId ?? null,
    ),
    unfit: count("unfit_files"),
    unassigned: count(
      "unassigned_records u JOIN registry g ON g.Record_id = u.Record_id WHERE (? IS NULL OR g.Person_id = ?)",
      personId ?? null,
      personId ?? null,
    ),
    lastRunUs: last === 0 ? undefined : last,
  };
}

/** A file without a record. */
export interface UnfitFile {
  path: string;
  reason: string;
}

/** Files without a record, in order of paths. */
export function* unfitFiles(connection: Connection): Generator<UnfitFile> {
  let after = "";
  for (;;) {
    const page = connection.all(
      `SELECT Srcfile, Reason FROM unfit_files WHERE Srcfile > ? ORDER BY Srcfile LIMIT ${PAGE_ROWS}`,
      after,
    );
    for (const [path, reason] of page) {
      after = String(path);
      yield { path: after, reason: String(reason) };
    }
    if (page.length < PAGE_ROWS) return;
  }
}

/** A record without a session. */
export interface UnassignedRecord {
  recordId: number;
  recordKey: string;
  personId: string;
  reason: string;
}

/** Active records without a session, in order of ids. */
export function* unassignedRecords(connection: Connection): Generator<UnassignedRecord> {
  let after = 0;
  for (;;) {
    const page = connection.all(
      `SELECT u.Record_id, k.Record_key, g.Person_id, u.Reason FROM unassigned_records u
      JOIN registry g ON g.Record_id = u.Record_id JOIN record_keys k ON k.Record_id = u.Record_id
      WHERE u.Record_id > ? ORDER BY u.Record_id LIMIT ${PAGE_ROWS}`,
      after,
    );
    for (const [id, key, person, reason] of page) {
      after = Number(id);
      yield {
        recordId: after,
        recordKey: String(key),
        personId: String(person),
        reason: String(reason),
      };
    }
    if (page.length < PAGE_ROWS) return;
  }
}

function textOrNull(value: SqlValue): string | null {
  return value === null ? null : String(value);
}
