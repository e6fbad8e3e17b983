/**
 * The calls that ask for sizes and times, made in the way that suits the mount.
 *
 * On a local disk one call takes some microseconds and a synchronous one is by
 * far the cheapest. On a network mount it waits for the other side, and dozens
 * must be in flight. Which of the two it is, is measured, from the first files
 * on, and measured again.
 */

/** Synchronous calls that are judged together, and timed in parts. */
const RUN = 16;
const PART = 4;
/**
 * So many parts of a run may be slow without the mount's being it: where the
 * machine is busy, another process takes the processor away for a moment now and then.
 */
const DISTURBED_PARTS = 2;
/** Milliseconds a call from which waiting outweighs the cost of asynchronous calls. */
const SLOW_MS = 0.2;
/** Milliseconds below which a probe says that the mount is fast (again). */
const FAST_MS = 0.08;
/** Runs or probes in a row that must agree, so that one hiccup of the machine changes nothing. */
const AGREEING = 2;
/** Asynchronous calls of one folder in flight; each thread has about as many blocking threads. */
const IN_FLIGHT = 32;
/** Asynchronous calls between two synchronous probes. */
const PROBE_EVERY = 256;

/** Takes the answers for one file of a list. */
export interface StatSink {
  found(index: number, info: Deno.FileInfo): void;
  failed(index: number, error: unknown): void;
}

/** The functions of the runtime that are used, for tests that measure the choice. */
export interface StatFunctions {
  lstatSync(path: string): Deno.FileInfo;
  lstat(path: string): Promise<Deno.FileInfo>;
  /** Milliseconds, monotonic. */
  now(): number;
}

const RUNTIME: StatFunctions = {
  lstatSync: Deno.lstatSync,
  lstat: Deno.lstat,
  now: () => performance.now(),
};

/** Makes the calls of one thread for one root. */
export class FileCalls {
  readonly #functions: StatFunctions;
  #slow = false;
  #disagreeing = 0;
  #sinceProbe = 0;

  constructor(functions: StatFunctions = RUNTIME) {
    this.#functions = functions;
  }

  /** True while calls are made asynchronously, many at a time. */
  get slow(): boolean {
    return this.#slow;
  }

  /**
   * Asks for every name's file, not following links.
   *
   * @param prefix path of their folder, ending with a separator
   */
  async lstatAll(
    prefix: string,
    names: readonly string[],
    sink: StatSink,
  ): Promise<void> {
    let next = 0;
    while (next < names.length) {
      if (this.#slow) {
        const end = Math.min(names.length, next + PROBE_EVERY);
        next = this.#probe(prefix, names, next, sink);
        await this.#inFlight(prefix, names, next, end, sink);
        next = end;
      } else {
        const end = Math.min(names.length, next + RUN);
        let slowParts = 0;
        let parts = 0;
        for (let last = this.#functions.now(); next < end; parts++) {
          const from = next;
          for (; next < Math.min(end, from + PART); next++) this.#one(prefix, names, next, sink);
          const now = this.#functions.now();
          if (now - last > SLOW_MS * (next - from)) slowParts++;
          last = now;
        }
        this.#note(slowParts > Math.min(DISTURBED_PARTS, parts - 1));
      }
    }
  }

  /** Counts measurements that contradict the present choice; enough of them change it. */
  #note(contradicts: boolean): void {
    this.#disagreeing = contradicts ? this.#disagreeing + 1 : 0;
    if (this.#disagreeing < AGREEING) return;
    this.#slow = !this.#slow;
    this.#disagreeing = 0;
    this.#sinceProbe = 0;
  }

  #one(
    prefix: string,
    names: readonly string[],
    index: number,
    sink: StatSink,
  ): void {
    let info;
    try {
      info = this.#functions.lstatSync(prefix + names[index]);
    } catch (error) {
      return sink.failed(index, error);
    }
    sink.found(index, info);
  }

  /** Makes one call synchronously when it is time for that; returns where to go on. */
  #probe(
    prefix: string,
    names: readonly string[],
    index: number,
    sink: StatSink,
  ): number {
    this.#sinceProbe += Math.min(PROBE_EVERY, names.length - index);
    if (this.#sinceProbe < PROBE_EVERY) return index;
    this.#sinceProbe = 0;
    const started = this.#functions.now();
    this.#one(prefix, names, index, sink);
    this.#note(this.#functions.now() - started < FAST_MS);
    return index + 1;
  }

  async #inFlight(
    prefix: string,
    names: readonly string[],
    from: number,
    to: number,
    sink: StatSink,
  ): Promise<void> {
    let next = from;
    const lane = async () => {
      while (next < to) {
        const index = next++;
        let info;
        try {
          info = await this.#functions.lstat(prefix + names[index]);
        } catch (error) {
          sink.failed(index, error);
          continue;
        }
        sink.found(index, info);
      }
    };
    await Promise.all(
      Array.from({ length: Math.min(IN_FLIGHT, to - from) }, lane),
    );
  }
}
