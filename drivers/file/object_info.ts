/** A file's state as an object's. */

import type { ObjectInfo } from "../../src/storage/driver.ts";

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
