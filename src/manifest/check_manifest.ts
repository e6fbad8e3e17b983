/** Looks whether a manifest agrees with itself. */

import { isChorusError } from "../errors/chorus_error.ts";
import type { Connection } from "../journal/connection.ts";

/** Something that must not be. */
export interface ManifestProblem {
  /** Which rule is broken. */
  rule: string;
  /** The row, for people: `record 123`, `file 5 (p/Waveforms/…)`. */
  subject: string;
  /** The rest of the sentence. */
  problem: string;
}

/** A rule as a query for the rows that break it: id, subject, problem. */
interface Rule {
  name: string;
  sql: string;
}

const FILE = `'file ' || s.File_id || ' (' || s.Srcfile || ')'`;
const RECORD = `'record ' || g.Record_id`;

const RULES: readonly Rule[] = [
  {
    name: "record has files",
    sql: `SELECT g.Record_id, ${RECORD}, 'it has no files' FROM registry g
      WHERE NOT EXISTS (SELECT 1 FROM source_files s WHERE s.Record_id = g.Record_id)`,
  },
  {
    name: "file has a record",
    sql: `SELECT s.File_id, ${FILE}, 'its record ' || s.Record_id || ' is not in the registry'
      FROM source_files s WHERE NOT EXISTS (SELECT 1 FROM registry g WHERE g.Record_id = s.Record_id)`,
  },
  {
    name: "IsActive is right",
    sql:
      `SELECT g.Record_id, ${RECORD}, 'IsActive is ' || g.IsActive || ', but it has ' || g.Files || ' active files'
      FROM (SELECT r.Record_id, r.IsActive, (SELECT count(*) FROM source_files s
        WHERE s.Record_id = r.Record_id AND s.Time_Invalid IS NULL) AS Files FROM registry r) g
      WHERE g.IsActive <> (g.Files > 0)`,
  },
  {
    name: "same person",
    sql:
      `SELECT s.File_id, ${FILE}, 'it is of person "' || s.Person_id || '", its record of "' || g.Person_id || '"'
      FROM source_files s JOIN registry g ON g.Record_id = s.Record_id WHERE s.Person_id <> g.Person_id`,
  },
  {
    name: "times in order",
    sql: `SELECT s.File_id, ${FILE}, 'Time_Invalid is not after Time_Valid'
      FROM source_files s WHERE s.Time_Invalid <= s.Time_Valid`,
  },
  {
    name: "one version at a time",
    sql:
      `SELECT s.File_id, ${FILE}, 'it begins before file ' || s.Previous || ' of the same path has ended'
      FROM (SELECT File_id, Srcfile, Time_Valid,
          lag(File_id) OVER w AS Previous, lag(coalesce(Time_Invalid, 9e18)) OVER w AS Ended
        FROM source_files WINDOW w AS (PARTITION BY Srcfile ORDER BY Time_Valid, File_id)) s
      WHERE s.Ended > s.Time_Valid`,
  },
  {
    name: "times are those of runs",
    sql: `SELECT s.File_id, ${FILE}, 'no run has the time at which it begins or ends'
      FROM source_files s WHERE s.Time_Valid NOT IN (SELECT Started FROM runs)
        OR (s.Time_Invalid IS NOT NULL AND s.Time_Invalid NOT IN (SELECT Started FROM runs))`,
  },
  {
    name: "dates exist",
    sql:
      `SELECT g.Record_id, ${RECORD}, 'it starts at "' || coalesce(g.Date, '') || ' ' || coalesce(g.Time, '') || '"'
      FROM registry g WHERE (g.Date IS NOT NULL AND date(g.Date) IS NOT g.Date)
        OR (g.Time IS NOT NULL AND (g.Date IS NULL OR time(g.Time) IS NOT g.Time))`,
  },
  {
    name: "session or reason",
    sql: `SELECT g.Record_id, ${RECORD}, 'it has no session, and nothing says why'
      FROM registry g WHERE g.IsActive = 1 AND g.Session_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM unassigned_records u WHERE u.Record_id = g.Record_id)`,
  },
  {
    name: "record has a key",
    sql: `SELECT g.Record_id, ${RECORD}, 'nothing tells what its id was derived from'
      FROM registry g WHERE NOT EXISTS (SELECT 1 FROM record_keys k WHERE k.Record_id = g.Record_id)`,
  },
  {
    name: "unfit files have no record",
    sql: `SELECT s.File_id, ${FILE}, 'it is listed as unfit, and active'
      FROM source_files s JOIN unfit_files u ON u.Srcfile = s.Srcfile WHERE s.Time_Invalid IS NULL`,
  },
  {
    name: "digest",
    sql: `SELECT s.File_id, ${FILE}, '"' || s.MD5 || '" is no MD5'
      FROM source_files s WHERE length(s.MD5) <> 32 OR s.MD5 GLOB '*[^0-9a-f]*'`,
  },
];

/** How many rules there are besides the file's own soundness. */
export const RULE_COUNT: number = RULES.length;

const PAGE_ROWS = 500;

/**
 * Everything that is wrong, rule by rule. Reads all of the manifest; memory
 * doesn't grow with it.
 */
export function* checkManifest(connection: Connection): Generator<ManifestProblem> {
  const damage = damageOf(connection);
  for (const problem of damage) yield { rule: "file is whole", subject: connection.path, problem };
  if (damage.length > 0) return;
  for (const { name, sql } of RULES) {
    // On disk where there are many.
    connection.execute(
      `DROP TABLE IF EXISTS temp.problem; CREATE TEMP TABLE problem AS ${sql} ORDER BY 1`,
    );
    let after = 0;
    for (;;) {
      const page = connection.all(
        `SELECT p.rowid, p.* FROM temp.problem p WHERE p.rowid > ? ORDER BY p.rowid LIMIT ${PAGE_ROWS}`,
        after,
      );
      for (const [row, _id, subject, problem] of page) {
        after = Number(row);
        yield { rule: name, subject: String(subject), problem: String(problem) };
      }
      if (page.length < PAGE_ROWS) break;
    }
  }
}

function damageOf(connection: Connection): string[] {
  try {
    return connection.all("PRAGMA integrity_check(20)").map(([message]) => String(message))
      .filter((message) => message !== "ok");
  } catch (error) {
    if (isChorusError(error, "io")) return [error.message];
    throw error;
  }
}
