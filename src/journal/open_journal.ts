/** Opens a journal file and finds out what it is. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { Connection } from "./connection.ts";
import { needsRollback, RESTORE_REMEDY } from "./database_error.ts";
import { Journal, type JournalAccess, journalVersionError } from "./journal.ts";
import type { JournalSchema } from "./query_rows.ts";
import {
  CREATE_PATH_INDEX,
  EXTRA_TABLES,
  PATH_INDEX,
  REQUIRED_COLUMNS,
  VERSION_2_TABLES,
} from "./schema.ts";
import { WriterLock } from "./writer_lock.ts";

/** How to open a journal. */
export interface OpenJournalOptions {
  /** `read` writes nothing at all; `write` keeps every other writer out. */
  access: JournalAccess;
  /** Make the journal when there is none, or an empty file. Only with `write`. */
  create?: boolean;
  /** Told before (`done` is 0) and after an index is made, with the number of rows. */
  onIndexing?: (done: number, total: number) => void;
  /** Aborts before work begins. */
  signal?: AbortSignal;
}

/** A reader waits this long while a writer commits a page. */
const READ_TIMEOUT_MS = 10_000;

/** A writer waits this long for readers to finish theirs. */
const WRITE_TIMEOUT_MS = 10_000;

/** KiB of page cache; the default of 2 MiB makes inserts into the index slow. */
const WRITE_CACHE_KIB = 8_192;
const READ_CACHE_KIB = 4_096;

/**
 * Opens a journal of either version.
 *
 * For writing: takes the writer's lock, makes tables of ours that are missing,
 * and once the index that an update needs. Version 1 can only be read.
 *
 * @param path the journal file
 * @throws ChorusError `not_found` no journal there, or an empty one;
 * `journal_damaged` not SQLite, cut short, or other tables; `journal_version`
 * version 1 for writing; `locked` in use by another writer; `io` read-only
 */
export function openJournal(path: string, options: OpenJournalOptions): Journal {
  options.signal?.throwIfAborted();
  return options.access === "read" ? openForReading(path) : openForWriting(path, options);
}

