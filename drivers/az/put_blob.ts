/** One blob in one request. */

import { Buffer } from "node:buffer";
import type { Condition, WriteOptions, WriteResult } from "../../src/storage/driver.ts";
import { AzureFailure } from "./azure_error.ts";
import type { BlobService } from "./blob_service.ts";
import { md5FromBase64 } from "./list_blobs.ts";
import type { Body, HttpResponse } from "./transport.ts";

/** Smaller bodies are gathered first, so that they can be sent again when the sign-in ran out, bytes. */
const GATHER_BYTES = 1 << 20;

/**
 * Creates or replaces a blob in one request. The service checks `Content-MD5`
 * over what it received, stores it, and answers the MD5 that it computed.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/put-blob
 */
export async function putBlob(
  service: BlobService,
  key: string,
  body: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<WriteResult> {
  const { size, md5, signal } = options;
  const headers: Record<string, string> = {
    "x-ms-blob-type": "BlockBlob",
    ...conditionHeaders(options.condition),
    ...metadataHeaders(options.metadata),
  };
  if (md5 !== undefined) headers["content-md5"] = base64(md5);
  if (options.contentType !== undefined) headers["x-ms-blob-content-type"] = options.contentType;
  const answer = await service.run({
    method: "PUT",
    url: service.blobUrl(key),
    headers,
    body: size <= GATHER_BYTES ? await gather(body, size) : heldBack(body, size),
    signal,
  });
  const computed = answer["content-md5"];
  return {
    etag: etagOf(answer),
    ...(typeof computed === "string" && { serviceMd5: md5FromBase64(computed) }),
  };
}

/** Headers that make a write conditional; the service checks and writes in one step. */
export function conditionHeaders(condition: Condition | undefined): Record<string, string> {
  if (condition === undefined) return {};
  return "ifAbsent" in condition ? { "if-none-match": "*" } : { "if-match": condition.ifMatch };
}

export function metadataHeaders(
  metadata: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata ?? {})) headers[`x-ms-meta-${name}`] = value;
  return headers;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** @throws AzureFailure when the answer has none: then nothing is known about what was stored */
export function etagOf(headers: HttpResponse["headers"]): string {
  if (typeof headers.etag === "string" && headers.etag !== "") return headers.etag;
  throw new AzureFailure("io", "the service answered without an ETag");
}

/** The whole body as one piece; the source's own end is reached before a byte is sent. */
async function gather(body: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body) {
    total += chunk.byteLength;
    if (total > size) throw wrongSize(size, `more than ${size}`);
    chunks.push(chunk);
  }
  if (total !== size) throw wrongSize(size, `${total}`);
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, total);
}

/**
 * The body as a stream whose last chunk leaves only when the source has ended
 * by itself: until then the request is incomplete, and the service drops it.
 */
function heldBack(body: AsyncIterable<Uint8Array>, size: number): Body {
  return {
    size,
    chunks: async function* () {
      let total = 0;
      let held: Uint8Array | undefined;
      for await (const chunk of body) {
        if (chunk.byteLength === 0) continue;
        total += chunk.byteLength;
        if (total > size) throw wrongSize(size, `more than ${size}`);
        if (held !== undefined) yield held;
        held = chunk;
      }
      if (total !== size) throw wrongSize(size, `${total}`);
      if (held !== undefined) yield held;
    }(),
  };
}

function wrongSize(size: number, given: string): AzureFailure {
  return new AzureFailure("io", `the content has ${given} bytes where ${size} were announced`);
}
