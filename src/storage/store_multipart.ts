/** Objects sent in parts, with typed errors and retries around the driver. */

import { isChorusError } from "../errors/chorus_error.ts";
import { cancellationOf } from "./cancellation.ts";
import type {
  Condition,
  Driver,
  MultipartAbility,
  MultipartBeginOptions,
  MultipartUpload,
  WriteResult,
} from "./driver.ts";
import { driverError } from "./driver_error.ts";
import type { Retrying } from "./retrying.ts";

interface Context {
  driver: Driver;
  retrying: Retrying;
  location: string;
  onBytes?: (bytes: number, direction: "sent" | "received") => void;
}

async function call<T>(
  context: Context,
  action: string,
  key: string,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<{ value: T; attempts: number }> {
  const { driver, retrying, location } = context;
  return await retrying.run(async () => {
    try {
      signal?.throwIfAborted();
      return await attempt();
    } catch (thrown) {
      if (signal?.aborted) throw cancellationOf(signal);
      throw driverError(driver, thrown, { action, key, location });
    }
  }, { signal });
}

/** The multi-part ability of a store. */
export class StoreMultipart {
  readonly #ability: MultipartAbility;
  readonly #context: Context;
  readonly #checkKey: (action: string, key: string) => void;

  constructor(
    driver: Driver,
    ability: MultipartAbility,
    retrying: Retrying,
    options: Pick<Context, "location" | "onBytes">,
    checkKey: (action: string, key: string) => void,
  ) {
    this.#ability = ability;
    this.#checkKey = checkKey;
    this.#context = {
      driver,
      retrying,
      location: options.location,
      onBytes: options.onBytes,
    };
  }

  /** Bytes; the last part may be smaller. */
  get minPartBytes(): number {
    return this.#ability.minPartBytes;
  }

  /** Bytes. */
  get maxPartBytes(): number {
    return this.#ability.maxPartBytes;
  }

  get maxParts(): number {
    return this.#ability.maxParts;
  }

  /** True when the driver keeps to a pace within a part. */
  get paces(): boolean {
    return this.#ability.paces ?? false;
  }

  /**
   * Begins an object, or goes on with what an interrupted upload of the same
   * object left.
   */
  async begin(
    key: string,
    options: MultipartBeginOptions,
  ): Promise<StoreMultipartUpload> {
    this.#checkKey("write", key);
    const { value } = await call(
      this.#context,
      "begin the parts of",
      key,
      options.signal,
      () => this.#ability.begin(key, options),
    );
    return new StoreMultipartUpload(key, value, this.#context);
  }
}

/** One object being sent in parts. */
export class StoreMultipartUpload {
  readonly #key: string;
  readonly #upload: MultipartUpload;
  readonly #context: Context;

  constructor(key: string, upload: MultipartUpload, context: Context) {
    this.#key = key;
    this.#upload = upload;
    this.#context = context;
  }

  /** To be remembered for a later `begin` of the same object. */
  get token(): string {
    return this.#upload.token;
  }

  /** Parts already held by the service: index (from 0) to the part's proven MD5. */
  get held(): ReadonlyMap<number, Uint8Array> {
    return this.#upload.held;
  }

  /** Sends one part; calls may overlap. `bytes` stay untouched until it settles. */
  async put(
    index: number,
    bytes: Uint8Array,
    md5: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ attempts: number }> {
    const { attempts } = await call(
      this.#context,
      `send part ${index} of`,
      this.#key,
      signal,
      async () => {
        await this.#upload.put(index, bytes, md5, signal);
        this.#context.onBytes?.(bytes.length, "sent");
      },
    );
    return { attempts };
  }

  /** Makes the object visible from parts 0 to `count - 1`, on the condition. */
  async commit(
    count: number,
    condition: Condition,
    signal?: AbortSignal,
  ): Promise<WriteResult & { attempts: number }> {
    const { value, attempts } = await call(
      this.#context,
      "commit the parts of",
      this.#key,
      signal,
      () => this.#upload.commit(count, condition, signal),
    );
    return { ...value, attempts };
  }

  /** Gives the parts up, best effort: a failure is not thrown. */
  async abort(signal?: AbortSignal): Promise<void> {
    try {
      await this.#upload.abort(signal);
    } catch (error) {
      if (isChorusError(error, "cancelled")) throw error;
    }
  }
}
