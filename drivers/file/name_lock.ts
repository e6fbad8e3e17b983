/** One writer at a time on one name, across processes. */

import { join } from "node:path";
import { FileFailure } from "./failure.ts";
import type { CompanionNames } from "./own_names.ts";
import { codeOf, isLacking, isStillAt, removeIfThere, type SystemCalls } from "./system_calls.ts";

/** The lock is held for a few file operations; who waits longer waits for a dead or stopped process. */
const LONGEST_WAIT_MS = 60_000;
const LONGEST_PAUSE_MS = 50;

/**
 * Waits for the lock on a name: a file beside it that carries the operating
 * system's lock, which dies with its holder, and that its last user removes. On
 * a mount without locks, the existence of another file is the lock.
 *
 * @param folder where the name is
 * @param names what goes with the name
 * @throws {FileFailure} `unavailable` when somebody else keeps the lock
 */
export async function lockName(
  folder: string,
  names: CompanionNames,
  calls: SystemCalls,
  signal?: AbortSignal,
): Promise<AsyncDisposable> {
  const until = Date.now() + LONGEST_WAIT_MS;
  for (let pause = 1;; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    const lock = await tryLockName(folder, names, calls);
    if (lock !== undefined) return lock;
    if (Date.now() > until) throw keptTooLong(folder, names);
    await new Promise((done) => setTimeout(done, pause * (0.5 + Math.random())));
  }
}

async function tryLockName(
  folder: string,
  names: CompanionNames,
  calls: SystemCalls,
): Promise<AsyncDisposable | undefined> {
  const path = join(folder, names.lock);
  const file = await openLock(folder, path);
  if (file === undefined) return undefined;
  let held = false;
  try {
    // The holder before us may have removed the file between our two calls.
    held = await calls.tryLock(file) && await isStillAt(path, file);
  } catch (error) {
    if (!isLacking(error)) throw error;
    await removeIfThere(path);
    return await tryReserve(join(folder, names.held));
  } finally {
    if (!held) file.close();
  }
  if (!held) return undefined;
  return {
    async [Symbol.asyncDispose]() {
      try {
        await removeIfThere(path);
      } finally {
        file.close();
      }
    },
  };
}

/** The lock's file; undefined when it vanished while it was opened, as mounts let it. */
async function openLock(folder: string, path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { write: true, create: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && codeOf(error) !== "ESTALE") throw error;
    // It is an error when the folder itself is gone.
    await Deno.stat(folder);
    return undefined;
  }
}

async function tryReserve(path: string): Promise<AsyncDisposable | undefined> {
  try {
    (await Deno.open(path, { write: true, createNew: true })).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
  return { [Symbol.asyncDispose]: () => removeIfThere(path) };
}

function keptTooLong(folder: string, names: CompanionNames): FileFailure {
  return new FileFailure(
    "unavailable",
    `another process has kept its lock for ${LONGEST_WAIT_MS / 1000} seconds`,
    `If none is running, remove ${names.lock} and ${names.held} in ${folder}.`,
  );
}
