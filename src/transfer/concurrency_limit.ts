/** How many requests may be in flight, found by trying. */

/** What counts as one request's work beside its bytes, so that small files count too. Bytes. */
const WORK_PER_REQUEST = 64 * 1024;
/** More in flight is worth it when it does at least this much more work per second. */
const WORTH_DOUBLING = 1.12;
const WORTH_KEEPING = 1.04;
/** Less in flight is enough when it does at least this part of the work per second. */
const GOOD_ENOUGH = 0.98;
/** Measurements between two trials of another limit. */
const STEADY_WINDOWS = 4;
/** A measurement is at least this long. Milliseconds. */
const WINDOW_MS = 50;

/**
 * More than this only wait here: at 20 ms a request it is 6,400 a second, more
 * than one thread can send, and each takes memory.
 */
const MAX_IN_FLIGHT = 128;

/** Options of {@linkcode ConcurrencyLimit}. */
export interface ConcurrencyOptions {
  /** Never more than this; by default {@linkcode MAX_IN_FLIGHT}. */
  max?: number;
  /** How many at the start; by default 8. */
  initial?: number;
  /**
   * Bytes that requests in flight may carry together; a single one may carry
   * more. Asked before each. By default no bound.
   */
  bytesAtOnce?: () => number;
  /** Milliseconds, only differences count. */
  now?: () => number;
}

/**
 * A limit on concurrent requests that finds itself by climbing: it doubles
 * while that makes the work per second grow, then stays, and now and then tries
 * a little more or a little less. Where the service asks to be left alone it
 * halves. So small files fill a line with long answer times, and a slow line or
 * a busy processor is not flooded.
 */
export class ConcurrencyLimit {
  readonly #max: number;
  readonly #now: () => number;
  readonly #bytesAtOnce: () => number;
  readonly #waiters: { bytes: number; go: () => void }[] = [];
  #limit: number;
  #inFlight = 0;
  #bytesInFlight = 0;
  #peak = 0;
  /** Whether somebody had to wait in this measurement: else the limit is not what limits. */
  #full = false;
  #windowStart: number;
  #requests = 0;
  #work = 0;
  /** Work per millisecond at `#bestLimit`. */
  #bestRate = 0;
  #bestLimit: number;
  #climbing = true;
  #trial: "none" | "more" | "less" = "none";
  #lastTrial: "more" | "less" = "less";
  #steady = 0;
  /** Requests still to end that were in flight at the last backing off. */
  #outdated = 0;

  constructor(options: ConcurrencyOptions = {}) {
    this.#max = Math.max(1, options.max ?? MAX_IN_FLIGHT);
    this.#now = options.now ?? (() => performance.now());
    this.#bytesAtOnce = options.bytesAtOnce ?? (() => Infinity);
    this.#limit = Math.min(this.#max, options.initial ?? 8);
    this.#bestLimit = this.#limit;
    this.#windowStart = this.#now();
  }

  /** How many may be in flight now. */
  get limit(): number {
    return this.#limit;
  }

  /** How many are in flight. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** The most that were ever in flight at once. */
  get peak(): number {
    return this.#peak;
  }

