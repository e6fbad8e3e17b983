/** Brings the manifest's tables up to what a run has staged, in one transaction. */

import type { Connection } from "../journal/connection.ts";
import type { Grouping } from "./grouping.ts";
import { recordIdOf } from "./record_id.ts";
import { assignSessions, type SessionRule } from "./sessions.ts";

/** What a run did to the tables. */
export interface RunCounts {
  files: {
    /** Rows whose path had no active one before. */
    added: number;
    /** Paths whose row was replaced: other content, or another record. */
    changed: number;
    /** Rows that ended because the file is gone, or its name no longer fits. */
    gone: number;
    kept: number;
  };
  records: {
    added: number;
    /** Inactive before, active now, under the same id. */
    back: number;
    /** Without active files from now on. */
    ended: number;
    /** All that are active now. */
    active: number;
    /** Active ones that are uploaded as they are. */
    uploaded: number;
  };
  /** Files without a record, now. */
  unfit: number;
  /** Active records without a session, now. */
  unassigned: number;
}

/** What a run goes by. */
export interface RunRules {
  /** One stamp for all that the run changes, microseconds since 1970 UTC; later than any before. */
  stampUs: number;
  source: "journal" | "path";
  grouping: Grouping;
  sessions: SessionRule;
  /** False where nothing is known about uploads: what is unchanged keeps what it has. */
  journalKnown: boolean;
  /** False: what was not found stays as it is. */
  declareGone: boolean;
  /** Seconds that the run has taken so far. */
  seconds: () => number;
}

/** Paths that neither were found nor must be left alone. */
const NOT_FOUND = `NOT EXISTS (SELECT 1 FROM temp.found f WHERE f.Srcfile = source_files.Srcfile)
  AND NOT EXISTS (SELECT 1 FROM temp.held h WHERE h.Srcfile = source_files.Srcfile)`;

const STILL_THERE = "EXISTS (SELECT 1 FROM temp.unfit u WHERE u.Srcfile = source_files.Srcfile)";

/** How many active rows there are, and of how many the file was not found. */
export function countGone(connection: Connection): { active: number; gone: number } {
  return {
    active: connection.number("SELECT count(*) FROM source_files WHERE Time_Invalid IS NULL"),
    gone: connection.number(
      `SELECT count(*) FROM source_files WHERE Time_Invalid IS NULL AND ${NOT_FOUND} AND NOT ${STILL_THERE}`,
    ),
  };
}

/**
 * Applies a finished staging. All of it, or nothing: a process that is killed
 * in between leaves the manifest as it was.
 *
 * | staged | active row | result |
 * | --- | --- | --- |
 * | found | none | a new row |
 * | found | same content and record | nothing |
 * | found | other content or record | the old row ends, a new one begins |
 * | held | any | nothing |
 * | unfit | some | the row ends |
 * | not at all | some | the row ends, when `declareGone` |
 */
export function applyRun(connection: Connection, rules: RunRules): RunCounts {
  return connection.transaction(() => {
    const added = identifyRecords(connection, rules.grouping);
    const files = updateFiles(connection, rules);
    const ended = connection.run(
      "UPDATE registry SET IsActive = 0 WHERE IsActive = 1 AND NOT EXISTS (SELECT 1 FROM source_files s WHERE s.Record_id = registry.Record_id AND s.Time_Invalid IS NULL)",
    );
    const back = connection.run(
      "UPDATE registry SET IsActive = 1 WHERE IsActive = 0 AND EXISTS (SELECT 1 FROM source_files s WHERE s.Record_id = registry.Record_id AND s.Time_Invalid IS NULL)",
    );
    updateSubmissions(connection);
    updateRegistry(connection, rules);
    assignSessions(connection, rules.sessions);
    updateUnfit(connection, rules);
    const count = (sql: string) => connection.number(`SELECT count(*) FROM ${sql}`);
    const counts: RunCounts = {
      files: {
        ...files,
        kept: count("source_files WHERE Time_Invalid IS NULL") - files.added - files.changed,
      },
      records: {
        added,
        back,
        ended,
        active: count("registry WHERE IsActive = 1"),
        uploaded: count("registry WHERE IsActive = 1 AND Uploaddir IS NOT NULL"),
      },
      unfit: count("unfit_files"),
      unassigned: count("unassigned_records"),
    };
    connection.run(
      "INSERT INTO runs (Started, Seconds, Source, Grouping, Sessions, Counts) VALUES (?, ?, ?, ?, ?, ?)",
      rules.stampUs,
      rules.seconds(),
      rules.source,
      rules.grouping,
      rules.sessions,
      JSON.stringify(counts),
    );
    return counts;
  });
}