function openForReading(path: string): Journal {
  if (sizeOf(path) <= 0) throw noJournalError(path);
  const { connection, schema } = connectForReading(path);
  try {
    if (schema === undefined) throw noJournalError(path);
    connection.execute(`PRAGMA cache_size = -${READ_CACHE_KIB}`);
    return new Journal(
      connection,
      schema,
      "read",
      hasTable(connection, "hash_time"),
      () => {},
    );
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

interface Recognized {
  connection: Connection;
  /** Undefined for a database without tables. */
  schema: JournalSchema | undefined;
}

function connectForReading(path: string): Recognized {
  try {
    return connectReadOnly(path);
  } catch (error) {
    if (!isChorusError(error) || !needsRollback(error.cause)) throw error;
    rollBackInterrupted(path);
    return connectReadOnly(path);
  }
}

function connectReadOnly(path: string): Recognized {
  const connection = new Connection(path, {
    readOnly: true,
    busyTimeoutMs: READ_TIMEOUT_MS,
  });
  try {
    harden(connection);
    return { connection, schema: recognize(connection) };
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

/** What every SQLite reader does that may write: undo the transaction of a process that died. */
function rollBackInterrupted(path: string): void {
  try {
    using connection = new Connection(path, {
      readOnly: false,
      busyTimeoutMs: READ_TIMEOUT_MS,
    });
    connection.number("SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    throw new ChorusError(
      "io",
      `The journal "${path}" holds an interrupted write, which can't be undone in a read-only place.`,
      {
        subject: path,
        remedy: "Run the command once with an account that may write the journal and its folder.",
        cause: error,
      },
    );
  }
}

function openForWriting(path: string, options: OpenJournalOptions): Journal {
  const size = sizeOf(path);
  if (size <= 0 && options.create !== true) throw noJournalError(path);
  const lock = WriterLock.take(path);
  let connection: Connection | undefined;
  try {
    // Without waiting: a program that is writing right now is told of at once.
    connection = new Connection(path, { readOnly: false, busyTimeoutMs: 0 });
    harden(connection);
    connection.execute("BEGIN IMMEDIATE; ROLLBACK;");
    const schema = recognize(connection);
    if (schema === 1) throw journalVersionError(path);
    if (schema === undefined && options.create !== true) {
      throw noJournalError(path);
    }
    prepareForWriting(connection, options);
    const held = connection;
    return new Journal(connection, 2, "write", true, () => {
      held[Symbol.dispose]();
      lock[Symbol.dispose]();
    });
  } catch (error) {
    connection?.[Symbol.dispose]();
    lock[Symbol.dispose]();
    throw error;
  }
}

function prepareForWriting(
  connection: Connection,
  options: OpenJournalOptions,
): void {
  // TRUNCATE also syncs the truncated side file; DELETE leaves the folder unsynced.
  if (connection.text("PRAGMA journal_mode = TRUNCATE") !== "truncate") {
    throw new ChorusError(
      "locked",
      `The journal "${connection.path}" is open in another program, in WAL mode, which network mounts can't bear.`,
      { subject: connection.path, remedy: "End the other program, then run the command again." },
    );
  }
  connection.execute(`
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -${WRITE_CACHE_KIB};
    PRAGMA busy_timeout = ${WRITE_TIMEOUT_MS};
  `);
  if (!hasAllTables(connection)) {
    connection.transaction(() => connection.execute(VERSION_2_TABLES + EXTRA_TABLES));
  }
  if (!hasIndex(connection, PATH_INDEX)) {
    options.signal?.throwIfAborted();
    const rows = connection.number("SELECT max(FILE_ID) FROM journal_v2");
    if (rows > 0) options.onIndexing?.(0, rows);
    connection.transaction(() => connection.execute(CREATE_PATH_INDEX));
    if (rows > 0) options.onIndexing?.(rows, rows);
  }
}

/** A journal may come from the cloud: nothing in its schema may run functions on our behalf. */
function harden(connection: Connection): void {
  connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;");
}

function recognize(connection: Connection): JournalSchema | undefined {
  requireWholeFile(connection);
  const tables = new Set(
    connection.all(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
    ).map(([name]) => String(name)),
  );
  if (tables.has("journal_v2")) {
    for (
      const table of [
        "journal_v2",
        "srcpaths",
        "modalities",
        "versions",
        "uploads",
      ]
    ) requireColumns(connection, table, tables.has(table));
    if (tables.has("command_history_v2")) {
      requireColumns(connection, "command_history_v2", true);
    }
    return 2;
  }
  if (tables.has("journal")) {
    requireColumns(connection, "journal", true);
    return 1;
  }
  for (const table of tables) {
    if (REQUIRED_COLUMNS[table] === undefined) {
      throw otherSchemaError(connection.path, `it has a table "${table}" and no journal`);
    }
  }
  return undefined;
}

/** SQLite notices missing pages, but takes a last page that is there in part for zeroes. */
function requireWholeFile(connection: Connection): void {
  if (connection.text("PRAGMA journal_mode") === "wal") return;
  const bytes = connection.number("PRAGMA page_count") * connection.number("PRAGMA page_size");
  if (Deno.statSync(connection.path).size >= bytes) return;
  throw new ChorusError(
    "journal_damaged",
    `The journal "${connection.path}" is damaged or cut short.`,
    { subject: connection.path, remedy: RESTORE_REMEDY },
  );
}

function requireColumns(
  connection: Connection,
  table: string,
  exists: boolean,
): void {
  if (!exists) {
    throw otherSchemaError(connection.path, `the table "${table}" is missing`);
  }
  const found = new Set(
    connection.all("SELECT name FROM pragma_table_info(?)", table)
      .map(([name]) => String(name).toUpperCase()),
  );
  const missing = REQUIRED_COLUMNS[table]?.find((column) => !found.has(column.toUpperCase()));
  if (missing !== undefined) {
    throw otherSchemaError(
      connection.path,
      `the table "${table}" has no column "${missing}"`,
    );
  }
}

function hasAllTables(connection: Connection): boolean {
  return [
    "journal_v2",
    "command_history_v2",
    "hash_time",
    "verification",
    "chorus_state",
  ].every((table) => hasTable(connection, table));
}

function hasTable(connection: Connection, name: string): boolean {
  return connection.number(
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?",
    name,
  ) > 0;
}

function hasIndex(connection: Connection, name: string): boolean {
  return connection.number(
    "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = ?",
    name,
  ) > 0;
}

/** Bytes, -1 when there is nothing. */
function sizeOf(path: string): number {
  try {
    const info = Deno.statSync(path);
    if (info.isDirectory) {
      throw new ChorusError("io", `"${path}" is a folder, not a journal.`, {
        subject: path,
        remedy: "Check the journal's path in the configuration.",
      });
    }
    return info.size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return -1;
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new ChorusError("io", `The journal "${path}" can't be read.`, {
        subject: path,
        remedy: "Make the file and its folder readable for this account.",
        cause: error,
      });
    }
    throw error;
  }
}

function noJournalError(path: string): ChorusError {
  return new ChorusError("not_found", `There is no journal at "${path}" yet.`, {
    subject: path,
    remedy: "Run `journal checkout`, then `journal update`.",
  });
}

function otherSchemaError(path: string, why: string): ChorusError {
  return new ChorusError(
    "journal_damaged",
    `"${path}" is an SQLite database, but not a journal: ${why}.`,
    {
      subject: path,
      remedy: "Check the journal's path in the configuration.",
    },
  );
}
