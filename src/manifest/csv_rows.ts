/** Tables in CSV, read row by row. */

import { Readable } from "node:stream";
import { parse } from "csv-parse";
import { ChorusError } from "../errors/chorus_error.ts";

/** One row, with the columns that were asked for. */
export interface CsvRow<C extends string> {
  /** The line on which the row begins, from 1. */
  line: number;
  /** Trimmed; empty where the column is absent or has nothing. */
  values: Readonly<Record<C, string>>;
}

/** What to read. */
export interface CsvColumns<C extends string> {
  /** What the file is called in messages: `mapping file`. */
  what: string;
  /** Columns that must be there; names in any case and order, others are passed over. */
  required: readonly C[];
  /** Columns that may be there. */
  optional?: readonly C[];
  signal?: AbortSignal;
}

/** One cell for messages: the column's number in the file, from 1. */
export interface CsvPlaces<C extends string> {
  /** `line 5, column 3 (start)`. */
  place(line: number, column: C): string;
}

/** What `csv-parse` gives with `info`. */
interface ParsedRecord {
  record: string[];
  info: { lines: number };
}

/** Separators of columns, the first one that gives the required ones is taken. */
const DELIMITERS = [",", "\t", ";", "|"] as const;
const FIRST_BYTES = 1 << 16;

/**
 * Opens a table. Comma, tab, semicolon or bar may separate the columns; a
 * byte-order mark, quotes and line breaks within quotes are understood. Rows
 * are read as they are asked for.
 *
 * @throws ChorusError `usage` when the file is not there, is no UTF-8, lacks a
 *   column, or has a row of another length or with a misplaced quote; with its line
 */
export async function openCsv<C extends string>(
  path: string,
  columns: CsvColumns<C>,
): Promise<CsvPlaces<C> & { rows: AsyncGenerator<CsvRow<C>, void, undefined> }> {
  const first = await firstLine(path, columns.what);
  const delimiter = DELIMITERS.find((each) => missing(first.split(each), columns).length === 0) ??
    ",";
  const names = first.split(delimiter).map(headerName);
  const absent = missing(names, columns);
  if (absent.length > 0) {
    throw faulty(path, columns.what, `line 1: it has no column ${absent.join(", ")}`, {
      remedy: `Its first line must name ${columns.required.join(", ")}.`,
    });
  }
  const wanted = [...columns.required, ...columns.optional ?? []];
  const places = new Map(wanted.map((column) => [column, names.indexOf(column)]));
  return {
    rows: rowsOf(path, delimiter, places, columns),
    place: (line, column) => `line ${line}, column ${(places.get(column) ?? -1) + 1} (${column})`,
  };
}

async function* rowsOf<C extends string>(
  path: string,
  delimiter: string,
  places: ReadonlyMap<C, number>,
  { what, signal }: CsvColumns<C>,
): AsyncGenerator<CsvRow<C>, void, undefined> {
  using file = await open(path, what);
  const parser = parse({ bom: true, delimiter, info: true, skip_empty_lines: true });
  const source = Readable.from(chunks(file), { objectMode: false });
  source.on("error", (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    let header = true;
    for await (const { record, info } of parser as AsyncIterable<ParsedRecord>) {
      signal?.throwIfAborted();
      if (header) {
        header = false;
        continue;
      }
      const breaks = record.reduce((sum, each) => sum + each.split("\n").length - 1, 0);
      const line = info.lines - breaks;
      const values: Partial<Record<C, string>> = {};
      for (const [column, index] of places) {
        const value = (index < 0 ? "" : record[index] ?? "").trim();
        if (value.includes("\ufffd")) {
          throw faulty(path, what, `line ${line}, column ${index + 1} (${column}): not UTF-8`, {
            remedy: "Save it as UTF-8.",
          });
        }
        values[column] = value;
      }
      yield { line, values: values as Record<C, string> };
    }
  } catch (error) {
    throw asFault(error, path, what);
  } finally {
    source.destroy();
    parser.destroy();
  }
}

/** An error of the parser in our words. */
function asFault(error: unknown, path: string, what: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("lines" in error)) return error;
  const column = "column" in error && typeof error.column === "number"
    ? `, column ${error.column + 1}`
    : "";
  const said = error.code === "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH"
    ? `line ${error.lines}: it has another number of columns than the first line`
    : error.code === "CSV_QUOTE_NOT_CLOSED"
    ? `line ${error.lines}${column}: a quote is never closed`
    : `line ${error.lines}${column}: ${error.message.replace(/ at line .*$/, "")}`;
  return faulty(path, what, said, { cause: error });
}

function missing<C extends string>(
  names: readonly string[],
  { required }: CsvColumns<C>,
): readonly C[] {
  const found = new Set(names.map(headerName));
  return required.filter((each) => !found.has(each));
}

/** `"Person"` as a column's name: without quotes and spaces, in lower case. */
function headerName(text: string): string {
  return text.replace(/^\ufeff/, "").trim().replace(/^"(.*)"$/, "$1").trim().toLowerCase();
}

async function firstLine(path: string, what: string): Promise<string> {
  using file = await open(path, what);
  const buffer = new Uint8Array(FIRST_BYTES);
  let length = 0;
  for (;;) {
    const read = await file.read(buffer.subarray(length));
    if (read === null) break;
    length += read;
    if (buffer.subarray(0, length).includes(10) || length === buffer.length) break;
  }
  const text = new TextDecoder().decode(buffer.subarray(0, length));
  return text.split(/\r?\n|\r/)[0];
}

async function* chunks(file: Deno.FsFile): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const buffer = new Uint8Array(1 << 18);
    const read = await file.read(buffer);
    if (read === null) return;
    yield buffer.subarray(0, read);
  }
}

async function open(path: string, what: string): Promise<Deno.FsFile> {
  try {
    const file = await Deno.open(path);
    if ((await file.stat()).isDirectory) {
      file.close();
      throw new Deno.errors.IsADirectory("it is a folder");
    }
    return file;
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "does not exist"
      : cause instanceof Deno.errors.PermissionDenied
      ? "may not be read"
      : cause instanceof Deno.errors.IsADirectory
      ? "is a folder"
      : "can't be opened";
    throw new ChorusError("usage", `The ${what} "${path}" ${why}.`, { subject: path, cause });
  }
}

/** An error about a place in a table. */
export function faulty(
  path: string,
  what: string,
  said: string,
  options: { remedy?: string; cause?: unknown } = {},
): ChorusError {
  return new ChorusError("usage", `The ${what} "${path}" can't be used: ${said}.`, {
    subject: path,
    remedy: "Correct it, then run the command again.",
    ...options,
  });
}
