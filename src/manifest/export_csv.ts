/** A manifest's tables as CSV files, for people who analyse. */

import { join } from "node:path";
import { ChorusError } from "../errors/chorus_error.ts";
import type { Connection, SqlValue } from "../journal/connection.ts";

/** What is exported: a file per table, its columns as in the manifest. */
const EXPORTS: readonly { file: string; columns: string; from: string; order: string }[] = [
  {
    file: "registry.csv",
    columns: "Record_id,Person_id,Session_id,Date,Time,Uploaddir,IsActive",
    from: "registry",
    order: "Record_id",
  },
  {
    file: "source_files.csv",
    columns: "File_id,Record_id,Person_id,Srcfile,MD5,Time_Valid,Time_Invalid",
    from: "source_files",
    order: "File_id",
  },
  {
    file: "file_submissions.csv",
    columns: "File_id,Version,Central_path,Uploaded",
    from: "file_submissions",
    order: "File_id",
  },
  {
    file: "unfit_files.csv",
    columns: "Srcfile,Reason,Time_Valid",
    from: "unfit_files",
    order: "Srcfile",
  },
  {
    file: "unassigned_records.csv",
    columns: "Record_id,Reason",
    from: "unassigned_records",
    order: "Record_id",
  },
];

const PAGE_ROWS = 1_000;

/** One written file. */
export interface ExportedTable {
  path: string;
  rows: number;
}

/** Where and how to export. */
export interface ExportOptions {
  /** The folder; made when there is none. */
  output: string;
  /** Replace files that are there. */
  overwrite: boolean;
  signal: AbortSignal;
}

/**
 * Writes the tables as CSV (RFC 4180, UTF-8, a header, line feeds; nothing
 * between two commas is NULL). All tables are from one moment, and each file appears
 * when it is complete.
 *
 * @throws ChorusError `already_exists`, `io`
 */
export function exportCsv(connection: Connection, options: ExportOptions): ExportedTable[] {
  const { output, overwrite, signal } = options;
  const partials: { from: string; to: string; rows: number }[] = [];
  try {
    Deno.mkdirSync(output, { recursive: true });
    if (!overwrite) refuseExisting(output);
    // One transaction, so that a run that ends meanwhile doesn't show in half of the tables.
    connection.execute("BEGIN");
    for (const table of EXPORTS) {
      const to = join(output, table.file);
      const from = `${to}.partial`;
      partials.push({ from, to, rows: 0 });
      partials[partials.length - 1].rows = writeTable(connection, table, from, signal);
    }
    for (const { from, to } of partials) Deno.renameSync(from, to);
    return partials.map(({ to, rows }) => ({ path: to, rows }));
  } catch (error) {
    for (const { from } of partials) removeIfThere(from);
    if (!(error instanceof Error) || error instanceof ChorusError || signal.aborted) throw error;
    throw new ChorusError("io", `The export to "${output}" failed: ${error.message}.`, {
      subject: output,
      remedy: "Give another folder with --output.",
      cause: error,
    });
  } finally {
    connection.database.isTransaction && connection.execute("ROLLBACK");
  }
}

function writeTable(
  connection: Connection,
  { columns, from, order }: typeof EXPORTS[number],
  path: string,
  signal: AbortSignal,
): number {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
  const encoder = new TextEncoder();
  const write = (text: string) => {
    const bytes = encoder.encode(text);
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  };
  const key = columns.split(",").indexOf(order);
  write(columns + "\n");
  let rows = 0;
  let after: SqlValue = order === "Srcfile" ? "" : -1;
  for (;;) {
    signal.throwIfAborted();
    const page: SqlValue[][] = connection.all(
      `SELECT ${columns} FROM ${from} WHERE ${order} > ? ORDER BY ${order} LIMIT ${PAGE_ROWS}`,
      after,
    );
    if (page.length > 0) {
      write(page.map((row) => row.map(cell).join(",") + "\n").join(""));
      after = page[page.length - 1][key];
      rows += page.length;
    }
    if (page.length < PAGE_ROWS) break;
  }
  file.syncSync();
  return rows;
}

function cell(value: SqlValue): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function refuseExisting(output: string): void {
  for (const { file } of EXPORTS) {
    const path = join(output, file);
    try {
      Deno.lstatSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    throw new ChorusError("already_exists", `"${path}" exists already.`, {
      subject: path,
      remedy: "Say --overwrite to replace it, or give another folder with --output.",
    });
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
