/** Scripted faults around a real driver. */

import type {
  Condition,
  Driver,
  DriverLimits,
  DriverTraits,
  Failure,
  ListEntry,
  ListOptions,
  MultipartAbility,
  MultipartBeginOptions,
  MultipartUpload,
  ObjectInfo,
  ReadOptions,
  WriteOptions,
  WriteResult,
} from "../../src/storage/driver.ts";

/** The calls that can fail. `put` and `commit` are those of a multi-part upload. */
export type FaultyCall =
  | "list"
  | "stat"
  | "read"
  | "write"
  | "remove"
  | "copy"
  | "begin"
  | "put"
  | "commit";

/** What goes wrong. */
export type Fault =
  /** Fails before anything happened. */
  | { kind: "before"; failure?: Failure }
  /** Happens, then fails: the answer is lost. */
  | { kind: "after"; failure?: Failure }
  /** A body breaks after so many bytes (of `write` and `put` before the driver, of `read` behind it), a listing after so many entries. */
  | { kind: "cut"; after: number; failure?: Failure }
  /** A read body ends early without an error, as a careless driver's would. */
  | { kind: "truncate"; after: number }
  /** One bit of the byte at this place is turned over on the way. */
  | { kind: "flip"; at: number }
  /** No answer; ends with the signal's reason when it aborts. */
  | { kind: "hang" }
  /** Something else happens just before: another writer, a clock. */
  | { kind: "meanwhile"; act: () => Promise<void> | void };

/** When a fault happens. */
export interface FaultRule {
  call: FaultyCall;
  /** Only for this key (of `list`: the prefix); by default for any. */
  key?: string | RegExp;
  /** Matching calls to let through first, default 0. */
  skip?: number;
  /** How often, default once. */
  times?: number;
  fault: Fault;
}

/** What an injected fault throws. */
export class InjectedError extends Error {
  override readonly name = "InjectedError";
  constructor(readonly failure: Failure) {
    super(failure.message ?? `injected: ${failure.kind}`);
  }
}

const CUT: Failure = { kind: "unavailable", message: "injected: cut line" };

/** A driver that does what the real one does, but for the rules. */
export class FaultyDriver implements Driver {
  readonly #real: Driver;
  readonly #rules: (FaultRule & { seen: number; done: number })[] = [];
  /** Every call that came in, in order: `write a/b`. */
  readonly calls: string[] = [];
  readonly copy?: NonNullable<Driver["copy"]>;
  readonly multipart?: MultipartAbility;
  readonly keyProblem?: NonNullable<Driver["keyProblem"]>;

