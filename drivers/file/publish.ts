/** The one step by which a complete file appears under its name. */

import { dirname } from "node:path";
import type { Condition } from "../../src/storage/driver.ts";
import { FileFailure } from "./failure.ts";
import { lockName } from "./name_lock.ts";
import { etagOf } from "./object_info.ts";
import type { CompanionNames } from "./own_names.ts";
import { codeOf, isLacking, type SystemCalls } from "./system_calls.ts";
import type { Spelling } from "./spelling.ts";
import type { TemporaryFile } from "./temporary_file.ts";

/** What is being published. */
export interface Publication {
  target: string;
  names: CompanionNames;
  temporary: TemporaryFile;
  condition: Condition | undefined;
  signal: AbortSignal | undefined;
}

/** The file system around it. */
export interface Surroundings {
  calls: SystemCalls;
  spelling: Spelling;
}

/**
 * Publishes a synced temporary file; its temporary name is gone afterwards, or
 * left to be removed when this throws.
 *
 * @returns the ETag. It is taken before the file appears: a moment later the file
 *   may have been replaced, and some mounts then refuse to look at the open one
 * @throws {FileFailure} `already_exists`, `precondition_failed`
 */
export async function publish(
  publication: Publication,
  around: Surroundings,
): Promise<string> {
  const { condition, temporary } = publication;
  if (condition !== undefined && "ifAbsent" in condition) {
    const etag = etagOf(await temporary.file.stat());
    await create(publication, around.calls);
    return etag;
  }
  return await replace(publication, condition?.ifMatch, around);
}

/** By a hard link, which never replaces; without hard links under the name's lock. */
async function create(
  publication: Publication,
  calls: SystemCalls,
): Promise<void> {
  const { target, temporary } = publication;
  try {
    await calls.link(temporary.path, target);
  } catch (error) {
    if (!isLacking(error)) {
      await refuseFolder(target);
      throw error;
    }
    return await createUnderLock(publication, calls);
  }
  await Deno.remove(temporary.path);
}

/** A folder is no object, so whoever asks what is there would be told: nothing. */
async function refuseFolder(target: string): Promise<void> {
  if ((await infoOf(target))?.isDirectory) {
    throw new FileFailure("unsupported", "a folder of this name is there");
  }
}

async function createUnderLock(
  { target, names, temporary, signal }: Publication,
  calls: SystemCalls,
): Promise<void> {
  await using _lock = await lockName(dirname(target), names, calls, signal);
  await refuseFolder(target);
  if (await infoOf(target) !== undefined) {
    throw new FileFailure("already_exists", "a file of this name is there");
  }
  await Deno.rename(temporary.path, target);
}

async function replace(
  { target, names, temporary, signal }: Publication,
  ifMatch: string | undefined,
  { calls, spelling }: Surroundings,
): Promise<string> {
  await using _lock = await lockName(dirname(target), names, calls, signal);
  const before = await infoOf(target);
  if (ifMatch !== undefined) requireEtag(before, ifMatch);
  if (before !== undefined) {
    await spelling.require(target);
    await makeNewer(temporary.file, before);
  }
  const etag = etagOf(await temporary.file.stat());
  await Deno.rename(temporary.path, target);
  return etag;
}

/** Removes a file, under the same lock as replacements. */
export async function removeFile(
  target: string,
  names: CompanionNames,
  options: { ifMatch?: string; signal?: AbortSignal },
  { calls, spelling }: Surroundings,
): Promise<void> {
  await using _lock = await lockForRemoval(target, names, options, calls);
  const info = await infoOf(target);
  if (options.ifMatch !== undefined) requireEtag(info, options.ifMatch);
  // Deno.remove would take an empty folder too.
  if (info === undefined || info.isDirectory) {
    throw new FileFailure("not_found", "it is not there");
  }
  await spelling.require(target);
  await Deno.remove(target);
}

/** A full disk has no room for a lock; an unconditional removal must go on all the same. */
async function lockForRemoval(
  target: string,
  names: CompanionNames,
  { ifMatch, signal }: { ifMatch?: string; signal?: AbortSignal },
  calls: SystemCalls,
): Promise<AsyncDisposable | undefined> {
  try {
    return await lockName(dirname(target), names, calls, signal);
  } catch (error) {
    const full = ["ENOSPC", "EDQUOT"].includes(codeOf(error));
    if (full && ifMatch === undefined) return undefined;
    throw error;
  }
}

async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // A link that leads nowhere is in the way all the same.
    try {
      return await Deno.lstat(path);
    } catch (missing) {
      if (missing instanceof Deno.errors.NotFound) return undefined;
      throw missing;
    }
  }
}

function requireEtag(info: Deno.FileInfo | undefined, etag: string): void {
  if (info === undefined || etagOf(info) !== etag) {
    throw new FileFailure(
      "precondition_failed",
      info === undefined ? "the file is gone" : "the file is no longer the one that was looked up",
    );
  }
}

/** An ETag must not come back: the new file is later than the one it replaces. */
async function makeNewer(
  file: Deno.FsFile,
  before: Deno.FileInfo,
): Promise<void> {
  const replaced = before.mtime?.getTime() ?? 0;
  const own = (await file.stat()).mtime?.getTime() ?? 0;
  if (own > replaced) return;
  const later = new Date(replaced + 1);
  await file.utime(later, later);
  await file.sync();
}
