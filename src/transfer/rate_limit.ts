/** A limit on the bytes sent per second that may change over the day. */

import type { RateTimetable } from "../config/config.ts";

/** The clock that a {@linkcode RateLimit} lives by. */
export interface RateClock {
  /** Milliseconds from any fixed moment; never goes back. */
  now(): number;
  /** Minutes since midnight now, local time. */
  minuteOfDay(): number;
  /** Resolves after so many milliseconds; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemRateClock: RateClock = {
  now: () => performance.now(),
  minuteOfDay: () => {
    const date = new Date();
    return date.getHours() * 60 + date.getMinutes();
  },
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};

/** Bytes that may pass at once at the most; small enough that a slow line sees no bursts. */
const LARGEST_SLICE = 64 * 1024;
/** Longest sleep, so that a change of the timetable is noticed. Milliseconds. */
const LONGEST_SLEEP_MS = 5_000;
/** How far ahead of the limit a run may get after being idle. Seconds. */
const BURST_SECONDS = 0.25;

/** The rate that a timetable gives at a minute of the day: the latest step at or before it. */
export function rateAt(timetable: RateTimetable, minute: number): number {
  let current = timetable.at(-1)?.bytesPerSecond ?? Infinity;
  for (const step of timetable) {
    if (step.fromMinute <= minute) current = step.bytesPerSecond;
  }
  return current;
}

/**
 * A token bucket shared by everything that sends. Callers are served in the
 * order in which they came, so that no file is starved.
 */
export class RateLimit {
  readonly #timetable: RateTimetable;
  readonly #clock: RateClock;
  #turn: Promise<void> = Promise.resolve();
  /** When the bytes granted so far are through, in the clock's milliseconds. */
  #freeAtMs: number;

  /**
   * @param timetable bytes per second over the day
   * @param clock for tests
   */
  constructor(timetable: RateTimetable, clock: RateClock = systemRateClock) {
    this.#timetable = timetable;
    this.#clock = clock;
    this.#freeAtMs = clock.now();
  }

  /** The rate now, bytes per second; `Infinity` while there is no limit. */
  get bytesPerSecond(): number {
    return rateAt(this.#timetable, this.#clock.minuteOfDay());
  }

  /**
   * Bytes to hand to {@linkcode take} at a time: at most what passes in a
   * quarter of a second, at least 1 KiB.
   */
  get sliceBytes(): number {
    return Math.max(
      1024,
      Math.min(LARGEST_SLICE, Math.floor(this.bytesPerSecond * BURST_SECONDS)),
    );
  }

  /**
   * Waits until `bytes` more may be sent.
   *
   * @throws the signal's reason when it aborts; nothing is used up then
   */
  take(bytes: number, signal?: AbortSignal): Promise<void> {
    const turn = this.#turn.then(() => this.#take(bytes, signal));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #take(bytes: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const rate = this.bytesPerSecond;
      const now = this.#clock.now();
      if (rate === Infinity) {
        this.#freeAtMs = now;
        return;
      }
      const waitMs = this.#freeAtMs - now;
      if (waitMs <= 0) {
        const earliest = now - BURST_SECONDS * 1000;
        this.#freeAtMs = Math.max(this.#freeAtMs, earliest) +
          bytes / rate * 1000;
        return;
      }
      await this.#clock.sleep(Math.min(waitMs, LONGEST_SLEEP_MS), signal);
    }
  }

  /**
   * The bytes, in slices, each as soon as the limit lets it pass.
   *
   * @param bytes a view that stays unchanged while it is read
   */
  async *pace(
    bytes: Uint8Array,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (let offset = 0; offset < bytes.length;) {
      const slice = bytes.subarray(offset, offset + this.sliceBytes);
      await this.take(slice.length, signal);
      yield slice;
      offset += slice.length;
    }
  }
}
