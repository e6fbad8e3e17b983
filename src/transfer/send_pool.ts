/** Sends any number of files, many at a time, one result per file. */

import { type ChorusError, type ErrorCode, isChorusError } from "../errors/chorus_error.ts";
import type { Store } from "../storage/store.ts";
import { ConcurrencyLimit } from "./concurrency_limit.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { CUT_SIZES, type CutSizes, fitsOneRequest } from "./part_size.ts";
import type { RateLimit } from "./rate_limit.ts";
import { runPool } from "./run_pool.ts";
import type { ResumeTokens } from "./resume_tokens.ts";
import { type SendContext, sendFile } from "./send_file.ts";
import type { EarlierMd5s } from "./central_object.ts";
import { sharedHashing } from "../hash/shared_hashing.ts";
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
  /** Requests in flight at most; by default as many as help. */
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
/**
 * Under a rate limit, requests in flight carry what passes in this time: of a
 * slow line's parts few are under way, and little is lost when the run ends. Seconds.
 */
const RATED_SECONDS = 2;
/** Large files read at a time; one alone may fill the line with its parts. */
const MAX_LARGE = 4;
/** Files opened ahead of the requests that may be in flight. */
const READ_AHEAD = 16;
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
  const context = contextOf(options);
  const { limit } = context;
  const isLarge = ({ size }: Transfer) =>
    !fitsOneRequest(size, context.store.limits, context.sizes);
  const maxLarge = Math.min(MAX_LARGE, options.maxConcurrent ?? MAX_LARGE);
  let large = 0;
  yield* runPool(
    transfers,
    async (transfer, signal) => {
      if (!isLarge(transfer)) return await sendOne(transfer, context, signal);
      large++;
      try {
        return await sendOne(transfer, context, signal);
      } finally {
        large--;
      }
    },
    {
      mayBegin: (transfer, active) =>
        active < limit.limit + Math.min(limit.limit, READ_AHEAD) &&
        !(large >= maxLarge && isLarge(transfer)),
      signal: options.signal,
    },
  );
}

function contextOf(options: SendOptions): SendContext {
  const { rate, maxConcurrent } = options;
  const max = rate === undefined ? maxConcurrent : Math.min(maxConcurrent ?? MAX_RATED, MAX_RATED);
  return {
    store: options.store,
    sites: options.sites,
    earlierMd5s: options.earlierMd5s,
    tokens: options.tokens,
    stamp: options.stamp,
    limit: options.limit ?? new ConcurrencyLimit({
      max,
      bytesAtOnce: rate && (() => rate.bytesPerSecond * RATED_SECONDS),
    }),
    memory: options.memory ??
      new MemoryBudget(options.memoryBytes ?? MEMORY_BYTES),
    hashing: sharedHashing,
    rate,
    onBytes: options.onBytes ?? (() => {}),
    sizes: options.sizes ?? CUT_SIZES,
  };
}

/** The outcome of one file; throws what ends the run. */
async function sendOne(
  transfer: Transfer,
  context: SendContext,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  try {
    const delivery = await sendFile(transfer, context, signal);
    return { ok: true, transfer, ...delivery, seconds: seconds() };
  } catch (error) {
    if (
      signal.aborted || !isChorusError(error) || endsTheRun(error, context)
    ) throw error;
    return {
      ok: false,
      transfer,
      code: error.code,
      reason: error.message,
      remedy: error.remedy,
      attempts: error.attempts ?? 1,
      seconds: seconds(),
    };
  }
}

function endsTheRun(
  error: ChorusError,
  { store, sites }: SendContext,
): boolean {
  if (ENDS_THE_RUN.has(error.code)) return true;
  return error.code === "unavailable" &&
    (store.serviceAway || [...sites.values()].some(({ away }) => away));
}
