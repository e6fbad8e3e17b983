/** The new content of a file, beside its place, until it is published. */

import { join } from "node:path";
import { type CompanionNames, uniqueTemporaryName } from "./own_names.ts";
import { isLacking, isStillAt, type SystemCalls } from "./system_calls.ts";

/** An open, empty, new file. */
export interface TemporaryFile {
  path: string;
  file: Deno.FsFile;
}

/**
 * Creates the temporary file for a name. Its name is the same each time, so
 * that what a killed process left is found and removed by the next one that
 * writes the same object; while its owner lives it is locked, and another writer
 * takes a name of its own.
 */
export async function createTemporaryFile(
  folder: string,
  names: CompanionNames,
  calls: SystemCalls,
): Promise<TemporaryFile> {
  const path = join(folder, names.temporary);
  const file = await tryCreate(path, calls) ??
    (await tryRemoveAbandoned(path, calls) ? await tryCreate(path, calls) : undefined);
  if (file !== undefined) return { path, file };
  const unique = join(folder, uniqueTemporaryName());
  return {
    path: unique,
    file: await Deno.open(unique, { write: true, createNew: true }),
  };
}

/** The file, locked and certainly ours; undefined when somebody else is at it. */
async function tryCreate(
  path: string,
  calls: SystemCalls,
): Promise<Deno.FsFile | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
  let ours = false;
  try {
    // Until the lock is ours another process may take the file for abandoned.
    ours = await calls.tryLock(file) && await isStillAt(path, file);
  } catch (error) {
    if (!isLacking(error)) throw error;
    await Deno.remove(path);
  } finally {
    if (!ours) file.close();
  }
  return ours ? file : undefined;
}

/** Removes, never reuses: it may be a second name of a published file. */
async function tryRemoveAbandoned(
  path: string,
  calls: SystemCalls,
): Promise<boolean> {
  try {
    using file = await Deno.open(path, { write: true });
    if (!await calls.tryLock(file) || !await isStillAt(path, file)) {
      return false;
    }
    await Deno.remove(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    if (isLacking(error) || error instanceof Deno.errors.PermissionDenied) {
      return false;
    }
    throw error;
  }
}