  /**
   * Does one request, as soon as there is room for it.
   *
   * @param bytes that it carries
   * @param request the work; started when there is room
   * @throws what the request throws; the signal's reason when it aborts while waiting
   */
  async run<T>(
    bytes: number,
    request: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    await this.#enter(bytes, signal);
    try {
      const result = await request();
      this.#count(bytes);
      return result;
    } finally {
      this.#inFlight--;
      this.#bytesInFlight -= bytes;
      if (this.#outdated > 0) this.#outdated--;
      this.#serve();
    }
  }

  /**
   * The service asked to be left alone, or did not answer: half as many from now
   * on. What was in flight at that moment says nothing new about it.
   */
  backOff(): void {
    if (this.#outdated > 0 || (this.#requests === 0 && !this.#climbing)) return;
    this.#outdated = this.#inFlight;
    this.#climbing = false;
    this.#settle(Math.max(1, Math.floor(this.#limit / 2)), 0);
  }

  #enter(bytes: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiters.length === 0 && this.#hasRoomFor(bytes)) {
      this.#start(bytes);
      return Promise.resolve();
    }
    this.#noteFull();
    return new Promise((resolve, reject) => {
      const waiter = {
        bytes,
        go: () => {
          signal?.removeEventListener("abort", stop);
          this.#start(bytes);
          resolve();
        },
      };
      const stop = () => {
        const index = this.#waiters.indexOf(waiter);
        if (index === -1) return;
        this.#waiters.splice(index, 1);
        reject(signal?.reason);
        this.#serve();
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#inFlight === 0) return true;
    return this.#inFlight < this.#limit &&
      this.#bytesInFlight + bytes <= this.#bytesAtOnce();
  }

  #start(bytes: number): void {
    this.#inFlight++;
    this.#bytesInFlight += bytes;
    this.#peak = Math.max(this.#peak, this.#inFlight);
  }

  #serve(): void {
    for (let next; (next = this.#waiters[0]) !== undefined;) {
      if (!this.#hasRoomFor(next.bytes)) return this.#noteFull();
      this.#waiters.shift();
      next.go();
    }
  }

  /** Somebody waits, but only where it is for the number of requests does it say something about that. */
  #noteFull(): void {
    if (this.#inFlight >= this.#limit) this.#full = true;
  }

  #count(bytes: number): void {
    this.#requests++;
    this.#work += bytes + WORK_PER_REQUEST;
    if (this.#requests < 2 * this.#limit) return;
    const elapsed = this.#now() - this.#windowStart;
    if (elapsed < WINDOW_MS) return;
    const rate = this.#work / elapsed;
    if (this.#full) this.#adjust(rate);
    this.#newWindow();
  }

  #adjust(rate: number): void {
    if (this.#climbing) {
      if (rate > this.#bestRate * WORTH_DOUBLING) {
        this.#bestRate = rate;
        this.#bestLimit = this.#limit;
        if (this.#limit < this.#max) {
          this.#limit = Math.min(this.#max, this.#limit * 2);
          return;
        }
      }
      this.#climbing = false;
      this.#limit = this.#bestLimit;
      return;
    }
    switch (this.#trial) {
      case "more":
        if (rate > this.#bestRate * WORTH_KEEPING) {
          this.#settle(this.#limit, rate);
          this.#try("more");
        } else this.#settle(this.#bestLimit, this.#bestRate);
        return;
      case "less":
        if (rate >= this.#bestRate * GOOD_ENOUGH) {
          this.#settle(this.#limit, rate);
        } else this.#settle(this.#bestLimit, this.#bestRate);
        return;
      case "none":
        // What the line gives drifts; an old record must not stand for ever.
        this.#bestRate = this.#bestRate === 0 ? rate : (this.#bestRate + rate) / 2;
        this.#bestLimit = this.#limit;
        if (++this.#steady >= STEADY_WINDOWS) {
          this.#try(this.#lastTrial === "more" ? "less" : "more");
        }
    }
  }

  #try(direction: "more" | "less"): void {
    const limit = direction === "more"
      ? Math.min(this.#max, Math.ceil(this.#limit * 1.25) + 1)
      : Math.max(1, Math.floor(this.#limit * 0.8));
    this.#lastTrial = direction;
    if (limit === this.#limit) return;
    this.#trial = direction;
    this.#limit = limit;
  }

  #settle(limit: number, rate: number): void {
    this.#limit = limit;
    this.#bestLimit = limit;
    this.#bestRate = rate;
    this.#trial = "none";
    this.#steady = 0;
    this.#newWindow();
  }

  #newWindow(): void {
    this.#requests = 0;
    this.#work = 0;
    this.#full = false;
    if (this.#waiters.length > 0) this.#noteFull();
    this.#windowStart = this.#now();
  }
}
