/** Tells fast files from slow ones, by how long the last ones took to open and read. */

/** Opening and reading a small file takes 5 to 50 µs where nothing has to be waited for. */
const SLOW_MS = 0.3;
const FAST_MS = 0.15;
/** Most of the last so many decide; single outliers don't. */
const WINDOW = 9;
/** The first ones in a thread are slow because its code is cold. */
const WARM_UP = 5;
/** How long after it was found slow a mount is tried again; each time in vain doubles it. */
const FIRST_PROBE_MS = 10;
const LAST_PROBE_MS = 250;

/** Chooses between reading one file at a time and having many reads in flight. */
export class Latency {
  readonly #last = new Float64Array(WINDOW);
  #count = -WARM_UP;
  #slow = false;
  #measuredAt = 0;
  #probeAfter = FIRST_PROBE_MS;

  /** True while files take so long that many of them should be in flight. */
  get slow(): boolean {
    return this.#slow;
  }

  /** True when, though slow, one file should be read synchronously to see whether it still is. */
  probeDue(now: number): boolean {
    return this.#slow && now - this.#measuredAt >= this.#probeAfter;
  }

  /**
   * Takes in how long a file took, synchronously, to be opened and read (the first piece of it).
   *
   * @param now `performance.now()` at the end
   */
  add(milliseconds: number, now: number): void {
    this.#measuredAt = now;
    if (this.#count++ < 0) return;
    this.#last[this.#count % WINDOW] = milliseconds;
    if (this.#count < WINDOW) return;
    let over = 0;
    let under = 0;
    for (const last of this.#last) {
      if (last > SLOW_MS) over++;
      if (last < FAST_MS) under++;
    }
    if (this.#slow) {
      // One that was fast asks for the next at once.
      this.#probeAfter = milliseconds < FAST_MS
        ? 0
        : Math.min(Math.max(2 * this.#probeAfter, FIRST_PROBE_MS), LAST_PROBE_MS);
      if (under > WINDOW / 2) this.#slow = false;
    } else if (over > WINDOW / 2) {
      this.#slow = true;
      this.#probeAfter = FIRST_PROBE_MS;
    }
  }
}
