/** What the core holds of a storage place, whatever driver is behind it. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { toHex } from "../hash/hex.ts";
import { cancellationOf } from "./cancellation.ts";
import type {
  Condition,
  CopyOptions,
  Driver,
  DriverLimits,
  DriverTraits,
  ListEntry,
  ListOptions,
  ObjectInfo,
  WriteResult,
} from "./driver.ts";
import { driverError } from "./driver_error.ts";
import { keyProblem, prefixProblem } from "./object_key.ts";
import { ProvenBody, sameBytes, type Source } from "./proven_body.ts";
import { Retrying, type RetryPolicy, type Waiting } from "./retrying.ts";
import { StoreMultipart } from "./store_multipart.ts";

export { bytesSource, type Source } from "./proven_body.ts";
export type { StoreMultipart, StoreMultipartUpload } from "./store_multipart.ts";

/** How a store behaves around its driver. */
export interface StoreOptions {
  /** As configured, for messages. */
  location: string;
  retry?: RetryPolicy;
  /** Told once per outage that the service is waited for. */
  onWaiting?: (waiting: Waiting) => void;
  /** Told of content bytes that went to or came from the driver, repeated ones included. */
  onBytes?: (bytes: number, direction: "sent" | "received") => void;
}

/** What a `write` may be given. */
export interface StoreWriteOptions {
  /** MD5 that the content must have, 16 bytes; another one is never published. */
  md5?: Uint8Array;
  /** Absent: overwrite whatever is there. */
  condition?: Condition;
  /** Keys: lower-case letters, digits, underscore. Values: visible ASCII. */
  metadata?: Readonly<Record<string, string>>;
  contentType?: string;
  signal?: AbortSignal;
}

/** A successful `write`. */
export interface Written extends WriteResult {
  /** MD5 of the bytes that were handed over, 16 bytes, computed here. */
  md5: Uint8Array<ArrayBuffer>;
  /** Size, bytes. */
  bytes: number;
  /** Tries it took. */
  attempts: number;
}

/** What a `read` may be given. */
export interface StoreReadOptions {
  /** First byte, default 0. */
  offset?: number;
  /** Number of bytes, default to the end. */
  length?: number;
  /** The object as `stat` or `list` gave it: saves asking again; another one is `precondition_failed`. */
  object?: Pick<ObjectInfo, "etag" | "size">;
  signal?: AbortSignal;
}

/**
 * One open storage place. Keys are checked, errors typed, digests proven and
 * failed calls repeated here, for every driver alike.
 *
 * Every method throws {@linkcode ChorusError} with `not_found`, `already_exists`,
 * `precondition_failed`, `credentials`, `permission`, `unsupported`, `disk_full`,
 * `unavailable` (after the retries), `io`, or the signal's reason. An error's
 * `attempts` over 1 means that an earlier try's answer was lost, so that a
 * conflict may be our own success: compare what is there.
 */
export class Store implements AsyncDisposable {
  readonly #driver: Driver;
  readonly #retrying: Retrying;
  readonly #onBytes: StoreOptions["onBytes"];
  /** As configured. */
  readonly location: string;
  /** Parts of large objects; undefined where one `write` takes any size. */
  readonly multipart: StoreMultipart | undefined;

