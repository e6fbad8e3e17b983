/** Reads a file part by part, some parts ahead of who takes them. */

import type { BufferLease, MemoryBudget } from "./memory_budget.ts";
import { changedContent } from "./send_file.ts";
import type { SiteFile } from "./site_files.ts";
import type { Transfer } from "./transfer.ts";

/** A part of a file in memory; who takes it gives its buffer back. */
export interface FilledPart {
  /** From 0. */
  index: number;
  lease: BufferLease;
}

/** Parts that are read and wait to be taken, at most. */
const PARTS_AHEAD = 3;

/** What a reader needs. */
export interface PartReaderOptions {
  transfer: Transfer;
  /** Open, at its beginning. */
  file: SiteFile;
  /** Bytes of each part but the last. */
  partBytes: number;
  memory: MemoryBudget;
  signal: AbortSignal;
}

/** The parts of one file, each read once, in order. */
export class PartReader implements AsyncDisposable {
  readonly #options: PartReaderOptions;
  readonly #filled: FilledPart[] = [];
  readonly #reading: Promise<void>;
  #failure: { error: unknown } | undefined;
  /** A part is on its way: it waits for the disk, not for memory that others hold. */
  #isReading = false;
  #over = false;
  #closed = false;
  #wakeReader: () => void = () => {};
  #wakeTaker: () => void = () => {};

  /** Begins to read. */
  constructor(options: PartReaderOptions) {
    this.#options = options;
    this.#reading = this.#readAll().catch((error) => {
      this.#failure = { error };
    }).finally(() => {
      this.#isReading = false;
      this.#over = true;
      this.#wakeTaker();
    });
  }

  /**
   * The next parts: fewer than asked for when memory is short, none after the last.
   *
   * @param most as many at most
   * @throws ChorusError `source_changed` when the file is shorter than it was, what reading it
   *   throws, the signal's reason
   */
  async take(most: number): Promise<FilledPart[]> {
    const enough = Math.min(most, PARTS_AHEAD);
    const wantsMore = () =>
      this.#filled.length === 0 || (this.#isReading && this.#filled.length < enough);
    while (wantsMore() && !this.#over) {
      await new Promise<void>((resolve) => this.#wakeTaker = resolve);
    }
    // What was read before something failed is not wanted any more either.
    if (this.#failure !== undefined) throw this.#failure.error;
    const taken = this.#filled.splice(0, most);
    this.#wakeReader();
    return taken;
  }

  /** Waits for the read under way, then gives back what nobody took. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#wakeReader();
    await this.#reading;
    for (const { lease } of this.#filled.splice(0)) lease[Symbol.dispose]();
  }

  async #readAll(): Promise<void> {
    const { transfer, partBytes, memory } = this.#options;
    const count = Math.ceil(transfer.size / partBytes);
    for (let index = 0; index < count; index++) {
      while (this.#filled.length >= PARTS_AHEAD && !this.#closed) {
        await new Promise<void>((resolve) => this.#wakeReader = resolve);
      }
      if (this.#closed) return;
      const length = Math.min(partBytes, transfer.size - index * partBytes);
      this.#isReading = memory.hasRoomFor(length);
      this.#filled.push({ index, lease: await this.#readPart(length) });
      this.#isReading = false;
      this.#wakeTaker();
    }
  }

  async #readPart(length: number): Promise<BufferLease> {
    const { transfer, file, memory, signal } = this.#options;
    const lease = await memory.lease(length, signal);
    try {
      signal.throwIfAborted();
      if (await file.read(lease.bytes) !== length) throw changedContent(transfer);
      return lease;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }
}
