/** One place where content on its way is hashed, so that the kernel's lanes are shared. */

import { setImmediate } from "node:timers";
import { type Md5Update, updateEach } from "./digest.ts";
import { MAX_LANES } from "./kernel/layout.ts";

interface Waiter {
  updates: readonly Md5Update[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers what several files have just read and hashes it side by side: eight
 * MD5s together take about as long as two after one another.
 */
export class SharedHashing {
  #seconds = 0;
  #streams = 0;
  #waiting: Waiter[] = [];
  #scheduled = false;

  /** Seconds spent on hashing so far. */
  get seconds(): number {
    return this.#seconds;
  }

  /** True while at most one file is announced. */
  get hasLanesToSpare(): boolean {
    return this.#streams <= 1;
  }

  /** Announces a file that will be hashed piece by piece, until it is disposed of. */
  begin(): Disposable {
    this.#streams++;
    return {
      [Symbol.dispose]: () => {
        this.#streams--;
      },
    };
  }

  /**
   * Adds bytes to MD5s, together with what other files bring meanwhile.
   *
   * @param updates each of another MD5; bytes stay untouched until it resolves
   */
  update(updates: readonly Md5Update[]): Promise<void> {
    if (this.hasLanesToSpare && this.#waiting.length === 0) {
      this.now(updates);
      return Promise.resolve();
    }
    return this.#gather(updates, this.#streams);
  }

  /**
   * Adds bytes to an MD5 that was not announced, after a moment in which others may come too.
   *
   * @param update bytes stay untouched until it resolves
   */
  join(update: Md5Update): Promise<void> {
    return this.#gather([update], MAX_LANES);
  }

  /** Adds bytes to MD5s at once. */
  now(updates: readonly Md5Update[]): void {
    const start = performance.now();
    updateEach(updates);
    this.#seconds += (performance.now() - start) / 1000;
  }

  /** Waits for others, until so many wait or this turn is over. */
  #gather(updates: readonly Md5Update[], enough: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ updates, resolve, reject });
      if (this.#waiting.length >= enough) this.#hash();
      else this.#schedule();
    });
  }

  /** Other reads that are through by now are answered before this turn comes. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#hash();
    });
  }

  #hash(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.now(batch.flatMap(({ updates }) => updates));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** The one of this thread: it has one kernel. */
export const sharedHashing = new SharedHashing();