  constructor(driver: Driver, options: StoreOptions) {
    this.#driver = driver;
    this.location = options.location;
    this.#onBytes = options.onBytes;
    this.#retrying = new Retrying(
      options.location,
      options.retry,
      options.onWaiting,
    );
    this.multipart = driver.multipart === undefined ? undefined : new StoreMultipart(
      driver,
      driver.multipart,
      this.#retrying,
      options,
      (action, key) => this.#checkKey(action, key),
    );
  }

  /** Limits of the store, as data. */
  get limits(): DriverLimits {
    return this.#driver.limits;
  }

  /** What the store does by itself, as data. */
  get traits(): DriverTraits {
    return this.#driver.traits;
  }

  /** True when an outage was given up and nothing has succeeded since: going on is useless. */
  get serviceAway(): boolean {
    return this.#retrying.gaveUp;
  }

  /** True when {@linkcode copy} can be called. */
  get canCopy(): boolean {
    return this.#driver.copy !== undefined;
  }

  /** Why this store can't hold a key, one clause, else undefined. Asks nobody. */
  keyProblem(key: string): string | undefined {
    return keyProblem(key, this.#driver.limits) ??
      this.#driver.keyProblem?.(key);
  }

  /**
   * Objects below a prefix.
   *
   * Keys are as the service holds them: one that {@linkcode keyProblem} objects
   * to is listed all the same, and refused by every other method.
   *
   * @param prefix `""` for all, else it ends with `/`
   */
  async *list(
    prefix: string,
    options: Omit<ListOptions, "from">,
  ): AsyncGenerator<Exclude<ListEntry, { kind: "mark" }>, void, void> {
    const problem = prefixProblem(prefix);
    if (problem !== undefined) throw this.#badKey("list", prefix, problem);
    const tries = this.#retrying.begin(options.signal);
    let from: string | undefined;
    let given = false;
    for (;;) {
      try {
        const entries = this.#driver.list(
          prefix,
          from === undefined ? options : { ...options, from },
        );
        for await (const entry of entries) {
          if (entry.kind === "mark") {
            from = entry.token;
            given = false;
            tries.progressed();
            continue;
          }
          const key = entry.kind === "object" ? entry.object.key : entry.key;
          if (!key.startsWith(prefix) || key === "") {
            throw new ChorusError(
              "io",
              `The listing of "${prefix}" in ${this.location} gave "${key}", which does not lie below it`,
              { subject: key },
            );
          }
          given = true;
          yield entry;
        }
        tries.succeeded();
        return;
      } catch (thrown) {
        const error = this.#error(thrown, "list", prefix, options.signal);
        // What was given since the last mark would be given twice.
        if (given) throw error;
        await tries.failed(error);
      }
    }
  }

  /** The object, or undefined when the service is sure that there is none. */
  async stat(
    key: string,
    options: { signal?: AbortSignal } = {},
  ): Promise<ObjectInfo | undefined> {
    this.#checkKey("look up", key);
    const { value } = await this.#call(
      "look up",
      key,
      options.signal,
      () => this.#driver.stat(key, options),
    );
    return value;
  }

  /**
   * The object's bytes. A connection that breaks is taken up where it broke, on
   * the same object only; a body that ends early is an error.
   */
  async *read(
    key: string,
    options: StoreReadOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    this.#checkKey("read", key);
    const { signal } = options;
    const object = options.object ?? await this.stat(key, { signal });
    if (object === undefined) throw this.#notFound("read", key);
    const start = options.offset ?? 0;
    const end = options.length === undefined
      ? Math.max(object.size, start)
      : start + options.length;
    if (end > object.size && start !== end) {
      throw new ChorusError(
        "unsupported",
        `Can't read bytes ${start} to ${end} of "${key}" in ${this.location}: it has ${object.size}`,
        { subject: key },
      );
    }
    const tries = this.#retrying.begin(signal);
    let offset = start;
    for (;;) {
      try {
        if (offset < end) {
          const chunks = this.#driver.read(key, {
            offset,
            length: end - offset,
            ifMatch: object.etag,
            signal,
          });
          for await (const chunk of chunks) {
            if (chunk.length === 0) continue;
            signal?.throwIfAborted();
            if (offset + chunk.length > end) {
              throw this.#wrongLength(key, end - start, "more");
            }
            offset += chunk.length;
            tries.progressed();
            this.#onBytes?.(chunk.length, "received");
            yield chunk;
          }
        }
        if (offset < end) throw this.#wrongLength(key, end - start, "fewer");
        tries.succeeded();
        return;
      } catch (thrown) {
        await tries.failed(this.#error(thrown, "read", key, signal));
      }
    }
  }

  /**
   * A small object as a whole, with what is known about it.
   *
   * @param options.maxBytes larger objects are `unsupported`
   */
  async readAll(
    key: string,
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<{ object: ObjectInfo; bytes: Uint8Array<ArrayBuffer> }> {
    const { maxBytes, signal } = options;
    const object = await this.stat(key, { signal });
    if (object === undefined) throw this.#notFound("read", key);
    if (object.size > maxBytes) {
      throw new ChorusError(
        "unsupported",
        `"${key}" in ${this.location} has ${object.size} bytes, at most ${maxBytes} were expected`,
        { subject: key },
      );
    }
    const bytes = new Uint8Array(object.size);
    let offset = 0;
    for await (const chunk of this.read(key, { object, signal })) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    return { object, bytes };
  }

  /**
   * Creates or replaces an object. It appears only when the source gave exactly
   * its size and, where `md5` is given, exactly that content.
   *
   * @throws {ChorusError} `digest_mismatch` when the source is not what was promised (nothing
   *   appears), or the service says that it received something else (removed again)
   */
  async write(
    key: string,
    source: Source,
    options: StoreWriteOptions = {},
  ): Promise<Written> {
    this.#checkKey("write", key);
    if (source.size > this.limits.maxWriteBytes) {
      throw new ChorusError(
        "unsupported",
        `Can't write "${key}" to ${this.location} in one piece: ${source.size} bytes, at most ${this.limits.maxWriteBytes} are allowed`,
        { subject: key },
      );
    }
    const { signal } = options;
    let body: ProvenBody | undefined;
    const { value, attempts } = await this.#call("write", key, signal, () => {
      body = new ProvenBody(key, source, {
        ...options,
        onBytes: (bytes) => this.#onBytes?.(bytes, "sent"),
      });
      return this.#driver.write(key, body, { ...options, size: source.size });
    }, () => body?.fault);
    const md5 = body?.md5;
    if (md5 === undefined) {
      throw new ChorusError(
        "io",
        `The driver of ${this.location} says that "${key}" is written, but did not read its content to the end`,
        { subject: key },
      );
    }
    await this.#checkServiceMd5(key, md5, value);
    return { ...value, md5, bytes: source.size, attempts };
  }

  /**
   * Removes an object.
   *
   * @param options.ifMatch only while it has this ETag, else `precondition_failed`
   */
  async remove(
    key: string,
    options: { ifMatch?: string; signal?: AbortSignal } = {},
  ): Promise<{ attempts: number }> {
    this.#checkKey("remove", key);
    try {
      const { attempts } = await this.#call(
        "remove",
        key,
        options.signal,
        () => this.#driver.remove(key, options),
      );
      return { attempts };
    } catch (error) {
      // It was there at the first try, and gone is what was wanted.
      if (isChorusError(error, "not_found") && (error.attempts ?? 1) > 1) {
        return { attempts: error.attempts ?? 1 };
      }
      throw error;
    }
  }

  /**
   * Server-side copy inside this store. Only where {@linkcode canCopy}.
   */
  async copy(
    from: string,
    to: string,
    options: CopyOptions = {},
  ): Promise<WriteResult & { attempts: number }> {
    this.#checkKey("copy", from);
    this.#checkKey("copy to", to);
    const { value, attempts } = await this.#call(
      "copy",
      from,
      options.signal,
      () => {
        if (this.#driver.copy === undefined) {
          throw new ChorusError(
            "unsupported",
            `${this.location} can't copy by itself`,
            { subject: from },
          );
        }
        return this.#driver.copy(from, to, options);
      },
    );
    return { ...value, attempts };
  }

  /** Closes the driver. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver.close?.();
  }

  #call<T>(
    action: string,
    key: string,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T>,
    ownFault?: () => ChorusError | undefined,
  ): Promise<{ value: T; attempts: number }> {
    let final: ChorusError | undefined;
    return this.#retrying.run(async () => {
      try {
        signal?.throwIfAborted();
        return await attempt();
      } catch (thrown) {
        final = ownFault?.();
        throw final ?? this.#error(thrown, action, key, signal);
      }
    }, { signal, isFinal: (error) => error === final });
  }

  #error(
    thrown: unknown,
    action: string,
    key: string,
    signal: AbortSignal | undefined,
  ): unknown {
    if (signal?.aborted) return cancellationOf(signal);
    return driverError(this.#driver, thrown, {
      action,
      key,
      location: this.location,
    });
  }

  #checkKey(action: string, key: string): void {
    const problem = this.keyProblem(key);
    if (problem !== undefined) throw this.#badKey(action, key, problem);
  }

  #badKey(action: string, key: string, problem: string): ChorusError {
    return new ChorusError(
      "unsupported",
      `Can't ${action} ${JSON.stringify(key)} in ${this.location}: the name ${problem}`,
      { subject: key, remedy: "Rename it." },
    );
  }

  #notFound(action: string, key: string): ChorusError {
    return new ChorusError(
      "not_found",
      `Can't ${action} "${key}": it is not in ${this.location}`,
      { subject: key, attempts: 1 },
    );
  }

  #wrongLength(
    key: string,
    expected: number,
    found: "more" | "fewer",
  ): ChorusError {
    return new ChorusError(
      found === "fewer" ? "unavailable" : "io",
      `Reading "${key}" from ${this.location} gave ${found} than the expected ${expected} bytes`,
      { subject: key },
    );
  }

  /** The service knows what it received; when that is not what was sent, nothing may stay. */
  async #checkServiceMd5(
    key: string,
    md5: Uint8Array,
    result: WriteResult,
  ): Promise<void> {
    const { serviceMd5, etag } = result;
    if (serviceMd5 === undefined || sameBytes(serviceMd5, md5)) return;
    let left = "it was removed again";
    try {
      await this.remove(key, { ifMatch: etag });
    } catch (error) {
      left = `removing it failed: ${error instanceof Error ? error.message : String(error)}`;
    }
    throw new ChorusError(
      "digest_mismatch",
      `${this.location} holds MD5 ${toHex(serviceMd5)} under "${key}", sent was ${
        toHex(md5)
      }; ${left}`,
      { subject: key },
    );
  }
}