const RECORDS_PER_PAGE = 1_000;

/** Makes `temp.record`, one row per record that has files, and enters new ones in the registry. */
function identifyRecords(connection: Connection, grouping: Grouping): number {
  connection.execute(`
    DROP TABLE IF EXISTS temp.record;
    CREATE TEMP TABLE record AS
      SELECT Record_key, NULL AS Record_id, min(Person_id) AS Person_id, min(Start) AS Start,
        count(*) AS Files, min(Session) AS First_session, max(Session) AS Last_session,
        count(Uploaded) AS Uploaded, max(Version_id) AS Version_id, Version
      FROM temp.found GROUP BY Record_key;
    CREATE UNIQUE INDEX temp.record_key_idx ON record (Record_key);
  `);
  let added = 0;
  let after = "";
  for (;;) {
    // In order of keys, so that not even ids that collide depend on the order of the files.
    const page = connection.all(
      `SELECT r.Record_key, r.Person_id, k.Record_id FROM temp.record r
        LEFT JOIN record_keys k ON k.Record_key = r.Record_key
        WHERE r.Record_key > ? ORDER BY r.Record_key LIMIT ${RECORDS_PER_PAGE}`,
      after,
    );
    for (const [key, person, known] of page) {
      after = String(key);
      let id = known;
      if (id === null) {
        id = freeRecordId(connection, grouping, after);
        connection.run(
          "INSERT INTO registry (Record_id, Person_id, IsActive) VALUES (?, ?, 1)",
          id,
          person,
        );
        connection.run("INSERT INTO record_keys (Record_id, Record_key) VALUES (?, ?)", id, key);
        added++;
      }
      connection.run("UPDATE temp.record SET Record_id = ? WHERE Record_key = ?", id, key);
    }
    if (page.length < RECORDS_PER_PAGE) break;
  }
  connection.execute("CREATE UNIQUE INDEX temp.record_id_idx ON record (Record_id)");
  return added;
}

function freeRecordId(connection: Connection, grouping: Grouping, key: string): number {
  for (let attempt = 0;; attempt++) {
    const id = recordIdOf(grouping, key, attempt);
    if (connection.first("SELECT 1 FROM registry WHERE Record_id = ?", id) === undefined) return id;
  }
}

function updateFiles(
  connection: Connection,
  { stampUs, declareGone }: RunRules,
): Omit<RunCounts["files"], "kept"> {
  const changed = connection.run(
    `UPDATE source_files SET Time_Invalid = ? WHERE Time_Invalid IS NULL AND EXISTS (
      SELECT 1 FROM temp.found f JOIN temp.record r ON r.Record_key = f.Record_key
      WHERE f.Srcfile = source_files.Srcfile
        AND (f.MD5 <> source_files.MD5 OR r.Record_id <> source_files.Record_id))`,
    stampUs,
  );
  const gone = connection.run(
    `UPDATE source_files SET Time_Invalid = ? WHERE Time_Invalid IS NULL AND ${NOT_FOUND}
      AND (? OR ${STILL_THERE})`,
    stampUs,
    declareGone ? 1 : 0,
  );
  // Sorted, so that ids of files don't depend on the order in which they were met.
  const inserted = connection.run(
    `INSERT INTO source_files (Record_id, Person_id, Srcfile, MD5, Time_Valid)
      SELECT r.Record_id, f.Person_id, f.Srcfile, f.MD5, ?
      FROM temp.found f JOIN temp.record r ON r.Record_key = f.Record_key
      WHERE NOT EXISTS (SELECT 1 FROM source_files s
        WHERE s.Srcfile = f.Srcfile AND s.Time_Invalid IS NULL)
      ORDER BY f.Srcfile`,
    stampUs,
  );
  return { added: inserted - changed, changed, gone };
}

