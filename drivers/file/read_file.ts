/** Reading a file in large pieces. */

import type { ReadOptions } from "../../src/storage/driver.ts";
import { FileFailure } from "./failure.ts";
import { etagOf } from "./object_info.ts";

/** Bytes per read call: smaller ones cost more in calls than they save. */
const CHUNK_BYTES = 1024 * 1024;

const OPEN_TRIES = 3;

/** The bytes of a file, or of a part of it. */
export async function* readFile(
  path: string,
  { offset = 0, length, ifMatch, signal }: ReadOptions,
): AsyncGenerator<Uint8Array, void, void> {
  signal?.throwIfAborted();
  const { file: opened, info: before } = await openFile(path);
  using file = opened;
  if (before.isDirectory) {
    throw new FileFailure("not_found", "it is a folder, not a file");
  }
  if (ifMatch !== undefined && etagOf(before) !== ifMatch) throw changed();
  const end = Math.min(
    length === undefined ? Infinity : offset + length,
    Math.max(before.size, offset),
  );
  if (offset > 0) await file.seek(offset, Deno.SeekMode.Start);
  let left = end - offset;
  while (left > 0) {
    signal?.throwIfAborted();
    const chunk = new Uint8Array(Math.min(left, CHUNK_BYTES));
    const count = await file.read(chunk);
    if (count === null) {
      throw new FileFailure("io", "the file became shorter while it was read");
    }
    left -= count;
    yield count === chunk.length ? chunk : chunk.subarray(0, count);
  }
  if (ifMatch !== undefined && await etagNow(file) !== ifMatch) throw changed();
}

/** Opens a file and looks at it; on some mounts a file is not found while it is being replaced. */
async function openFile(path: string): Promise<{ file: Deno.FsFile; info: Deno.FileInfo }> {
  for (let tries = 1;; tries++) {
    let file: Deno.FsFile | undefined;
    try {
      file = await Deno.open(path, { read: true });
      return { file, info: await file.stat() };
    } catch (error) {
      file?.close();
      if (!(error instanceof Deno.errors.NotFound) || tries === OPEN_TRIES) throw error;
    }
  }
}

/** Undefined when the open file has no name any more and the mount does not look at it. */
async function etagNow(file: Deno.FsFile): Promise<string | undefined> {
  try {
    return etagOf(await file.stat());
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function changed(): FileFailure {
  return new FileFailure(
    "precondition_failed",
    "the file is no longer the one that was looked up",
  );
}
