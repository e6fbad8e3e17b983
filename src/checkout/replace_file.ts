/** Files replaced in one step: at every instant the old content or the new one. */

import { dirname } from "node:path";

/**
 * Writes beside `path`, syncs, renames over it, syncs the folder.
 *
 * @param mode permission bits of the new file
 */
export async function replaceFile(
  path: string,
  content: Uint8Array,
  mode: number,
): Promise<void> {
  const temporary = `${path}.tmp`;
  {
    using file = await Deno.open(temporary, { write: true, create: true, truncate: true, mode });
    for (let done = 0; done < content.length;) {
      done += await file.write(content.subarray(done));
    }
    await file.sync();
  }
  await renameSynced(temporary, path);
}

/** Renames a synced file and makes the rename itself durable. */
export async function renameSynced(from: string, to: string): Promise<void> {
  await Deno.rename(from, to);
  await syncFolder(dirname(to));
}

/** Makes names created, renamed or removed in a folder durable, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  // Windows opens no folder, and some mounts refuse to sync one: there is nothing more to do.
  try {
    using folder = await Deno.open(path);
    await folder.sync();
  } catch { /* the rename itself stays atomic */ }
}

/** Syncs a file's content to disk. */
export async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
}

/** Removes a file that may not exist. */
export async function removeIfPresent(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The file's size in bytes, or undefined when there is none. */
export async function fileSize(path: string): Promise<number | undefined> {
  try {
    const info = await Deno.stat(path);
    return info.isFile ? info.size : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
