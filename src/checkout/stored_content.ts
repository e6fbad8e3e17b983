/** Whole files to and from a store, with their MD5. */

import { ChorusError } from "../errors/chorus_error.ts";
import { createMd5 } from "../hash/digest.ts";
import { fromHex, toHex } from "../hash/hex.ts";
import type { Condition, ObjectInfo, WriteResult } from "../storage/driver.ts";
import type { Source, Store } from "../storage/store.ts";
import { md5Of } from "./lock.ts";

/** Content by its size, bytes, and its MD5, lower-case hex. */
export interface Content {
  size: number;
  md5: string;
}

/** What the read and write loops take at a time. */
const CHUNK_BYTES = 1 << 20;

/** Above this, an object is sent in parts where the store can: a cut line costs one part. */
const PARTS_ABOVE_BYTES = 64 << 20;
const PART_BYTES = 16 << 20;

/** Size and MD5 of a local file. */
export async function contentOfFile(path: string, signal?: AbortSignal): Promise<Content> {
  const md5 = createMd5();
  let size = 0;
  for await (const chunk of fileChunks(path, signal)) {
    md5.update(chunk);
    size += chunk.length;
  }
  return { size, md5: toHex(md5.digest()) };
}

/**
 * Downloads an object into a new local file and syncs it.
 *
 * @param object as `stat` gave it: another one by now is `precondition_failed`
 * @param onBytes told how many bytes have come so far
 * @throws {ChorusError} `digest_mismatch` when it isn't what the store says it is
 */
export async function downloadObject(
  store: Store,
  object: ObjectInfo,
  path: string,
  options: { signal?: AbortSignal; onBytes?: (bytes: number) => void } = {},
): Promise<Content> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  const md5 = createMd5();
  let size = 0;
  for await (const chunk of store.read(object.key, { object, signal: options.signal })) {
    md5.update(chunk);
    for (let done = 0; done < chunk.length;) done += await file.write(chunk.subarray(done));
    size += chunk.length;
    options.onBytes?.(size);
  }
  await file.sync();
  const content = { size, md5: toHex(md5.digest()) };
  requireSame(store, object, content);
  return content;
}

/**
 * Size and MD5 of an object's bytes as they are read now.
 *
 * @param onBytes told how many bytes have come so far
 */
