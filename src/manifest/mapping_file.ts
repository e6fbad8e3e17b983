/** The mapping file: which person, session and record each file belongs to, for sites with other names. */

import type { Connection } from "../journal/connection.ts";
import { faulty, openCsv } from "./csv_rows.ts";
import { inPages } from "./pages.ts";
import { parseMoment } from "./moment.ts";

/** What the mapping file says of one file. */
export interface MappedFile {
  personId: string;
  /** Undefined where the cell is empty. */
  session: string | undefined;
  record: string;
  /** `YYYY-MM-DD HH:MM:SS` or `YYYY-MM-DD`; undefined where the cell is empty. */
  start: string | undefined;
  /** Its line in the file, for messages. */
  line: number;
}

/** Faults that one error lists. */
const LISTED_FAULTS = 10;
const WHAT = "mapping file";

/**
 * Reads a mapping file into the staging table `mapping`. Its columns are `file`
 * (relative to the modality's root, as in the journal), `person`, `session`,
 * `record` and `start`; session and start may be empty.
 *
 * @throws ChorusError `usage` that lists what is wrong, each with line and column
 */
export async function loadMapping(
  connection: Connection,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { rows, place } = await openCsv(path, {
    what: WHAT,
    required: ["file", "person", "session", "record", "start"],
    signal,
  });
  const faults: string[] = [];
  let faultCount = 0;
  const fault = (text: string) => {
    if (faultCount++ < LISTED_FAULTS) faults.push(text);
  };
  for await (const page of inPages(rows)) {
    connection.transaction(() => {
      for (const { line, values } of page) {
        const file = values.file.replaceAll("\\", "/").replace(/^\.\//, "");
        for (const column of ["file", "person", "record"] as const) {
          if (values[column] === "") fault(`${place(line, column)}: nothing is there`);
        }
        const start = values.start === "" ? undefined : parseMoment(values.start);
        if (values.start !== "" && start === undefined) {
          fault(
            `${place(line, "start")}: "${values.start}" is no moment like 2024-01-05 10:15:00`,
          );
        }
        const inserted = connection.run(
          "INSERT OR IGNORE INTO temp.mapping (File, Person_id, Session, Record, Start, Line) VALUES (?, ?, ?, ?, ?, ?)",
          file,
          values.person,
          values.session || null,
          values.record,
          start === undefined
            ? null
            : start.time === undefined
            ? start.date
            : `${start.date} ${start.time}`,
          line,
        );
        if (inserted === 0 && file !== "") {
          const first = connection.number("SELECT Line FROM temp.mapping WHERE File = ?", file);
          fault(`${place(line, "file")}: "${file}" is on line ${first} already`);
        }
      }
    });
  }
  if (faultCount === 0) return;
  if (faultCount > faults.length) faults.push(`and ${faultCount - faults.length} more`);
  throw faulty(path, WHAT, faults.length === 1 ? faults[0] : `\n  ${faults.join("\n  ")}\n`);
}

/** What the mapping says of some files, by path. */
export function mappedFiles(
  connection: Connection,
  paths: readonly string[],
): Map<string, MappedFile> {
  const rows = connection.all(
    "SELECT m.File, m.Person_id, m.Session, m.Record, m.Start, m.Line FROM json_each(?) p CROSS JOIN temp.mapping m ON m.File = p.value",
    JSON.stringify(paths),
  );
  connection.run(
    "UPDATE temp.mapping SET Used = 1 WHERE File IN (SELECT value FROM json_each(?))",
    JSON.stringify(paths),
  );
  return new Map(rows.map(([file, personId, session, record, start, line]) => [String(file), {
    personId: String(personId),
    session: session === null ? undefined : String(session),
    record: String(record),
    start: start === null ? undefined : String(start),
    line: Number(line),
  }]));
}

/** Lines of the mapping whose file was not found: how many, and the first few. */
export function unusedMappings(
  connection: Connection,
): { count: number; first: { file: string; line: number }[] } {
  return {
    count: connection.number("SELECT count(*) FROM temp.mapping WHERE Used = 0"),
    first: connection.all(
      "SELECT File, Line FROM temp.mapping WHERE Used = 0 ORDER BY Line LIMIT 3",
    ).map(([file, line]) => ({ file: String(file), line: Number(line) })),
  };
}