/** Notes where each content was sent, of replaced ones too. */
function updateSubmissions(connection: Connection): void {
  const update = `ON CONFLICT (File_id) DO UPDATE
    SET Version = excluded.Version, Central_path = excluded.Central_path, Uploaded = excluded.Uploaded
    WHERE (Version, Central_path, Uploaded)
      IS NOT (excluded.Version, excluded.Central_path, excluded.Uploaded)`;
  connection.execute(`
    INSERT INTO file_submissions (File_id, Version, Central_path, Uploaded)
      SELECT s.File_id, f.Version, f.Central_path, f.Uploaded
      FROM temp.found f JOIN source_files s ON s.Srcfile = f.Srcfile AND s.Time_Invalid IS NULL
      WHERE f.Version IS NOT NULL ${update};
    INSERT INTO file_submissions (File_id, Version, Central_path, Uploaded)
      SELECT s.File_id, e.Version, e.Central_path, max(e.Uploaded)
      FROM temp.earlier e CROSS JOIN source_files s ON s.Srcfile = e.Srcfile AND s.MD5 = e.MD5
      LEFT JOIN file_submissions x ON x.File_id = s.File_id
      WHERE s.Time_Invalid IS NOT NULL AND x.Uploaded IS NULL
      GROUP BY s.File_id ${update};
  `);
}

/**
 * Start and upload of each record. A record of which not every active file was
 * found keeps its start, and is not taken for uploaded when a found file isn't.
 */
function updateRegistry(connection: Connection, { stampUs, journalKnown }: RunRules): void {
  const known = journalKnown ? 1 : 0;
  connection.run(
    `UPDATE registry SET Date = n.Date, Time = n.Time, Uploaddir = n.Uploaddir FROM (
      SELECT g.Record_id,
        CASE WHEN o.Files > r.Files THEN g.Date ELSE substr(r.Start, 1, 10) END AS Date,
        CASE WHEN o.Files > r.Files THEN g.Time ELSE nullif(substr(r.Start, 12), '') END AS Time,
        CASE
          WHEN NOT ? THEN CASE WHEN o.Changed THEN NULL ELSE g.Uploaddir END
          WHEN r.Uploaded < r.Files THEN NULL
          WHEN o.Files > r.Files THEN g.Uploaddir
          ELSE r.Version
        END AS Uploaddir
      FROM temp.record r
      JOIN registry g ON g.Record_id = r.Record_id
      JOIN (
        SELECT Record_id, count(*) AS Files, max(Time_Valid) = ? AS Changed
        FROM source_files WHERE Time_Invalid IS NULL GROUP BY Record_id
      ) o ON o.Record_id = r.Record_id
    ) n
    WHERE n.Record_id = registry.Record_id AND (registry.Date, registry.Time, registry.Uploaddir)
      IS NOT (n.Date, n.Time, n.Uploaddir)`,
    known,
    stampUs,
  );
}

function updateUnfit(connection: Connection, { stampUs, declareGone }: RunRules): void {
  connection.run(
    `DELETE FROM unfit_files WHERE Srcfile NOT IN (SELECT Srcfile FROM temp.unfit)
      AND Srcfile NOT IN (SELECT Srcfile FROM temp.held)
      AND (? OR EXISTS (SELECT 1 FROM temp.found f WHERE f.Srcfile = unfit_files.Srcfile))`,
    declareGone ? 1 : 0,
  );
  connection.run(
    `INSERT INTO unfit_files (Srcfile, Reason, Time_Valid)
      SELECT Srcfile, Reason, ? FROM temp.unfit WHERE true
      ON CONFLICT (Srcfile) DO UPDATE SET Reason = excluded.Reason WHERE Reason <> excluded.Reason`,
    stampUs,
  );
}
