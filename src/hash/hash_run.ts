/** One call of the pool: its input, its queue and its results. */

import type { HashOutcome, HashRequest } from "./hash_result.ts";

interface Result<T> {
  request: T;
  outcome: HashOutcome;
}

/** So many taken files may stand at the head of the queue before they are let go. */
const TAKEN_KEPT = 1_024;

/**
 * Reads batches while there is room, hands their files out in jobs, collects the results.
 *
 * A file is held from when its batch is read until its result is released.
 */
export class HashRun<T extends HashRequest> {
  readonly #iterator: AsyncIterator<readonly T[]> | Iterator<readonly T[]>;
  readonly #limit: number;
  readonly #onQueued: () => void;
  readonly #queue: T[] = [];
  #next = 0;
  #held = 0;
  #results: Result<T>[] = [];
  #failure: { error: unknown } | undefined;
  #ended = false;
  #reading = false;
  #wake: (() => void) | undefined;

  /**
   * @param limit no batch is asked for while so many files are held
   * @param onQueued called when there is something to hand out
   */
  constructor(
    batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    limit: number,
    onQueued: () => void,
  ) {
    this.#iterator = Symbol.asyncIterator in batches
      ? batches[Symbol.asyncIterator]()
      : batches[Symbol.iterator]();
    this.#limit = limit;
    this.#onQueued = onQueued;
  }

  /** Files that wait to be handed out. */
  get queued(): number {
    return this.#queue.length - this.#next;
  }

  /** Bytes of the files that wait. */
  queuedBytes(sizeOf: (file: T) => number): number {
    let bytes = 0;
    for (let i = this.#next; i < this.#queue.length; i++) {
      bytes += sizeOf(this.#queue[i]);
    }
    return bytes;
  }

  /**
   * Takes at least one file and up to so many files or bytes from the queue.
   *
   * @returns the longest first, so that none is left alone at the end
   */
  dequeue(files: number, bytes: number, sizeOf: (file: T) => number): T[] {
    const taken: T[] = [];
    let sum = 0;
    while (this.queued > 0 && taken.length < files && sum < bytes) {
      const file = this.#queue[this.#next++];
      taken.push(file);
      sum += sizeOf(file);
    }
    // A queue that is never empty must let go of what was taken all the same.
    if (this.queued === 0 || this.#next >= TAKEN_KEPT) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
    return taken.sort((a, b) => sizeOf(b) - sizeOf(a));
  }

  /** Puts files back that were handed out. */
  requeue(files: readonly T[]): void {
    for (const file of files) this.#queue.push(file);
  }

  /** Takes results in. */
  deliver(results: readonly Result<T>[]): void {
    for (const result of results) this.#results.push(result);
    if (results.length > 0) this.#wake?.();
  }

  /** Ends the call with an error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** Makes room: so many results are in the consumer's hands. */
  release(files: number): void {
    this.#held -= files;
    this.#read();
  }

  /** Waits for results; undefined when there are none left. */
  async take(): Promise<Result<T>[] | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#results.length > 0) {
        const results = this.#results;
        this.#results = [];
        return results;
      }
      if (this.#ended && this.#held === 0) return undefined;
      this.#read();
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }

  /** Lets go of the input. */
  async close(): Promise<void> {
    this.fail(undefined);
    if (this.#ended) return;
    const returned = Promise.resolve(this.#iterator.return?.()).catch(() => {});
    // An input that is waiting for something ends when that happens; it must not hold up ours.
    if (!this.#reading) await returned;
  }

  /** Reads batches as long as there is room; one such loop runs at a time. */
  async #read(): Promise<void> {
    if (this.#reading || this.#ended) return;
    this.#reading = true;
    try {
      while (this.#held < this.#limit && this.#failure === undefined) {
        const { value, done } = await this.#iterator.next();
        if (done === true) {
          this.#ended = true;
          break;
        }
        for (const file of value) this.#queue.push(file);
        this.#held += value.length;
        this.#onQueued();
      }
    } catch (error) {
      this.#ended = true;
      this.fail(error);
    } finally {
      this.#reading = false;
      this.#wake?.();
    }
  }
}
