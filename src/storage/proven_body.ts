/** A body on its way to a driver, proven before its last chunk is handed over. */

import { ChorusError, isCancellation } from "../errors/chorus_error.ts";
import { createMd5 } from "../hash/digest.ts";
import { sharedHashing } from "../hash/shared_hashing.ts";
import { toHex } from "../hash/hex.ts";

/** Content that can be read again from its beginning, for a retry. */
export interface Source {
  /** Bytes that every reading gives. */
  size: number;
  /** Begins a reading; each gives the same bytes. Chunks are not changed afterwards. */
  open(): AsyncIterable<Uint8Array>;
}

/** Chunks shorter than this are hashed sooner than others would join them. Bytes. */
const JOIN_FROM = 16 * 1024;

/** Content that is in memory. */
export function bytesSource(bytes: Uint8Array): Source {
  return {
    size: bytes.length,
    async *open() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

/**
 * One reading of a source that fails before its end is reached when its size
 * or its MD5 is not the promised one. The last chunk is withheld until both are
 * proven, so a driver that publishes at the end of the body publishes nothing wrong.
 */
export class ProvenBody implements AsyncIterable<Uint8Array> {
  readonly #source: Source;
  readonly #key: string;
  readonly #expected: Uint8Array | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onBytes: ((bytes: number) => void) | undefined;
  #fault: ChorusError | undefined;
  #md5: Uint8Array<ArrayBuffer> | undefined;

  constructor(
    key: string,
    source: Source,
    options: {
      md5?: Uint8Array;
      signal?: AbortSignal;
      onBytes?: (bytes: number) => void;
    },
  ) {
    this.#key = key;
    this.#source = source;
    this.#expected = options.md5;
    this.#signal = options.signal;
    this.#onBytes = options.onBytes;
  }

  /** What went wrong with the source itself; trying again would not help. */
  get fault(): ChorusError | undefined {
    return this.#fault;
  }

  /** MD5 of the body, once it was given as a whole; 16 bytes. */
  get md5(): Uint8Array<ArrayBuffer> | undefined {
    return this.#md5;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    const md5 = createMd5();
    let bytes = 0;
    let held: Uint8Array | undefined;
    const chunks = this.#readSource();
    for await (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#signal?.throwIfAborted();
      bytes += chunk.length;
      if (bytes > this.#source.size) throw this.#wrongSize(`over ${bytes - 1}`);
      if (chunk.length < JOIN_FROM) sharedHashing.now([{ md5, bytes: chunk }]);
      else await sharedHashing.join({ md5, bytes: chunk });
      if (held !== undefined) yield this.#counted(held);
      held = chunk;
    }
    this.#signal?.throwIfAborted();
    if (bytes !== this.#source.size) throw this.#wrongSize(String(bytes));
    const digest = md5.digest();
    if (this.#expected !== undefined && !sameBytes(digest, this.#expected)) {
      throw this.#fault = new ChorusError(
        "digest_mismatch",
        `The content for "${this.#key}" has MD5 ${toHex(digest)}, expected ${
          toHex(this.#expected)
        }`,
        { subject: this.#key },
      );
    }
    this.#md5 = digest;
    if (held !== undefined) yield this.#counted(held);
  }

  #counted(chunk: Uint8Array): Uint8Array {
    this.#onBytes?.(chunk.length);
    return chunk;
  }

  async *#readSource(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#source.open();
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (isCancellation(error)) throw error;
      throw this.#fault = error instanceof ChorusError
        ? error
        : new ChorusError("io", `Can't read the content for "${this.#key}"`, {
          subject: this.#key,
          cause: error,
        });
    }
  }

  #wrongSize(found: string): ChorusError {
    return this.#fault = new ChorusError(
      "digest_mismatch",
      `The content for "${this.#key}" has ${found} bytes, expected ${this.#source.size}`,
      { subject: this.#key },
    );
  }
}

/** True when both hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
