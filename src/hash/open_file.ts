/** A file on its way through the kernel. */

import type { FileState } from "./file_state.ts";
import { BLOCK } from "./kernel/layout.ts";
import { type Md5Kernel, newSegment, resetState } from "./kernel/md5_kernel.ts";

/** Room that the padding needs behind the last bytes. */
export const PADDING_BYTES = 2 * BLOCK;

/** A file that is open or about to be, and how far it was read and hashed. */
export class OpenFile {
  /** What the kernel has to hash next. */
  readonly segment = newSegment();
  id = 0;
  path = "";
  handle: Deno.FsFile | undefined;
  before: FileState | undefined;
  /** Bytes read. */
  read = 0;
  /** What the thread's share clock showed when it began. */
  began = 0;

  /** Makes it another file, of which nothing was read yet. */
  begin({ id, path }: { id: number; path: string }, began: number): void {
    this.id = id;
    this.path = path;
    this.handle = undefined;
    this.before = undefined;
    this.read = 0;
    this.began = began;
    this.segment.blocks = 0;
    resetState(this.segment.state);
  }

  /** Makes it what another one is, which loses its handle. */
  takeOver(other: OpenFile): void {
    this.begin(other, other.began);
    this.handle = other.handle;
    this.before = other.before;
    this.read = other.read;
    this.segment.state.set(other.segment.state);
    other.handle = undefined;
  }

  /**
   * Makes bytes that were just read the next segment; behind the last ones comes the padding.
   *
   * @param address where they lie in the kernel's memory
   * @param bytes how many; a multiple of 64 except at the end
   */
  stage(kernel: Md5Kernel, address: number, bytes: number, { size }: FileState): void {
    const rest = bytes % BLOCK;
    const whole = bytes - rest;
    this.segment.address = address;
    this.segment.blocks = whole / BLOCK +
      (this.read < size ? 0 : kernel.pad(address + whole, rest, size));
  }

  close(): void {
    this.handle?.close();
    this.handle = undefined;
  }
}
