/** Sends any number of files, many at a time, one result per file. */

import { type ChorusError, type ErrorCode, isChorusError } from "../errors/chorus_error.ts";
import type { Store } from "../storage/store.ts";
import { ConcurrencyLimit } from "./concurrency_limit.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { CUT_SIZES, type CutSizes, fitsOneRequest } from "./part_size.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { ResumeTokens } from "./resume_tokens.ts";
import { type SendContext, sendFile } from "./send_file.ts";
import type { EarlierMd5s } from "./central_object.ts";
import type { SiteFiles } from "./site_files.ts";
import type { SendOutcome, Transfer } from "./transfer.ts";

/** Options of {@linkcode sendAll}. */
export interface SendOptions {
  /** The central store. */
  store: Store;
  /** Where each modality's files are. */
  sites: ReadonlyMap<string, SiteFiles>;
  earlierMd5s: EarlierMd5s;
  tokens: ResumeTokens;
  /** The run's upload stamp, `YYYYMMDDHHMMSS` UTC. */
  stamp: string;
  /** Requests in flight at most; by default as many as help, up to 256. */
  maxConcurrent?: number;
  /** Content held in memory at most, bytes; by default 96 MiB. */
  memoryBytes?: number;
  rate?: RateLimit;
  /** Told of content bytes that are through. */
  onBytes?: (bytes: number) => void;
  signal?: AbortSignal;
  /** For tests: what would be made here otherwise. */
  limit?: ConcurrencyLimit;
  memory?: MemoryBudget;
  sizes?: CutSizes;
}

const MEMORY_BYTES = 96 * 1024 * 1024;
/** Under a rate limit, more requests only make each of them slower. */
const MAX_RATED = 32;
/** Large files read at a time; one alone may fill the line with its parts. */
const MAX_LARGE = 4;
/** Files opened ahead of the requests that may be in flight. */
const READ_AHEAD = 16;
/** Results that wait for the caller before no more files are begun. */
const MAX_UNREAD = 2_000;

/** Errors after which every other file would fail alike. */
const ENDS_THE_RUN: ReadonlySet<ErrorCode> = new Set([
  "credentials",
  "permission",
  "disk_full",
  // A site's file that is gone is `source_changed`; this is the container or root.
  "not_found",
  "cancelled",
]);

/**
 * Sends files.
 *
 * Each file's failure is its result. What would fail for all of them
 * (sign-in, permission, no space, a service away too long) ends the run: no
 * further file is begun, those under way are seen to their end, every result is
 * given, then the error is thrown. When the signal aborts, files under way are
 * given up, what was finished is given, then the signal's reason is thrown.
 *
 * @param transfers read only as fast as files are begun
 * @returns results in the order in which they finish
 * @throws ChorusError as said; what reading `transfers` throws
 */
export async function* sendAll(
  transfers: AsyncIterable<Transfer> | Iterable<Transfer>,
  options: SendOptions,
): AsyncGenerator<SendOutcome, void, undefined> {
  const pool = new SendPool(options);
  try {
    const feeding = pool.feed(transfers);
    for (let outcomes; (outcomes = await pool.take()) !== undefined;) {
      yield* outcomes;
    }
    await feeding;
    if (pool.stop !== undefined) throw pool.stop.error;
  } finally {
    await pool.close();
  }
}

class SendPool {
  readonly #options: SendOptions;
  readonly #context: SendContext;
  readonly #cancel = new AbortController();
  readonly #signal: AbortSignal;
  readonly #active = new Set<Promise<void>>();
  #large = 0;
  #finished: SendOutcome[] = [];
  #fed = false;
  #wakeFeeder: () => void = () => {};
  #wakeTaker: () => void = () => {};
  /** Why nothing further is begun. */
  stop: { error: unknown } | undefined;

