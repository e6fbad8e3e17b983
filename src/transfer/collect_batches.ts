/** Gathers a stream of results into batches that are soon worth a transaction. */

/** Options of {@linkcode collectBatches}. */
export interface BatchOptions {
  /** Results in a batch at most. */
  maxCount: number;
  /** A result waits no longer than this for others. Milliseconds. */
  maxWaitMs: number;
}

/**
 * Batches of results, each handed out when it is full or when its first result
 * has waited long enough, also while no further result comes. When the input
 * throws, what was gathered is handed out first, then the error is thrown: what
 * is proven gets recorded.
 *
 * @returns arrays of at least one result, in the order of the input
 */
export async function* collectBatches<T>(
  results: AsyncIterable<T>,
  options: BatchOptions,
): AsyncGenerator<T[], void, undefined> {
  const { maxCount, maxWaitMs } = options;
  const iterator = results[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | undefined;
  let batch: T[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due: Promise<"due"> | undefined;
  const handOut = () => {
    const full = batch;
    batch = [];
    clearTimeout(timer);
    due = undefined;
    return full;
  };
  try {
    for (;;) {
      pending ??= iterator.next();
      let next: IteratorResult<T> | "due";
      try {
        next = await (due === undefined ? pending : Promise.race([pending, due]));
      } catch (error) {
        pending = undefined;
        if (batch.length > 0) yield handOut();
        throw error;
      }
      if (next === "due") {
        yield handOut();
        continue;
      }
      pending = undefined;
      if (next.done) break;
      batch.push(next.value);
      if (batch.length >= maxCount) yield handOut();
      else {
        due ??= new Promise((resolve) => {
          timer = setTimeout(() => resolve("due"), maxWaitMs);
        });
      }
    }
    if (batch.length > 0) yield handOut();
  } finally {
    clearTimeout(timer);
    // A result may be under way; it is awaited so that nothing goes on unseen.
    await pending?.catch(() => {});
    await iterator.return?.();
  }
}