  constructor(real: Driver, rules: readonly FaultRule[] = []) {
    this.#real = real;
    for (const rule of rules) this.add(rule);
    const { copy, multipart, keyProblem } = real;
    if (keyProblem !== undefined) {
      this.keyProblem = (key) => keyProblem.call(real, key);
    }
    if (copy !== undefined) {
      this.copy = (from, to, options) =>
        this.#plain(
          "copy",
          from,
          options.signal,
          () => copy.call(real, from, to, options),
        );
    }
    if (multipart !== undefined) {
      this.multipart = {
        minPartBytes: multipart.minPartBytes,
        maxPartBytes: multipart.maxPartBytes,
        maxParts: multipart.maxParts,
        begin: (key, options) => this.#begin(multipart, key, options),
      };
    }
  }

  get limits(): DriverLimits {
    return this.#real.limits;
  }

  get traits(): DriverTraits {
    return this.#real.traits;
  }

  /** Adds a rule; earlier rules come first. */
  add(rule: FaultRule): void {
    this.#rules.push({ ...rule, seen: 0, done: 0 });
  }

  /** How often calls of a kind came in. */
  count(call: FaultyCall): number {
    return this.calls.filter((entry) => entry.startsWith(`${call} `)).length;
  }

  classify(error: unknown): Failure {
    return error instanceof InjectedError ? error.failure : this.#real.classify(error);
  }

  async *list(
    prefix: string,
    options: ListOptions,
  ): AsyncGenerator<ListEntry, void, void> {
    const fault = await this.#enter("list", prefix, options.signal);
    let given = 0;
    for await (const entry of this.#real.list(prefix, options)) {
      if (fault?.kind === "cut" && given++ === fault.after) {
        throw new InjectedError(fault.failure ?? CUT);
      }
      yield entry;
    }
    leave(fault);
  }

  stat(
    key: string,
    options: { signal?: AbortSignal },
  ): Promise<ObjectInfo | undefined> {
    return this.#plain(
      "stat",
      key,
      options.signal,
      () => this.#real.stat(key, options),
    );
  }

  async *read(
    key: string,
    options: ReadOptions,
  ): AsyncGenerator<Uint8Array, void, void> {
    const fault = await this.#enter("read", key, options.signal);
    yield* spoil(this.#real.read(key, options), fault);
    leave(fault);
  }

  async write(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const fault = await this.#enter("write", key, options.signal);
    const result = await this.#real.write(key, spoil(body, fault), options);
    leave(fault);
    return result;
  }

  remove(
    key: string,
    options: { ifMatch?: string; signal?: AbortSignal },
  ): Promise<void> {
    return this.#plain(
      "remove",
      key,
      options.signal,
      () => this.#real.remove(key, options),
    );
  }

  async close(): Promise<void> {
    await this.#real.close?.();
  }

  async #begin(
    ability: MultipartAbility,
    key: string,
    options: MultipartBeginOptions,
  ): Promise<MultipartUpload> {
    const upload = await this.#plain(
      "begin",
      key,
      options.signal,
      () => ability.begin(key, options),
    );
    return {
      token: upload.token,
      held: upload.held,
      put: async (index, bytes, md5, signal) => {
        const fault = await this.#enter("put", key, signal);
        if (fault?.kind === "cut") {
          throw new InjectedError(fault.failure ?? CUT);
        }
        await upload.put(
          index,
          fault?.kind === "flip" ? flipped(bytes, fault.at) : bytes,
          md5,
          signal,
        );
        leave(fault);
      },
      commit: (count: number, condition: Condition, signal?: AbortSignal) =>
        this.#plain(
          "commit",
          key,
          signal,
          () => upload.commit(count, condition, signal),
        ),
      abort: (signal) => upload.abort(signal),
    };
  }

  async #plain<T>(
    call: FaultyCall,
    key: string,
    signal: AbortSignal | undefined,
    act: () => Promise<T>,
  ): Promise<T> {
    const fault = await this.#enter(call, key, signal);
    const result = await act();
    leave(fault);
    return result;
  }

  /** Notes the call, finds its fault, and does what comes before the call. */
  async #enter(
    call: FaultyCall,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<Fault | undefined> {
    this.calls.push(`${call} ${key}`);
    const matching = this.#rules.filter((rule) => rule.call === call && matches(rule.key, key));
    for (const rule of matching) rule.seen++;
    const rule = matching.find((rule) =>
      rule.seen > (rule.skip ?? 0) && rule.done < (rule.times ?? 1)
    );
    if (rule === undefined) return undefined;
    rule.done++;
    const { fault } = rule;
    switch (fault.kind) {
      case "before":
        throw new InjectedError(fault.failure ?? CUT);
      case "hang":
        return await new Promise<never>((_, reject) => {
          const stop = () => reject(signal?.reason);
          if (signal?.aborted) stop();
          else signal?.addEventListener("abort", stop, { once: true });
        });
      case "meanwhile":
        await fault.act();
        return undefined;
      default:
        return fault;
    }
  }
}

function matches(rule: string | RegExp | undefined, key: string): boolean {
  if (rule === undefined) return true;
  return typeof rule === "string" ? rule === key : rule.test(key);
}

function leave(fault: Fault | undefined): void {
  if (fault?.kind === "after") throw new InjectedError(fault.failure ?? CUT);
}

async function* spoil(
  body: AsyncIterable<Uint8Array>,
  fault: Fault | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  let done = 0;
  for await (const chunk of body) {
    if (fault?.kind === "cut" || fault?.kind === "truncate") {
      const left = fault.after - done;
      if (chunk.length > left) {
        if (left > 0) yield chunk.subarray(0, left);
        if (fault.kind === "truncate") return;
        throw new InjectedError(fault.failure ?? CUT);
      }
    }
    const at = fault?.kind === "flip" ? fault.at - done : -1;
    done += chunk.length;
    yield at >= 0 && at < chunk.length ? flipped(chunk, at) : chunk;
  }
  if (fault?.kind === "cut" && fault.after === done) {
    throw new InjectedError(fault.failure ?? CUT);
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