  constructor(options: SendOptions) {
    const { signal, rate } = options;
    this.#options = options;
    this.#signal = signal === undefined
      ? this.#cancel.signal
      : AbortSignal.any([signal, this.#cancel.signal]);
    const max = rate === undefined
      ? options.maxConcurrent
      : Math.min(options.maxConcurrent ?? MAX_RATED, MAX_RATED);
    this.#context = {
      store: options.store,
      sites: options.sites,
      earlierMd5s: options.earlierMd5s,
      tokens: options.tokens,
      stamp: options.stamp,
      limit: options.limit ?? new ConcurrencyLimit({ max }),
      memory: options.memory ??
        new MemoryBudget(options.memoryBytes ?? MEMORY_BYTES),
      rate,
      onBytes: options.onBytes ?? (() => {}),
      sizes: options.sizes ?? CUT_SIZES,
    };
  }

  /** Begins files as room comes up; resolves when all are begun or none may be. */
  async feed(
    transfers: AsyncIterable<Transfer> | Iterable<Transfer>,
  ): Promise<void> {
    try {
      for await (const transfer of transfers) {
        const large = !fitsOneRequest(
          transfer.size,
          this.#options.store.limits,
          this.#context.sizes,
        );
        await this.#room(large);
        if (this.stop !== undefined) break;
        this.#begin(transfer, large);
      }
    } catch (error) {
      this.stop ??= { error };
    } finally {
      this.#fed = true;
      this.#wakeTaker();
    }
  }

  /** The results since the last call, at least one; undefined at the end. */
  async take(): Promise<SendOutcome[] | undefined> {
    for (;;) {
      if (this.#finished.length > 0) {
        const outcomes = this.#finished;
        this.#finished = [];
        this.#wakeFeeder();
        return outcomes;
      }
      if (this.#fed && this.#active.size === 0) return undefined;
      await new Promise<void>((resolve) => this.#wakeTaker = resolve);
    }
  }

  /** Gives up what is under way and waits for it. */
  async close(): Promise<void> {
    if (this.#active.size === 0 && this.#fed) return;
    const reason = new DOMException("No longer wanted", "AbortError");
    this.stop ??= { error: reason };
    this.#cancel.abort(reason);
    this.#wakeFeeder();
    await Promise.all(this.#active);
  }

  async #room(large: boolean): Promise<void> {
    const { limit } = this.#context;
    for (;;) {
      if (this.#options.signal?.aborted) {
        this.stop ??= { error: this.#options.signal.reason };
      }
      if (this.stop !== undefined) return;
      const wanted = limit.limit + Math.min(limit.limit, READ_AHEAD);
      const maxLarge = Math.min(MAX_LARGE, this.#options.maxConcurrent ?? MAX_LARGE);
      if (
        this.#active.size < wanted &&
        this.#finished.length < MAX_UNREAD &&
        !(large && this.#large >= maxLarge)
      ) return;
      await new Promise<void>((resolve) => this.#wakeFeeder = resolve);
    }
  }

  #begin(transfer: Transfer, large: boolean): void {
    if (large) this.#large++;
    const task = this.#send(transfer).finally(() => {
      if (large) this.#large--;
      this.#active.delete(task);
      this.#wakeFeeder();
      this.#wakeTaker();
    });
    this.#active.add(task);
  }

  async #send(transfer: Transfer): Promise<void> {
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    try {
      const delivery = await sendFile(transfer, this.#context, this.#signal);
      this.#finished.push({
        ok: true,
        transfer,
        ...delivery,
        seconds: seconds(),
      });
    } catch (error) {
      if (this.#signal.aborted) {
        this.stop ??= { error: this.#signal.reason };
        return;
      }
      if (!isChorusError(error)) {
        // A fault of the program: not a file's failure.
        this.stop ??= { error };
        return;
      }
      if (this.#endsTheRun(error)) {
        this.stop ??= { error };
        return;
      }
      this.#finished.push({
        ok: false,
        transfer,
        code: error.code,
        reason: error.message,
        remedy: error.remedy,
        attempts: error.attempts ?? 1,
        seconds: seconds(),
      });
    }
  }

  #endsTheRun(error: ChorusError): boolean {
    if (ENDS_THE_RUN.has(error.code)) return true;
    const { store, sites } = this.#options;
    return error.code === "unavailable" &&
      (store.serviceAway || [...sites.values()].some(({ away }) => away));
  }
}
