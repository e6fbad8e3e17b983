/** Tells fast files from slow ones, by how long the last ones took to open and read. */

/** Opening and reading a small file takes 5 to 50 µs where nothing has to be waited for. */
const SLOW_MS = 0.3;
const FAST_MS = 0.15;
/** Most of the last so many decide; single outliers don't. */
const WINDOW = 5;
/** How often a slow mount is tried synchronously again. */
const PROBE_INTERVAL_MS = 250;

/** Chooses between reading one file at a time and having many reads in flight. */
export class Latency {
  readonly #last = new Float64Array(WINDOW);
  #count = 0;
  #slow = false;
  #measuredAt = 0;

  /** True while files take so long that many of them should be in flight. */
  get slow(): boolean {
    return this.#slow;
  }

  /** True when, though slow, one file should be read synchronously to see whether it still is. */
  probeDue(now: number): boolean {
    return this.#slow && now - this.#measuredAt >= PROBE_INTERVAL_MS;
  }

  /**
   * Takes in how long a file took, synchronously, to be opened and read (the first piece of it).
   *
   * @param now `performance.now()` at the end
   */
  add(milliseconds: number, now: number): void {
    this.#measuredAt = now;
    this.#last[this.#count++ % WINDOW] = milliseconds;
    if (this.#count < WINDOW) return;
    let over = 0;
    let under = 0;
    for (const last of this.#last) {
      if (last > SLOW_MS) over++;
      if (last < FAST_MS) under++;
    }
    if (over > WINDOW / 2) this.#slow = true;
    if (under > WINDOW / 2) this.#slow = false;
  }
}
