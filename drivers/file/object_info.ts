/** A file's state as an object's. */

import type { ObjectInfo } from "../../src/storage/driver.ts";
import type { Spelling } from "./spelling.ts";

/**
 * Changes with every replacement: each is another file (inode) with a later
 * modification time than the one it replaces ({@linkcode FileWriter} sees to that).
 */
export function etagOf(info: Deno.FileInfo): string {
  return [
    info.ino ?? 0,
    info.size,
    info.mtime?.getTime() ?? 0,
    info.birthtime?.getTime() ?? 0,
  ].join("-");
}

/** What `stat` and `list` say of a file. */
export function objectInfo(key: string, info: Deno.FileInfo): ObjectInfo {
  return {
    key,
    size: info.size,
    etag: etagOf(info),
    modifiedMs: info.mtime?.getTime() ?? 0,
  };
}

/** The file as an object; undefined when there is none, or something else. */
export async function statFile(
  key: string,
  path: string,
  spelling: Spelling,
): Promise<ObjectInfo | undefined> {
  // Twice: on some mounts a file is not found while it is being replaced.
  const info = await infoAt(path) ?? await infoAt(path);
  if (!info?.isFile) return undefined;
  await spelling.require(path);
  return objectInfo(key, info);
}

async function infoAt(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    // NotADirectory: a file is where a folder would have to be, so the key can't exist either.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
