/** The file on this machine that commands work on, and how another one takes its place. */

import { basename, dirname, join } from "node:path";
import { isChorusError } from "../errors/chorus_error.ts";
import { copyJournal, PARTIAL_COPY_SUFFIX } from "../journal/copy_journal.ts";
import type { CheckoutContext } from "./checkout_context.ts";
import { statePathOf } from "./local_state.ts";
import { fileSize, removeIfPresent, renameSynced, syncFile, syncFolder } from "./replace_file.ts";
import { contentOfFile } from "./stored_content.ts";

/** Where a download is put before it becomes the working copy. */
export function downloadPathOf(workingCopy: string): string {
  return `${workingCopy}.download.tmp`;
}

/** Where the copy that is checked in is made. */
export function returnPathOf(workingCopy: string): string {
  return `${workingCopy}.return.tmp`;
}

const SIDE_FILES = ["-journal", "-wal", "-shm"] as const;

/** Removes what a run that died may have left; only under the working copy's file lock. */
export async function removeLeftovers(workingCopy: string): Promise<void> {
  await removeIfPresent(`${statePathOf(workingCopy)}.tmp`);
  for (const path of [downloadPathOf(workingCopy), returnPathOf(workingCopy)]) {
    await removeDatabase(path);
    await removeDatabase(path + PARTIAL_COPY_SUFFIX);
    await removeDatabase(`${path}${PARTIAL_COPY_SUFFIX}.compact`);
  }
  await removeOldScratch(workingCopy);
}

/** Removes a database file that nobody has open, with what SQLite may have left beside it. */
export async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ["", ...SIDE_FILES]) await removeIfPresent(path + suffix);
}

const SCRATCH = /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp/;

/** Scratch files of runs that are still alive are younger than this. */
const SCRATCH_LIFE_MS = 24 * 3_600_000;

/** A name beside the working copy that no other run uses. */
export function scratchPathOf(workingCopy: string): string {
  return `${workingCopy}.${crypto.randomUUID()}.tmp`;
}

/** Removes what runs that were killed left under {@linkcode scratchPathOf}'s names. */
async function removeOldScratch(workingCopy: string): Promise<void> {
  const folder = dirname(workingCopy);
  const name = basename(workingCopy);
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.name.startsWith(name) || !SCRATCH.test(entry.name.slice(name.length))) continue;
    const path = join(folder, entry.name);
    const { mtime } = await Deno.stat(path);
    if ((mtime?.getTime() ?? Infinity) < Date.now() - SCRATCH_LIFE_MS) await removeIfPresent(path);
  }
}

/** True when SQLite has left work in a file beside the database. */
export async function hasSideFiles(path: string): Promise<boolean> {
  for (const suffix of ["-journal", "-wal"]) {
    if ((await fileSize(path + suffix) ?? 0) > 0) return true;
  }
  return false;
}

/** The MD5 of a quiet working copy, lower-case hex; undefined when there is none or it is empty. */
export async function workingCopyMd5(
  path: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const size = await fileSize(path);
  if (size === undefined || size === 0) return undefined;
  return (await contentOfFile(path, signal)).md5;
}

/**
 * Keeps a dated copy of a working copy that is about to be replaced, unless its
 * content is known to exist elsewhere.
 *
 * @param known MD5s, lower-case hex, of contents that need no keeping
 * @returns where it was kept, or undefined when there was nothing to keep
 */
export async function keepWorkingCopy(
  { workingCopy, now, signal }: CheckoutContext,
  known: readonly (string | null | undefined)[],
): Promise<string | undefined> {
  const unfinished = await hasSideFiles(workingCopy);
  const md5 = await workingCopyMd5(workingCopy, signal);
  if (!unfinished && (md5 === undefined || known.includes(md5))) return undefined;
  const kept = await freeName(`${workingCopy}.${stampOf(now())}`);
  try {
    await copyJournal(workingCopy, kept, { signal });
  } catch (error) {
    if (!isChorusError(error) || error.code === "locked" || error.code === "disk_full") throw error;
    // Not a journal, or a damaged one: still the person's, so byte by byte, with what lies beside it.
    await Deno.copyFile(workingCopy, kept);
    await syncFile(kept);
    for (const suffix of ["-journal", "-wal"]) {
      if (await fileSize(workingCopy + suffix) === undefined) continue;
      await Deno.copyFile(workingCopy + suffix, kept + suffix);
      await syncFile(kept + suffix);
    }
    await syncFolder(dirname(kept));
  }
  return kept;
}

/**
 * Puts a synced file in the place of the working copy; without one, there is none afterwards.
 *
 * What lies beside the old one goes first: beside the new one it would be
 * rolled back into it, which `integrity_check` does not notice.
 */
export async function installWorkingCopy(
  workingCopy: string,
  from: string | undefined,
): Promise<void> {
  for (const suffix of SIDE_FILES) await removeIfPresent(workingCopy + suffix);
  await syncFolder(dirname(workingCopy));
  if (from !== undefined) {
    await keepMode(workingCopy, from);
    return await renameSynced(from, workingCopy);
  }
  await removeIfPresent(workingCopy);
  await syncFolder(dirname(workingCopy));
}

/** Who could read the old file can read the new one; where there was none, only its owner. */
async function keepMode(old: string, file: string): Promise<void> {
  if (Deno.build.os === "windows" || await fileSize(old) === undefined) return;
  const { mode } = await Deno.stat(old);
  if (mode !== null) await Deno.chmod(file, mode & 0o777);
}

/** `YYYYMMDDHHMMSS`, UTC. */
function stampOf(time: Date): string {
  return time.toISOString().slice(0, 19).replace(/[-T:]/g, "");
}

async function freeName(stem: string): Promise<string> {
  for (let n = 1;; n++) {
    const path = n === 1 ? `${stem}.bak` : `${stem}-${n}.bak`;
    try {
      await Deno.lstat(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return path;
      throw error;
    }
  }
}
