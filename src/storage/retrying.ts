/**
 * The only retries of the program. A try that fails with `unavailable` is made
 * again after an exponentially growing, jittered pause, or after the pause that
 * the service asked for. While nothing at all succeeds the service counts as
 * down: it is waited for, together, up to a limit.
 */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { cancellationOf } from "./cancellation.ts";

/** Time, as retries need it; injected by tests. */
export interface RetryClock {
  /** Milliseconds, from any fixed moment. */
  now(): number;
  /** Resolves after `ms`, or as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** How retries are made. Every value has a default. */
export interface RetryPolicy {
  /** The first pause, milliseconds; doubles with each try. Default 500. */
  firstPauseMs?: number;
  /** The longest pause that is not asked for by the service, milliseconds. Default 30,000. */
  longestPauseMs?: number;
  /** Tries of one call while other calls succeed. Default 8. */
  maxAttempts?: number;
  /** How long a service that is down is waited for, milliseconds. Default 30 min. */
  maxWaitMs?: number;
  clock?: RetryClock;
  /** In [0, 1). */
  random?: () => number;
}

/** A service that is down, told once per outage. */
export interface Waiting {
  /** One sentence for the person. */
  message: string;
  /** When it is given up, in the clock's milliseconds (wall time by default). */
  untilMs: number;
}

const WALL_CLOCK: RetryClock = { now: Date.now, sleep };

/** Resolves after `ms`, or when the signal aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

/** Answers that prove the service to be up, whatever they say. */
const ANSWERS: ReadonlySet<string> = new Set([
  "not_found",
  "already_exists",
  "precondition_failed",
  "digest_mismatch",
  "permission",
  "unsupported",
]);

/**
 * Worth another try. `digest_mismatch` because only a driver's ends up here:
 * the store has proven its own bytes, so they were changed on the way.
 */
const REPEATABLE: ReadonlySet<string> = new Set([
  "unavailable",
  "digest_mismatch",
]);

/** An outage is announced when it has lasted this many failed tries of one call. */
const ANNOUNCE_AFTER = 3;

/** The retries of one store: all calls to it share what is known about the service. */
export class Retrying {
  readonly #what: string;
  readonly #firstPauseMs: number;
  readonly #longestPauseMs: number;
  readonly #maxAttempts: number;
  readonly #maxWaitMs: number;
  readonly #clock: RetryClock;
  readonly #random: () => number;
  readonly #onWaiting: ((waiting: Waiting) => void) | undefined;
  #answers = 0;
  #downSince: number | undefined;
  #announced = false;
  #gaveUp = false;
  #awake = new AbortController();

  /**
   * @param what the store, for messages
   * @param policy how long and how often
   * @param onWaiting told once per outage
   */
  constructor(
    what: string,
    policy: RetryPolicy = {},
    onWaiting?: (waiting: Waiting) => void,
  ) {
    this.#what = what;
    this.#firstPauseMs = policy.firstPauseMs ?? 500;
    this.#longestPauseMs = policy.longestPauseMs ?? 30_000;
    this.#maxAttempts = policy.maxAttempts ?? 8;
    this.#maxWaitMs = policy.maxWaitMs ?? 30 * 60_000;
    this.#clock = policy.clock ?? WALL_CLOCK;
    this.#random = policy.random ?? Math.random;
    this.#onWaiting = onWaiting;
  }

  /** True from the moment an outage was given up until something succeeds. */
  get gaveUp(): boolean {
    return this.#gaveUp;
  }

  /** Begins a call that may take several tries. */
  begin(signal?: AbortSignal): Tries {
    return new Tries(this, signal);
  }

  /**
   * Makes a call until it succeeds or may not be made again.
   *
   * @param attempt is told how often it has been tried before, 0 at first
   * @param options.isFinal errors that another try can't cure, whatever their code
   * @throws what the last try threw; a {@linkcode ChorusError} then carries the number of tries
   */
  async run<T>(
    attempt: (before: number) => Promise<T>,
    options: {
      signal?: AbortSignal;
      isFinal?: (error: unknown) => boolean;
    } = {},
  ): Promise<{ value: T; attempts: number }> {
    const tries = this.begin(options.signal);
    for (;;) {
      try {
        const value = await attempt(tries.failures);
        tries.succeeded();
        return { value, attempts: tries.failures + 1 };
      } catch (error) {
        if (options.isFinal?.(error)) throw error;
        await tries.failed(error);
      }
    }
  }

  /** Answers so far, of all calls. */
  get answers(): number {
    return this.#answers;
  }

