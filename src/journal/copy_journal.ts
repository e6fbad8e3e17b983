/**
 * Makes a sound copy of a journal file.
 *
 * A plain file copy beside a rollback file that is still hot would be damaged
 * without `integrity_check` noticing. So the journal is opened first, which
 * undoes an interrupted transaction, and SQLite copies it. Indexes that only
 * we need are left out; the copy is not larger than the predecessor's.
 */

import { dirname } from "node:path";
import { backup } from "node:sqlite";
import { ChorusError } from "../errors/chorus_error.ts";
import { compactDatabase } from "./compact_database.ts";
import { Connection } from "./connection.ts";
import { translateDatabaseError } from "./database_error.ts";
import { DROP_EXTRA_INDEXES, PATH_INDEX } from "./schema.ts";

/** How to copy a journal. */
export interface CopyJournalOptions {
  /** Replace what is at the target; otherwise an existing file is an error. */
  overwrite?: boolean;
  signal?: AbortSignal;
}

/** Pages of 4 KiB per step of the backup; between steps the signal is looked at. */
const PAGES_PER_STEP = 16_384;

const BUSY_TIMEOUT_MS = 10_000;

/** Ending of the file under which a copy is made before it gets its name. */
export const PARTIAL_COPY_SUFFIX = ".partial";

/**
 * Copies a journal: either the whole copy is at `to` and on disk, or `to` is as
 * it was. Nobody else should be writing to `from` (the caller has it open for
 * write, or holds the check-out); a change during the copy starts it over.
 *
 * @throws ChorusError `already_exists`, `disk_full`, `locked`, `journal_damaged`, `io`
 */
export async function copyJournal(
  from: string,
  to: string,
  options: CopyJournalOptions = {},
): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (options.overwrite !== true) refuseExisting(to);
  const partial = to + PARTIAL_COPY_SUFFIX;
  removeDatabase(partial);
  try {
    await backUp(from, partial, signal);
    leaveOutIndexes(partial);
    syncFile(partial);
    signal?.throwIfAborted();
    moveIntoPlace(partial, to, options.overwrite === true);
    syncFolder(dirname(to));
  } catch (error) {
    removeDatabase(partial);
    throw error;
  }
}

async function backUp(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  using source = new Connection(from, {
    readOnly: !isWritable(from),
    busyTimeoutMs: BUSY_TIMEOUT_MS,
  });
  // The first read rolls an interrupted transaction back.
  source.number("SELECT count(*) FROM sqlite_schema");
  if (source.text("PRAGMA journal_mode") === "wal") {
    source.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  try {
    await backup(source.database, to, {
      rate: PAGES_PER_STEP,
      progress: () => signal?.throwIfAborted(),
    });
  } catch (error) {
    throw translateDatabaseError(error, to);
  }
}

function leaveOutIndexes(path: string): void {
  if (dropIndexes(path)) compactDatabase(path, `${path}.compact`);
}

/** True when there were any. */
function dropIndexes(path: string): boolean {
  using copy = new Connection(path, {
    readOnly: false,
    busyTimeoutMs: BUSY_TIMEOUT_MS,
  });
  // Also takes the copy out of WAL mode, which must not reach a network mount.
  copy.execute("PRAGMA journal_mode = DELETE");
  const indexed = copy.number(
    "SELECT count(*) FROM sqlite_schema WHERE name = ?",
    PATH_INDEX,
  );
  if (indexed > 0) copy.execute(DROP_EXTRA_INDEXES);
  return indexed > 0;
}

function refuseExisting(path: string): void {
  if (!exists(path)) return;
  throw new ChorusError("already_exists", `"${path}" exists already.`, {
    subject: path,
    remedy: "Move it away, then run the command again.",
  });
}

function moveIntoPlace(partial: string, to: string, overwrite: boolean): void {
  if (overwrite) {
    // A hot rollback file of the old journal would be played into the new one.
    removeSideFiles(to);
    Deno.renameSync(partial, to);
    return;
  }
  refuseExisting(to);
  Deno.renameSync(partial, to);
}

function isWritable(path: string): boolean {
  try {
    Deno.openSync(path, { read: true, write: true }).close();
    return true;
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function removeDatabase(path: string): void {
  removeFile(path);
  removeSideFiles(path);
}

function removeSideFiles(path: string): void {
  for (const suffix of ["-journal", "-wal", "-shm"]) removeFile(path + suffix);
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function syncFile(path: string): void {
  using file = Deno.openSync(path, { read: true, write: true });
  file.syncSync();
}

/** A rename is on disk only when its folder is; Windows has no such call and needs none. */
function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}
