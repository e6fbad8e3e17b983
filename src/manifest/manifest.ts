/** Opens a manifest file, for reading or as its only writer. */

import { join } from "node:path";
import { backup } from "node:sqlite";
import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { Connection } from "../journal/connection.ts";
import { needsRollback } from "../journal/database_error.ts";
import { WriterLock } from "../journal/writer_lock.ts";
import type { Grouping } from "./grouping.ts";
import { notAManifest, translateManifestError } from "./manifest_error.ts";
import type { SessionRule } from "./sessions.ts";
import { APPLICATION_ID, FORMAT, REQUIRED_COLUMNS, TABLES } from "./tables.ts";

const BUSY_TIMEOUT_MS = 10_000;
/** KiB of page cache, for the tables and for what a run stages. */
const CACHE_KIB = 16_384;

/** How the last finished run was made; the next one goes on likewise. */
export interface LastRun {
  /** Microseconds since 1970 UTC. */
  startedUs: number;
  grouping: Grouping;
  sessions: SessionRule;
}

/** An open manifest. Its SQL is in the modules of this folder. */
export class Manifest implements Disposable {
  readonly connection: Connection;
  readonly #release: () => void;

  /** @param release called after the connection was closed */
  constructor(connection: Connection, release: () => void) {
    this.connection = connection;
    this.#release = release;
  }

  get path(): string {
    return this.connection.path;
  }

  /** Undefined before the first run. */
  lastRun(): LastRun | undefined {
    const row = this.connection.first(
      "SELECT Started, Grouping, Sessions FROM runs ORDER BY Run_id DESC LIMIT 1",
    );
    if (row === undefined) return undefined;
    const [startedUs, grouping, sessions] = row;
    return {
      startedUs: Number(startedUs),
      grouping: grouping as Grouping,
      sessions: sessions as SessionRule,
    };
  }

  [Symbol.dispose](): void {
    try {
      this.connection[Symbol.dispose]();
    } finally {
      this.#release();
    }
  }
}

/**
 * Opens a manifest for reading; writers don't disturb.
 *
 * @throws ChorusError `not_found`; `usage` when the file is something else
 */
export function openManifest(path: string): Manifest {
  if (sizeOf(path) <= 0) {
    throw new ChorusError("not_found", `There is no manifest at "${path}".`, {
      subject: path,
      remedy: "Run `manifest generate`, or name the file with --manifest.",
    });
  }
  const connection = connectForReading(path);
  try {
    if (!recognize(connection)) throw notAManifest(path, "it has no tables");
    return new Manifest(connection, () => {});
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens a manifest for writing, made when there is none, and keeps every other
 * writer out until it is closed.
 *
 * @throws ChorusError `locked` when another process writes it; `usage` when the
 *   file is something else
 */
export function openManifestForWriting(path: string): Manifest {
  // Looked at before anything is made beside it.
  sizeOf(path);
  const lock = takeLock(path);
  let connection: Connection | undefined;
  try {
    connection = connect(path, false);
    const known = recognize(connection);
    connection.execute(`
      PRAGMA journal_mode = DELETE;
      PRAGMA synchronous = EXTRA;
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA temp.cache_size = -${CACHE_KIB};
    `);
    if (!known) makeTables(connection);
    return new Manifest(connection, () => lock[Symbol.dispose]());
  } catch (error) {
    connection?.[Symbol.dispose]();
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens a copy of a manifest to try a run on, an empty one where there is none;
 * the file itself is not written.
 */
export async function openManifestCopy(path: string): Promise<Manifest & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "chorus-manifest-" });
  const copy = join(folder, "manifest.db");
  try {
    if (sizeOf(path) > 0) {
      using manifest = openManifest(path);
      await backup(manifest.connection.database, copy, { rate: 16_384 });
    }
    const opened = openManifestForWriting(copy);
    return Object.assign(opened, {
      async [Symbol.asyncDispose]() {
        opened[Symbol.dispose]();
        await Deno.remove(folder, { recursive: true });
      },
    });
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw translateManifestError(error, path);
  }
}

function connect(path: string, readOnly: boolean): Connection {
  const connection = new Connection(path, {
    readOnly,
    busyTimeoutMs: BUSY_TIMEOUT_MS,
    translateError: translateManifestError,
  });
  connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;");
  return connection;
}

function connectForReading(path: string): Connection {
  for (let tried = false;; tried = true) {
    const connection = connect(path, true);
    try {
      connection.number("SELECT count(*) FROM sqlite_schema");
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      if (tried || !isChorusError(error) || !needsRollback(error.cause)) throw error;
      // The transaction of a process that died is undone by the next one that may write.
      using writer = connect(path, false);
      writer.number("SELECT count(*) FROM sqlite_schema");
    }
  }
}

/** True for a manifest, false for a database without tables. */
function recognize(connection: Connection): boolean {
  const { path } = connection;
  const tables = connection.number(
    "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'",
  );
  const id = connection.number("PRAGMA application_id");
  if (tables === 0 && id === 0) return false;
  if (id !== APPLICATION_ID) {
    throw notAManifest(path, "it is an SQLite database of another kind");
  }
  const format = connection.number("PRAGMA user_version");
  if (format > FORMAT) {
    throw notAManifest(path, `its format is ${format}, and this program knows ${FORMAT}`);
  }
  for (const [table, columns] of Object.entries(REQUIRED_COLUMNS)) {
    const found = new Set(
      connection.all("SELECT name FROM pragma_table_info(?)", table).map(([name]) => String(name)),
    );
    const absent = columns.find((column) => !found.has(column));
    if (absent !== undefined) throw notAManifest(path, `${table} has no column ${absent}`);
  }
  return true;
}

function makeTables(connection: Connection): void {
  connection.transaction(() => {
    connection.execute(TABLES);
    connection.execute(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT};`,
    );
  });
}

/** Bytes, -1 when there is nothing. */
function sizeOf(path: string): number {
  try {
    const info = Deno.statSync(path);
    if (info.isDirectory) throw notAManifest(path, "it is a folder");
    return info.size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return -1;
    if (error instanceof Deno.errors.NotADirectory) {
      throw notAManifest(path, "its folder is a file");
    }
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new ChorusError("io", `The manifest "${path}" may not be read.`, {
      subject: path,
      remedy: "Make the file and its folder readable for this account.",
      cause: error,
    });
  }
}

function takeLock(path: string): WriterLock {
  try {
    return WriterLock.take(path);
  } catch (error) {
    if (!isChorusError(error)) throw error;
    if (error.code === "locked") {
      throw new ChorusError("locked", `Another chorus-upload is writing the manifest "${path}".`, {
        subject: path,
        remedy: "Wait until it is done, then run the command again.",
        cause: error,
      });
    }
    const why = error.cause instanceof Deno.errors.NotFound
      ? "its folder does not exist"
      : error.cause instanceof Error
      ? error.cause.message
      : error.message;
    throw new ChorusError("io", `The manifest "${path}" can't be written: ${why}.`, {
      subject: path,
      remedy: "Give another path with --output.",
      cause: error,
    });
  }
}
