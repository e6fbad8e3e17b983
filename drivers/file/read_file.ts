/** Reading a file in large pieces. */

import type { ReadOptions } from "../../src/storage/driver.ts";
import { FileFailure } from "./failure.ts";
import { etagOf } from "./object_info.ts";

/** Bytes per read call: smaller ones cost more in calls than they save. */
const CHUNK_BYTES = 1024 * 1024;

/** The bytes of a file, or of a part of it. */
export async function* readFile(
  path: string,
  { offset = 0, length, ifMatch, signal }: ReadOptions,
): AsyncGenerator<Uint8Array, void, void> {
  signal?.throwIfAborted();
  using file = await Deno.open(path, { read: true });
  const before = await file.stat();
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
  if (ifMatch !== undefined && etagOf(await file.stat()) !== ifMatch) {
    throw changed();
  }
}

function changed(): FileFailure {
  return new FileFailure(
    "precondition_failed",
    "the file is no longer the one that was looked up",
  );
}
