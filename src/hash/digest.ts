/** MD5 of bytes and streams in this thread, with the face of the Web Crypto API. */

import { createHash } from "node:crypto";

/** What can be hashed. */
export type DigestSource =
  | BufferSource
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>;

/** An MD5 that is fed piece by piece. */
export interface IncrementalMd5 {
  /** Adds bytes; they may be reused as soon as the call returns. */
  update(bytes: Uint8Array): void;
  /** Ends the message: the 16 bytes. Calling it again gives them again. */
  digest(): Uint8Array<ArrayBuffer>;
}

/** Begins an MD5 that is fed piece by piece. */
export function createMd5(): IncrementalMd5 {
  const hash = createHash("md5");
  let result: Uint8Array<ArrayBuffer> | undefined;
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    digest: () => result ??= new Uint8Array(hash.digest()),
  };
}

/**
 * MD5 of several independent messages in memory, side by side.
 *
 * @param messages any number of them, of any length
 * @returns 16 bytes for each, in the same order
 */
export function md5Many(
  messages: readonly Uint8Array[],
): Uint8Array<ArrayBuffer>[] {
  return messages.map((message) => {
    const md5 = createMd5();
    md5.update(message);
    return md5.digest();
  });
}

/**
 * `crypto.subtle.digest` for MD5, which Web Crypto leaves out, and for streams.
 *
 * @param algorithm `"MD5"`, in any case, or an object with that name
 * @param data bytes, or a stream of them that is read to its end
 * @returns the 16 bytes
 * @throws {DOMException} `NotSupportedError` for another algorithm
 */
export async function digest(
  algorithm: "MD5" | { name: "MD5" },
  data: DigestSource,
): Promise<ArrayBuffer> {
  const name: string = typeof algorithm === "string"
    ? algorithm
    : algorithm.name;
  if (name.toUpperCase() !== "MD5") {
    throw new DOMException(
      `Unrecognized algorithm name: "${name}"`,
      "NotSupportedError",
    );
  }
  const md5 = createMd5();
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) {
    md5.update(new Uint8Array(data));
  } else if (ArrayBuffer.isView(data)) {
    md5.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  } else {
    for await (const chunk of data) md5.update(chunk);
  }
  return md5.digest().buffer;
}