export async function contentOfObject(
  store: Store,
  object: ObjectInfo,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<Content> {
  const md5 = createMd5();
  let size = 0;
  for await (const chunk of store.read(object.key, { object, signal })) {
    md5.update(chunk);
    size += chunk.length;
    onBytes?.(size);
  }
  return { size, md5: toHex(md5.digest()) };
}

/** How a file is uploaded. */
export interface UploadOptions {
  /** When it may be written. */
  condition: Condition;
  metadata: Record<string, string>;
  /** Told how many bytes have gone so far; a retry begins again. */
  onBytes?: (bytes: number) => void;
  signal?: AbortSignal;
}

/**
 * Uploads a local file whose content is known; other bytes are never published.
 *
 * @throws {ChorusError} `source_changed` or `digest_mismatch` when the file has another content
 */
export async function uploadFile(
  store: Store,
  path: string,
  key: string,
  content: Content,
  options: UploadOptions,
): Promise<WriteResult> {
  const { multipart, limits } = store;
  const inParts = multipart !== undefined &&
    (content.size > PARTS_ABOVE_BYTES || content.size > limits.maxWriteBytes);
  if (inParts) return await uploadInParts(store, path, key, content, options);
  return await store.write(key, fileSource(path, content.size, options), {
    ...options,
    md5: fromHex(content.md5),
    contentType: "application/vnd.sqlite3",
  });
}

async function uploadInParts(
  store: Store,
  path: string,
  key: string,
  content: Content,
  options: UploadOptions,
): Promise<WriteResult> {
  const { multipart } = store;
  if (multipart === undefined) throw new TypeError("The store takes no parts");
  const { signal } = options;
  const partBytes = Math.max(
    multipart.minPartBytes,
    Math.min(PART_BYTES, multipart.maxPartBytes),
    Math.ceil(content.size / multipart.maxParts),
  );
  if (partBytes > multipart.maxPartBytes || content.size > store.limits.maxObjectBytes) {
    throw new ChorusError(
      "unsupported",
      `The journal is too large for ${store.location}: ${content.size} bytes`,
      { subject: key },
    );
  }
  const upload = await multipart.begin(key, {
    size: content.size,
    partBytes,
    md5: fromHex(content.md5),
    metadata: options.metadata,
    contentType: "application/vnd.sqlite3",
    signal,
  });
  const whole = createMd5();
  let count = 0;
  for await (const part of fileChunks(path, signal, partBytes)) {
    whole.update(part);
    const md5 = createMd5();
    md5.update(part);
    const digest = md5.digest();
    const held = upload.held.get(count);
    if (held === undefined || toHex(held) !== toHex(digest)) {
      await upload.put(count, part, digest, signal);
    }
    count++;
    options.onBytes?.(Math.min(count * partBytes, content.size));
  }
  if (toHex(whole.digest()) !== content.md5) {
    await upload.abort(signal);
    throw new ChorusError("source_changed", `"${path}" changed while it was sent`, {
      subject: path,
      remedy: "Run the same command again.",
    });
  }
  return await upload.commit(count, options.condition, signal);
}

/**
 * Copies an object inside its store, in one step where the store can, else by way of a local file.
 *
 * @param from as `stat` gave it; another one by now is `precondition_failed`
 * @param temporary path of a local file that may be written; removed by the caller
 */
export async function copyObject(
  store: Store,
  from: ObjectInfo,
  to: string,
  options: {
    condition: Condition;
    /** Not empty: a store that is given none copies the source's, a lock's id among them. */
    metadata: Record<string, string>;
    temporary: string;
    signal?: AbortSignal;
  },
): Promise<WriteResult> {
  const { condition, metadata, signal } = options;
  if (store.canCopy) {
    return await store.copy(from.key, to, {
      sourceIfMatch: from.etag,
      condition,
      metadata,
      signal,
    });
  }
  const content = await downloadObject(store, from, options.temporary, { signal });
  return await uploadFile(store, options.temporary, to, content, { condition, metadata, signal });
}

function requireSame(store: Store, object: ObjectInfo, found: Content): void {
  const md5 = md5Of(object);
  if (found.size === object.size && (md5 === undefined || md5 === found.md5)) return;
  throw new ChorusError(
    "digest_mismatch",
    `"${object.key}" in ${store.location} is not what was stored: it has ${found.size} bytes and MD5 ${found.md5}, ` +
      `the store says ${object.size} bytes and MD5 ${md5 ?? "unknown"}`,
    {
      subject: object.key,
      remedy:
        "Run the same command again; if it stays so, a copy of the journal lies under each submission's version in the central store.",
    },
  );
}

function fileSource(
  path: string,
  size: number,
  { signal, onBytes }: Pick<UploadOptions, "signal" | "onBytes">,
): Source {
  return {
    size,
    async *open() {
      let bytes = 0;
      for await (const chunk of fileChunks(path, signal)) {
        bytes += chunk.length;
        onBytes?.(bytes);
        yield chunk;
      }
    },
  };
}

/** A file's bytes; each chunk is the reader's to keep. */
async function* fileChunks(
  path: string,
  signal?: AbortSignal,
  chunkBytes = CHUNK_BYTES,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  using file = await Deno.open(path);
  for (;;) {
    signal?.throwIfAborted();
    const chunk = new Uint8Array(chunkBytes);
    let filled = 0;
    while (filled < chunkBytes) {
      const count = await file.read(chunk.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    if (filled > 0) yield chunk.subarray(0, filled);
    if (filled < chunkBytes) return;
  }
}
