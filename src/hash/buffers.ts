/** Buffers in the kernel's memory for files that are read asynchronously. */

import type { Md5Kernel } from "./kernel/md5_kernel.ts";
import { PADDING_BYTES } from "./open_file.ts";

/** Two pieces of memory: one is hashed while the other is being read into. */
export interface BufferPair {
  /** Bytes of each, without the room for the padding behind it. */
  readonly size: number;
  readonly addresses: readonly [number, number];
}

/** Lends out a bounded number of buffer pairs, made when they are first needed. */
export class Buffers {
  readonly #kernel: Md5Kernel;
  readonly #size: number;
  readonly #free: BufferPair[] = [];
  readonly #waiting: ((pair: BufferPair) => void)[] = [];
  readonly #made: BufferPair[] = [];
  #left: number;

  /**
   * @param size bytes of each buffer, a multiple of 64
   * @param count pairs at most
   */
  constructor(kernel: Md5Kernel, size: number, count: number) {
    this.#kernel = kernel;
    this.#size = size;
    this.#left = count;
  }

  /** A pair of buffers, as soon as there is one. */
  take(): Promise<BufferPair> | BufferPair {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#left === 0) {
      return new Promise((resolve) => this.#waiting.push(resolve));
    }
    this.#left--;
    const reserve = () => this.#kernel.reserve(this.#size + PADDING_BYTES);
    const pair: BufferPair = {
      size: this.#size,
      addresses: [reserve(), reserve()],
    };
    this.#made.push(pair);
    return pair;
  }

  /** Gives a pair back. */
  give(pair: BufferPair): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#free.push(pair);
    else waiting(pair);
  }

  /** Gives all memory back to the kernel. Nobody may use a pair any more. */
  release(): void {
    for (const { addresses } of this.#made.splice(0)) {
      for (const address of addresses) {
        this.#kernel.release(address, this.#size + PADDING_BYTES);
      }
    }
    this.#free.length = 0;
  }
}
