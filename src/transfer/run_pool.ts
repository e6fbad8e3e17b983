/** Works on many items at a time, as many as the caller allows, with a result for each. */

/** Options of {@linkcode runPool}. */
export interface PoolOptions<T> {
  /** Whether an item may be begun while so many are under way. */
  mayBegin: (item: T, active: number) => boolean;
  signal?: AbortSignal;
}

/** Results that wait for the caller before nothing more is begun. */
const MAX_UNREAD = 2_000;

/**
 * Works on items and gives their results in the order in which they finish.
 *
 * An error ends the run: nothing further is begun, what is under way is seen to
 * its end, its results are given, then the first error is thrown. So does the
 * signal, which the work under way is given too. A caller that stops reading
 * ends it as well.
 *
 * @param items read only as fast as they are begun
 * @param work on one item; told to give up by its signal
 * @throws what `work` or `items` threw first, the signal's reason
 */
export async function* runPool<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  options: PoolOptions<T>,
): AsyncGenerator<R, void, undefined> {
  const pool = new Pool(work, options);
  try {
    const feeding = pool.feed(items);
    for (let results; (results = await pool.take()) !== undefined;) {
      yield* results;
    }
    await feeding;
    if (pool.stop !== undefined) throw pool.stop.error;
  } finally {
    await pool.close();
  }
}

class Pool<T, R> {
  readonly #work: (item: T, signal: AbortSignal) => Promise<R>;
  readonly #mayBegin: PoolOptions<T>["mayBegin"];
  readonly #outer: AbortSignal | undefined;
  readonly #cancel = new AbortController();
  readonly #signal: AbortSignal;
  readonly #active = new Set<Promise<void>>();
  #finished: R[] = [];
  #fed = false;
  #wakeFeeder: () => void = () => {};
  #wakeTaker: () => void = () => {};
  /** Why nothing further is begun. */
  stop: { error: unknown } | undefined;

  constructor(
    work: (item: T, signal: AbortSignal) => Promise<R>,
    { mayBegin, signal }: PoolOptions<T>,
  ) {
    this.#work = work;
    this.#mayBegin = mayBegin;
    this.#outer = signal;
    this.#signal = signal === undefined
      ? this.#cancel.signal
      : AbortSignal.any([signal, this.#cancel.signal]);
  }

  /** Begins items as room comes up; resolves when all are begun or none may be. */
  async feed(items: AsyncIterable<T> | Iterable<T>): Promise<void> {
    const notice = () => this.#wakeFeeder();
    this.#outer?.addEventListener("abort", notice);
    try {
      for await (const item of items) {
        await this.#room(item);
        if (this.stop !== undefined) break;
        this.#begin(item);
      }
    } catch (error) {
      this.stop ??= { error };
    } finally {
      this.#outer?.removeEventListener("abort", notice);
      this.#fed = true;
      this.#wakeTaker();
    }
  }

  /** The results since the last call, at least one; undefined at the end. */
  async take(): Promise<R[] | undefined> {
    for (;;) {
      if (this.#finished.length > 0) {
        const results = this.#finished;
        this.#finished = [];
        this.#wakeFeeder();
        return results;
      }
      if (this.#fed && this.#active.size === 0) return undefined;
      await new Promise<void>((resolve) => this.#wakeTaker = resolve);
    }
  }

  /** Gives up what is under way and waits for it. */
  async close(): Promise<void> {
    if (this.#fed && this.#active.size === 0) return;
    const error = new DOMException("No longer wanted", "AbortError");
    this.stop ??= { error };
    this.#cancel.abort(error);
    this.#wakeFeeder();
    await Promise.all(this.#active);
  }

  async #room(item: T): Promise<void> {
    for (;;) {
      if (this.#outer?.aborted) this.stop ??= { error: this.#outer.reason };
      if (this.stop !== undefined) return;
      if (
        this.#finished.length < MAX_UNREAD &&
        (this.#active.size === 0 || this.#mayBegin(item, this.#active.size))
      ) return;
      await new Promise<void>((resolve) => this.#wakeFeeder = resolve);
    }
  }

  #begin(item: T): void {
    const task = this.#run(item).finally(() => {
      this.#active.delete(task);
      this.#wakeFeeder();
      this.#wakeTaker();
    });
    this.#active.add(task);
  }

  async #run(item: T): Promise<void> {
    try {
      const result = await this.#work(item, this.#signal);
      this.#finished.push(result);
    } catch (error) {
      this.stop ??= {
        error: this.#signal.aborted ? this.#signal.reason : error,
      };
    }
  }
}
