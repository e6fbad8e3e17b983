/** The journal's own record of commands, `command_history_v2`. */

import { createMd5 } from "../hash/digest.ts";
import { toHex } from "../hash/hex.ts";
import type { Connection, SqlValue } from "./connection.ts";
import type { JournalSchema } from "./query_rows.ts";

/** What is recorded when a command begins. No secret belongs in here. */
export interface CommandEntry {
  /** When it began; milliseconds since 1970 UTC. */
  startedMs: number;
  /** Global options as typed: `--config config.toml`. */
  commonParams: string;
  /** `journal update`. */
  command: string;
  /** Its own options as typed: `--version 20250101000000`; may be empty. */
  params: string;
  /** Root by modality; undefined for commands that don't read the site. */
  sourcePaths: Readonly<Record<string, string>> | undefined;
  /** The central path; undefined for commands that don't use it. */
  destinationPath: string | undefined;
}

/** A recorded command, texts as stored. */
export interface CommandRecord {
  id: number;
  /** `YYYY-MM-DD HH:MM:SS UTC`. */
  dateTime: string;
  commonParams: string;
  command: string;
  params: string;
  /** JSON object, or `None`. */
  sourcePaths: string;
  /** A path, or `None`. */
  destinationPath: string;
  /** Undefined for a command that didn't end, or didn't end well. */
  seconds: number | undefined;
}

/** Python's text for "no value", which the predecessor stores. */
const NONE = "None";

/** Records that a command begins; gives its COMMAND_ID. */
export function beginCommand(
  connection: Connection,
  entry: CommandEntry,
): number {
  connection.run(
    "INSERT INTO command_history_v2 (DATETIME, COMMON_PARAMS, COMMAND, PARAMS, SRC_PATHS, DEST_PATH) VALUES (?, ?, ?, ?, ?, ?)",
    dateTimeText(entry.startedMs),
    entry.commonParams,
    entry.command,
    entry.params,
    entry.sourcePaths === undefined ? NONE : pythonJson(entry.sourcePaths),
    entry.destinationPath ?? NONE,
  );
  return connection.number("SELECT last_insert_rowid()");
}

/** Records that a command ended after so many seconds. */
export function finishCommand(
  connection: Connection,
  id: number,
  seconds: number,
): void {
  connection.run(
    "UPDATE command_history_v2 SET Duration = ? WHERE COMMAND_ID = ?",
    seconds,
    id,
  );
}

/** All recorded commands, oldest first. Their number is that of commands ever run: thousands. */
export function readHistory(
  connection: Connection,
  schema: JournalSchema,
): CommandRecord[] {
  const table = schema === 2 ? "command_history_v2" : "command_history";
  const exists = connection.number(
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?",
    table,
  );
  if (exists === 0) return [];
  return connection.all(
    `SELECT COMMAND_ID, DATETIME, COMMON_PARAMS, COMMAND, PARAMS, SRC_PATHS, DEST_PATH, Duration FROM ${table} ORDER BY COMMAND_ID`,
  ).map((columns) => ({
    id: Number(columns[0]),
    dateTime: text(columns[1]),
    commonParams: text(columns[2]),
    command: text(columns[3]),
    params: text(columns[4]),
    sourcePaths: text(columns[5]),
    destinationPath: text(columns[6]),
    seconds: secondsOf(columns[7]),
  }));
}

/**
 * True when `history` begins with all of `other`: the journal then stems from
 * the one with `other`. Durations don't count, they are filled in later.
 */
export function beginsWith(
  history: readonly CommandRecord[],
  other: readonly CommandRecord[],
): boolean {
  return other.length <= history.length &&
    other.every((record, index) => identityOf(history[index]) === identityOf(record));
}

/** Lower-case hex MD5 over what {@linkcode beginsWith} compares. */
export function historyMd5(history: readonly CommandRecord[]): string {
  const md5 = createMd5();
  for (const each of history) md5.update(new TextEncoder().encode(identityOf(each) + "\n"));
  return toHex(md5.digest());
}

/** What makes a record the same one in two journals. */
function identityOf(record: CommandRecord): string {
  const { dateTime, commonParams, command, params, sourcePaths, destinationPath } = record;
  return JSON.stringify([dateTime, commonParams, command, params, sourcePaths, destinationPath]);
}

/** `2026-11-22 15:53:14 UTC`. */
function dateTimeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A flat object as Python's `json.dumps` writes it: spaces after separators, ASCII only. */
function pythonJson(object: Readonly<Record<string, string>>): string {
  const members = Object.entries(object).map(([key, value]) =>
    `${asciiJson(key)}: ${asciiJson(value)}`
  );
  return `{${members.join(", ")}}`;
}

function asciiJson(value: string): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function text(value: SqlValue | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

function secondsOf(value: SqlValue | undefined): number | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  const seconds = Number(value);
  return Number.isFinite(seconds) ? seconds : undefined;
}