  /** Something was answered: the service is up. */
  answered(): void {
    this.#answers++;
    if (this.#downSince === undefined) return;
    this.#downSince = undefined;
    this.#announced = false;
    this.#gaveUp = false;
    this.#wake();
  }

  /**
   * Waits before the next try.
   *
   * @param failures of this call so far, at least 1
   * @param answersBefore answers when this call failed first: more since then, and the service is up
   * @throws {ChorusError} the error itself when there is no next try
   */
  async pause(
    error: ChorusError,
    failures: number,
    answersBefore: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const now = this.#clock.now();
    if (error.code === "unavailable") this.#downSince ??= now;
    const upMeanwhile = this.#answers > answersBefore;
    if (this.#gaveUp || (upMeanwhile && failures >= this.#maxAttempts)) {
      throw withAttempts(error, failures);
    }
    const left = (this.#downSince ?? now) + this.#maxWaitMs - now;
    if (left <= 0) {
      this.#gaveUp = true;
      this.#wake();
      throw this.#awayTooLong(error, failures);
    }
    if (failures >= ANNOUNCE_AFTER && !this.#announced && !upMeanwhile) {
      this.#announced = true;
      this.#onWaiting?.({
        message: `${this.#what} does not answer; waiting for it (${error.message})`,
        untilMs: now + left,
      });
    }
    const grown = Math.min(
      this.#longestPauseMs,
      this.#firstPauseMs * 2 ** Math.min(failures - 1, 30),
    );
    const jittered = grown / 2 + this.#random() * grown / 2;
    const asked = error.retryAfterMs ?? 0;
    await this.#sleep(Math.min(Math.max(jittered, asked), left), asked, signal);
    if (this.#gaveUp) throw this.#awayTooLong(error, failures);
  }

  /** Sleeps, shorter when another call finds the service up again or gives it up. */
  async #sleep(
    ms: number,
    asked: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const askedUntil = this.#clock.now() + Math.min(ms, asked);
    const awake = this.#awake.signal;
    await this.#clock.sleep(ms, anyOf(awake, signal));
    if (awake.aborted && !this.#gaveUp) {
      // Not all at the same moment, and not before the service allowed it.
      const pause = Math.max(
        askedUntil - this.#clock.now(),
        this.#random() * this.#firstPauseMs,
      );
      await this.#clock.sleep(pause, anyOf(signal));
    }
    if (signal?.aborted) throw cancellationOf(signal);
  }

  #wake(): void {
    const before = this.#awake;
    this.#awake = new AbortController();
    before.abort();
  }

  #awayTooLong(error: ChorusError, attempts: number): ChorusError {
    const minutes = Math.max(1, Math.round(this.#maxWaitMs / 60_000));
    return new ChorusError(
      "unavailable",
      `${this.#what} has not answered for ${minutes} minute${
        minutes === 1 ? "" : "s"
      }: ${error.message}`,
      {
        subject: error.subject,
        cause: error,
        attempts,
        remedy: "Run the same command again when the service is back; what is done is recorded.",
      },
    );
  }
}

/** One call and its tries. */
export class Tries {
  readonly #retrying: Retrying;
  readonly #signal: AbortSignal | undefined;
  #answersBefore: number | undefined;
  /** Failed tries so far. */
  failures = 0;

  constructor(retrying: Retrying, signal: AbortSignal | undefined) {
    this.#retrying = retrying;
    this.#signal = signal;
  }

  /** To be told of each try that succeeded, and of each page or chunk that came. */
  succeeded(): void {
    this.#retrying.answered();
  }

  /** Forgets earlier failures: the call has made progress since. */
  progressed(): void {
    this.succeeded();
    this.failures = 0;
    this.#answersBefore = undefined;
  }

  /**
   * Resolves when the call may be tried again.
   *
   * @throws the error, with the number of tries, when it may not
   */
  async failed(error: unknown): Promise<void> {
    this.failures++;
    this.#answersBefore ??= this.#retrying.answers;
    if (!isChorusError(error)) throw error;
    if (ANSWERS.has(error.code)) this.#retrying.answered();
    if (!REPEATABLE.has(error.code)) throw withAttempts(error, this.failures);
    await this.#retrying.pause(
      error,
      this.failures,
      this.#answersBefore,
      this.#signal,
    );
  }
}

/** The same error with the number of tries in it. */
function withAttempts(error: ChorusError, attempts: number): ChorusError {
  const counted = new ChorusError(error.code, error.message, {
    remedy: error.remedy,
    subject: error.subject,
    cause: error.cause,
    retryAfterMs: error.retryAfterMs,
    attempts,
  });
  counted.stack = error.stack;
  return counted;
}
