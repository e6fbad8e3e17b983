/** The patients' visits, from the site's own OMOP tables. */

import type { Connection } from "../journal/connection.ts";
import { openCsv } from "./csv_rows.ts";
import { type Moment, parseMoment } from "./moment.ts";
import { inPages } from "./pages.ts";

/** What was read. */
export interface LoadedVisits {
  visits: number;
  /** Rows that can't be used: how many, and the first few, each with line and column. */
  faults: { count: number; first: string[] };
}

/** Later than any visit: one without an end goes on. */
const OPEN_END = "9999-12-31 23:59:59";
const LISTED_FAULTS = 5;

/**
 * Reads an OMOP `visit_occurrence` table into the staging table `visit`.
 *
 * A visit begins at `visit_start_datetime`, else with the day
 * `visit_start_date`; it ends at `visit_end_datetime`, else with the day
 * `visit_end_date`, else not yet. An end at midnight is a day without a time:
 * that is how the CDM writes one
 * (https://ohdsi.github.io/CommonDataModel/cdm54.html#visit_occurrence).
 *
 * @throws ChorusError `usage` when the table can't be read
 */
export async function loadVisits(
  connection: Connection,
  path: string,
  signal: AbortSignal,
): Promise<LoadedVisits> {
  const { rows, place } = await openCsv(path, {
    what: "visit table",
    required: ["visit_occurrence_id", "person_id", "visit_start_date"],
    optional: ["visit_start_datetime", "visit_end_date", "visit_end_datetime"],
    signal,
  });
  const loaded: LoadedVisits = { visits: 0, faults: { count: 0, first: [] } };
  const fault = (text: string) => {
    if (loaded.faults.count++ < LISTED_FAULTS) loaded.faults.first.push(text);
  };
  for await (const page of inPages(rows)) {
    connection.transaction(() => {
      for (const { line, values } of page) {
        const visit = wholeNumber(values.visit_occurrence_id);
        const person = wholeNumber(values.person_id);
        if (visit === "") {
          fault(`${place(line, "visit_occurrence_id")}: nothing is there`);
          continue;
        }
        if (person === "") {
          fault(`${place(line, "person_id")}: nothing is there`);
          continue;
        }
        const startColumn = values.visit_start_datetime === ""
          ? "visit_start_date"
          : "visit_start_datetime";
        const start = parseMoment(values[startColumn]);
        if (start === undefined) {
          fault(`${place(line, startColumn)}: "${values[startColumn]}" is no moment`);
          continue;
        }
        const endColumn = values.visit_end_datetime === ""
          ? "visit_end_date"
          : "visit_end_datetime";
        const end = values[endColumn] === "" ? "open" : parseMoment(values[endColumn]);
        if (end === undefined) {
          fault(`${place(line, endColumn)}: "${values[endColumn]}" is no moment`);
          continue;
        }
        connection.run(
          "INSERT INTO temp.visit (Visit_id, Person, Starts, Ends) VALUES (?, ?, ?, ?)",
          visit,
          person,
          `${start.date} ${start.time ?? "00:00:00"}`,
          end === "open" ? OPEN_END : endOf(end),
        );
        loaded.visits++;
      }
    });
  }
  connection.execute("CREATE INDEX temp.visit_idx ON visit (Person, Starts)");
  return loaded;
}

function endOf({ date, time }: Moment): string {
  return `${date} ${time === undefined || time === "00:00:00" ? "23:59:59" : time}`;
}

/**
 * Reads an OMOP `person` table into the staging table `person`: whose
 * `person_id` a `person_source_value` is.
 *
 * @throws ChorusError `usage` when the table can't be read
 */
export async function loadPersons(
  connection: Connection,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { rows } = await openCsv(path, {
    what: "person table",
    required: ["person_id"],
    optional: ["person_source_value"],
    signal,
  });
  for await (const page of inPages(rows)) {
    connection.transaction(() => {
      for (const { values } of page) {
        const person = wholeNumber(values.person_id);
        if (person === "") continue;
        connection.run(
          "INSERT INTO temp.person (Person, Source) VALUES (?, ?)",
          person,
          values.person_source_value || null,
        );
      }
    });
  }
  connection.execute("CREATE INDEX temp.person_idx ON person (Person)");
  connection.execute("CREATE INDEX temp.person_source_idx ON person (Source)");
}

/** An id as text: some tools export `1001.0`; leading zeros mean nothing in a number. */
function wholeNumber(text: string): string {
  const digits = /^(\d+)(?:\.0*)?$/.exec(text)?.[1];
  return digits === undefined ? text : digits.replace(/^0+(?=\d)/, "");
}
