/** Which session each record belongs to. */

import type { Connection } from "../journal/connection.ts";

/** Where sessions come from: one per record, the patient's visits, or the mapping file. */
export const SESSION_RULES = ["record", "visits", "mapping"] as const;

export type SessionRule = typeof SESSION_RULES[number];

/**
 * Gives every active record its session. One that has none, or could be in
 * several, has no `Session_id` and stands in `unassigned_records` with the
 * reason. Inactive records keep theirs. Part of the run's one transaction.
 *
 * Needs the staging tables `record` (of `apply_run.ts`) for `mapping`, `visit`
 * and `person` for `visits`.
 */
export function assignSessions(connection: Connection, rule: SessionRule): void {
  connection.execute(`
    DROP TABLE IF EXISTS temp.session;
    CREATE TEMP TABLE session (Record_id INTEGER PRIMARY KEY, Session_id TEXT, Reason TEXT);
  `);
  switch (rule) {
    case "record":
      connection.execute(
        "INSERT INTO temp.session SELECT Record_id, CAST(Record_id AS TEXT), NULL FROM registry WHERE IsActive = 1",
      );
      break;
    case "mapping":
      connection.execute(FROM_MAPPING);
      break;
    case "visits":
      connection.execute(FIND_PERSONS);
      connection.execute(FROM_VISITS);
      break;
    default:
      rule satisfies never;
  }
  connection.execute(`
    UPDATE registry SET Session_id = s.Session_id FROM temp.session s
      WHERE s.Record_id = registry.Record_id AND registry.Session_id IS NOT s.Session_id;
    DELETE FROM unassigned_records WHERE Record_id NOT IN
      (SELECT s.Record_id FROM temp.session s WHERE s.Reason IS NOT NULL);
    INSERT INTO unassigned_records (Record_id, Reason)
      SELECT Record_id, Reason FROM temp.session WHERE Reason IS NOT NULL
      ON CONFLICT (Record_id) DO UPDATE SET Reason = excluded.Reason
        WHERE Reason <> excluded.Reason;
  `);
}

const FROM_MAPPING = `
INSERT INTO temp.session
SELECT r.Record_id,
  CASE WHEN r.First_session = r.Last_session THEN r.First_session END,
  CASE
    WHEN r.First_session IS NULL THEN 'the mapping file gives it no session'
    WHEN r.First_session <> r.Last_session THEN 'the mapping file gives its files several sessions: "'
      || r.First_session || '" and "' || r.Last_session || '"'
  END
FROM temp.record r JOIN registry g ON g.Record_id = r.Record_id
WHERE g.IsActive = 1;
`;

/**
 * Whom of the OMOP tables each person may be: the one with that \`person_id\`,
 * and whoever has it as \`person_source_value\`. Two different ones are never
 * decided between.
 */
const FIND_PERSONS = `
DROP TABLE IF EXISTS temp.candidate;
CREATE TEMP TABLE candidate (Person_id TEXT NOT NULL, Person TEXT NOT NULL, PRIMARY KEY (Person_id, Person)) WITHOUT ROWID;
INSERT OR IGNORE INTO temp.candidate
  SELECT p.Person_id, p.Number FROM (
    SELECT DISTINCT Person_id, coalesce(nullif(ltrim(Person_id, '0'), ''), '0') AS Number
    FROM registry WHERE IsActive = 1 AND Person_id NOT GLOB '*[^0-9]*'
  ) p
  WHERE EXISTS (SELECT 1 FROM temp.visit v WHERE v.Person = p.Number)
    OR EXISTS (SELECT 1 FROM temp.person n WHERE n.Person = p.Number);
INSERT OR IGNORE INTO temp.candidate
  SELECT DISTINCT g.Person_id, n.Person FROM registry g
  JOIN temp.person n ON n.Source = g.Person_id
  WHERE g.IsActive = 1;
`;

/** A record is in a visit when it starts in it; of a record whose time is unknown, the day decides. */
const FROM_VISITS = `
INSERT INTO temp.session
SELECT Record_id,
  CASE WHEN Visits = 1 AND Persons = 1 THEN First_visit END,
  CASE
    WHEN Persons = 0 THEN 'no person "' || Person_id || '" in the visit or person table'
    WHEN Persons > 1 THEN 'person "' || Person_id || '" is one by person_id and another by person_source_value'
    WHEN Date IS NULL THEN 'nothing tells when it starts'
    WHEN Visits = 0 THEN 'it starts in none of the person''s visits'
    WHEN Visits > 1 THEN 'it starts in ' || Visits || ' visits, among them ' || First_visit || ' and ' || Last_visit
  END
FROM (
  SELECT g.Record_id, g.Person_id, g.Date,
    count(DISTINCT c.Person) AS Persons, count(DISTINCT v.Visit_id) AS Visits,
    min(v.Visit_id) AS First_visit, max(v.Visit_id) AS Last_visit
  FROM registry g
  LEFT JOIN temp.candidate c ON c.Person_id = g.Person_id
  LEFT JOIN temp.visit v ON v.Person = c.Person
    AND v.Starts <= g.Date || ' ' || coalesce(g.Time, '23:59:59')
    AND v.Ends >= g.Date || ' ' || coalesce(g.Time, '00:00:00')
  WHERE g.IsActive = 1
  GROUP BY g.Record_id
);
`;
