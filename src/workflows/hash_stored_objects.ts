import { isCancellation, isChorusError } from "../errors/chorus_error.ts";
import { createMd5 } from "../hash/digest.ts";
import type { HashResult } from "../hash/hash_pool.ts";
import type { HashFailure, HashOutcome, HashRequest } from "../hash/hash_result.ts";
import { toHex } from "../hash/hex.ts";
import type { Store } from "../storage/store.ts";

/** Objects read at the same time; each holds a few chunks in memory. */
const IN_FLIGHT = 16;

/**
 * Hashes objects of a store by reading them. The path of a request is the
 * object's key. An object that can't be read is an outcome, not an error; what
 * would fail for every object (credentials, a service that stays away) is thrown.
 *
 * @returns results in the order in which they finish
 */
export async function* hashStoredObjects<T extends HashRequest>(
  store: Store,
  batches: AsyncIterable<readonly T[]>,
  options: { signal: AbortSignal; onBytes?: (bytes: number) => void },
): AsyncGenerator<HashResult<T>[], void, undefined> {
  const running = new Set<Promise<HashResult<T>>>();
  const settle = async () => {
    const result = await Promise.race(
      [...running].map((each) => each.then((value) => ({ each, value }))),
    );
    running.delete(result.each);
    return result.value;
  };
  try {
    for await (const batch of batches) {
      for (const request of batch) {
        if (running.size >= IN_FLIGHT) yield [await settle()];
        running.add(
          hashObject(store, request.path, options).then((outcome) => ({ request, outcome })),
        );
      }
    }
    while (running.size > 0) yield [await settle()];
  } finally {
    await Promise.allSettled(running);
  }
}

async function hashObject(
  store: Store,
  key: string,
  options: { signal: AbortSignal; onBytes?: (bytes: number) => void },
): Promise<HashOutcome> {
  const start = performance.now();
  try {
    const object = await store.stat(key, options);
    if (object === undefined) {
      return { ok: false, reason: "vanished", message: "It is no longer there" };
    }
    const md5 = createMd5();
    let size = 0;
    for await (const chunk of store.read(key, { object, signal: options.signal })) {
      md5.update(chunk);
      size += chunk.length;
      options.onBytes?.(chunk.length);
    }
    return {
      ok: true,
      md5: toHex(md5.digest()),
      size,
      mtimeMs: object.modifiedMs,
      seconds: (performance.now() - start) / 1000,
    };
  } catch (error) {
    return objectFailure(error);
  }
}

function objectFailure(error: unknown): HashFailure {
  if (isCancellation(error) || !isChorusError(error)) throw error;
  switch (error.code) {
    case "not_found":
      return { ok: false, reason: "vanished", message: error.message };
    case "precondition_failed":
      return { ok: false, reason: "changed", message: error.message };
    case "io":
    case "unsupported":
    case "digest_mismatch":
      return { ok: false, reason: "unreadable", message: error.message };
    default:
      throw error;
  }
}
