/** Reads a file asynchronously, one piece ahead of the kernel. */

import type { BufferPair } from "./buffers.ts";
import { FileProblem, type FileState, shortRead, unexpectedContent } from "./file_state.ts";
import type { Md5Kernel, Segment } from "./kernel/md5_kernel.ts";
import type { OpenFile } from "./open_file.ts";

/** What reading ahead needs of the thread. */
export interface ReadAheadHost {
  readonly kernel: Md5Kernel;
  /** True when nobody waits for the file any more. */
  isStopping(): boolean;
  /** Called after each read. */
  wasRead(file: OpenFile, bytes: number): void;
  /** Has a segment hashed; resolves when its memory is free again. */
  hash(segment: Segment): Promise<void>;
}

/**
 * Reads the rest of a file into two buffers in turns: while one is hashed, the next piece is read
 * into the other, so that the disk and the kernel work at the same time.
 *
 * @throws {FileProblem} when the file is not as long as it was, and whatever reading throws
 */
export async function readAhead(
  host: ReadAheadHost,
  file: OpenFile,
  handle: Deno.FsFile,
  before: FileState,
  { size, addresses }: BufferPair,
): Promise<void> {
  let current = 0;
  let bytes = await fill(host, file, handle, before, addresses[current], size);
  if (before.size === 0 && await handle.read(new Uint8Array(1)) !== null) {
    throw unexpectedContent();
  }
  for (;;) {
    const last = file.read === before.size;
    file.stage(host.kernel, addresses[current], bytes, before);
    const hashed = host.hash(file.segment);
    if (last) return await hashed;
    current = 1 - current;
    const reading = fill(host, file, handle, before, addresses[current], size);
    // Its failure is looked at when the kernel no longer needs the other buffer.
    reading.catch(() => {});
    await hashed;
    bytes = await reading;
  }
}

/** Reads a buffer full, or to the end; the number of bytes. */
async function fill(
  host: ReadAheadHost,
  file: OpenFile,
  handle: Deno.FsFile,
  before: FileState,
  address: number,
  size: number,
): Promise<number> {
  const { memory } = host.kernel;
  const wanted = Math.min(size, before.size - file.read);
  let got = 0;
  while (got < wanted) {
    if (host.isStopping()) throw new FileProblem("unreadable", "Stopped");
    const n = await handle.read(memory.subarray(address + got, address + wanted));
    if (n === null) throw shortRead(before.size, file.read + got);
    got += n;
  }
  file.read += got;
  host.wasRead(file, got);
  return got;
}
