/** Sends a large file in parts: read once, each byte hashed twice, parts in parallel. */

import { isChorusError } from "../errors/chorus_error.ts";
import { createMd5, type IncrementalMd5 } from "../hash/digest.ts";
import { toHex } from "../hash/hex.ts";
import { ChorusError } from "../errors/chorus_error.ts";
import type { Condition } from "../storage/driver.ts";
import type { StoreMultipartUpload } from "../storage/store.ts";
import type { BufferLease } from "./memory_budget.ts";
import { partSize } from "./part_size.ts";
import { md5Bytes, proofMetadata, readProof } from "./proof.ts";
import { changedContent, type Delivery, type SendContext } from "./send_file.ts";
import type { SharedHashing } from "../hash/shared_hashing.ts";
import type { SiteFile } from "./site_files.ts";
import type { Transfer } from "./transfer.ts";

/** How much is read and hashed at a time, so that it is still in the processor's cache for the second hash. */
const SLICE_BYTES = 1024 * 1024;

/**
 * Sends an opened file in parts and makes it visible only when every part was
 * verified by the service and the MD5 over all bytes read is the journal's.
 *
 * Parts that an interrupted run left are read and hashed but not sent again
 * when they hold the same bytes.
 *
 * @throws ChorusError as `sendFile` does
 */
export async function sendParts(
  transfer: Transfer,
  file: SiteFile,
  condition: Condition,
  context: SendContext,
  signal?: AbortSignal,
): Promise<Omit<Delivery, "action">> {
  const { store, tokens, stamp, rate } = context;
  const { multipart } = store;
  const partBytes = multipart && partSize(transfer.size, multipart, context.sizes);
  if (multipart === undefined || partBytes === undefined) {
    throw new ChorusError(
      "unsupported",
      `"${transfer.path}" has ${transfer.size} bytes, more than the central store takes.`,
      { subject: transfer.path },
    );
  }
  const key = transfer.centralKey;
  const upload = await multipart.begin(key, {
    size: transfer.size,
    partBytes,
    md5: md5Bytes(transfer.md5),
    token: tokens.get(key),
    metadata: proofMetadata({
      md5: transfer.md5,
      size: transfer.size,
      level: "sender",
      version: transfer.version,
      stamp,
    }),
    contentType: "application/octet-stream",
    pace: rate && ((bytes, stop) => rate.pace(bytes, stop)),
    signal,
  });
  tokens.set(key, upload.token);
  try {
    const sent = await putAll(transfer, file, upload, partBytes, context, signal);
    const { attempts } = await context.limit.run(
      0,
      () => upload.commit(sent.count, condition, signal),
      signal,
    );
    tokens.delete(key);
    return { proof: "sender", attempts: Math.max(attempts, sent.attempts) };
  } catch (error) {
    if (isChorusError(error, "source_changed")) {
      await upload.abort(signal);
      tokens.delete(key);
    }
    if (isChorusError(error, "digest_mismatch")) {
      await removeUnproven(transfer, context, signal);
    }
    throw error;
  }
}

/** Reads the file to its end; resolves when every part is held by the service. */
async function putAll(
  transfer: Transfer,
  file: SiteFile,
  upload: StoreMultipartUpload,
  partBytes: number,
  context: SendContext,
  signal: AbortSignal | undefined,
): Promise<{ count: number; attempts: number }> {
  const { store, memory, limit, hashing, onBytes } = context;
  // A driver that can't pace is given whole parts at the limit's average.
  const rate = store.multipart?.paces ? undefined : context.rate;
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const inFlight = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let attempts = 1;
  const count = Math.ceil(transfer.size / partBytes);
  using _stream = hashing.begin();

  const put = async (index: number, lease: BufferLease, md5: Uint8Array) => {
    try {
      await rate?.take(lease.bytes.length, either);
      const result = await limit.run(
        lease.bytes.length,
        () => upload.put(index, lease.bytes, md5, either),
        either,
      );
      if (result.attempts > 1) limit.backOff();
      attempts = Math.max(attempts, result.attempts);
      onBytes(lease.bytes.length);
    } catch (error) {
      failure ??= { error };
      stop.abort(error);
    } finally {
      lease[Symbol.dispose]();
    }
  };

  try {
    const whole = createMd5();
    await file.rewind();
    for (let index = 0; index < count; index++) {
      const length = Math.min(partBytes, transfer.size - index * partBytes);
      const lease = await memory.lease(length, either);
      try {
        const md5 = await readPart(transfer, file, lease.bytes, whole, hashing, either);
        const held = upload.held.get(index);
        if (held !== undefined && sameBytes(held, md5)) {
          onBytes(length);
          lease[Symbol.dispose]();
          continue;
        }
        const task = put(index, lease, md5);
        inFlight.add(task);
        task.finally(() => inFlight.delete(task));
      } catch (error) {
        lease[Symbol.dispose]();
        throw error;
      }
    }
    await file.checkUnchanged();
    if (toHex(whole.digest()) !== transfer.md5) throw changedContent(transfer);
    await Promise.all(inFlight);
  } catch (error) {
    failure ??= { error };
    stop.abort(error);
  }
  // Buffers go back to the budget only when no request reads them any more.
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure.error;
  return { count, attempts };
}

/** Fills the buffer; the next slice is read while one is hashed. */
async function readPart(
  transfer: Transfer,
  file: SiteFile,
  into: Uint8Array,
  whole: IncrementalMd5,
  hashing: SharedHashing,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const part = createMd5();
  const sliceAt = (offset: number) => into.subarray(offset, offset + SLICE_BYTES);
  const read = (offset: number) => {
    const reading = file.read(sliceAt(offset));
    // It may fail while nobody waits for it yet; who waits later is told.
    reading.catch(() => {});
    return reading;
  };
  let reading: Promise<number> | undefined = read(0);
  try {
    for (let offset = 0; offset < into.length; offset += SLICE_BYTES) {
      signal.throwIfAborted();
      const slice = sliceAt(offset);
      const filled = await reading;
      reading = undefined;
      if (filled !== slice.length) throw changedContent(transfer);
      const next = offset + SLICE_BYTES;
      if (next < into.length) reading = read(next);
      await hashing.update([{ md5: part, bytes: slice }, { md5: whole, bytes: slice }]);
    }
  } finally {
    // Nothing may write into the buffer once it is given back.
    await reading?.catch(() => {});
  }
  return part.digest();
}

/**
 * The commit says that other parts became the object than those that were sent.
 * It carries our proof by then, so it must not stay.
 */
async function removeUnproven(
  transfer: Transfer,
  { store, stamp }: SendContext,
  signal: AbortSignal | undefined,
): Promise<void> {
  const object = await store.stat(transfer.centralKey, { signal });
  if (object === undefined) return;
  const proof = readProof(object.metadata);
  if (proof?.stamp !== stamp || proof.md5 !== transfer.md5) return;
  await store.remove(transfer.centralKey, { ifMatch: object.etag, signal });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
