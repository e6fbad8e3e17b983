/** Sends a large file in parts: read once, each byte hashed twice, parts in parallel. */

import { setImmediate } from "node:timers";
import { isChorusError } from "../errors/chorus_error.ts";
import { createMd5, type IncrementalMd5, type Md5Update } from "../hash/digest.ts";
import { toHex } from "../hash/hex.ts";
import { ChorusError } from "../errors/chorus_error.ts";
import type { Condition } from "../storage/driver.ts";
import { sameBytes } from "../storage/proven_body.ts";
import type { StoreMultipartUpload } from "../storage/store.ts";
import { type FilledPart, PartReader } from "./part_reader.ts";
import { partSize } from "./part_size.ts";
import { md5Bytes, proofMetadata, readProof } from "./proof.ts";
import { changedContent, type Delivery, type SendContext } from "./send_file.ts";
import type { SharedHashing } from "../hash/shared_hashing.ts";
import type { SiteFile } from "./site_files.ts";
import type { Transfer } from "./transfer.ts";

/** How much is hashed before requests get their turn, bytes of each part. */
const SLICE_BYTES = 1024 * 1024;
/** Parts of a lone file that are hashed side by side: with the file's own MD5 four lanes. */
const PARTS_TOGETHER = 3;

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
  using _stream = hashing.begin();

  const fail = (error: unknown) => {
    failure ??= { error };
    stop.abort(error);
  };
  /** Sends a part unless the service holds it already; never throws. */
  const put = async ({ index, lease }: FilledPart, md5: Uint8Array) => {
    const { length } = lease.bytes;
    const held = upload.held.get(index);
    try {
      if (held === undefined || !sameBytes(held, md5)) {
        await rate?.take(length, either);
        const result = await limit.run(
          length,
          () => upload.put(index, lease.bytes, md5, either),
          either,
        );
        if (result.attempts > 1) limit.backOff();
        attempts = Math.max(attempts, result.attempts);
      }
      onBytes(length);
    } catch (error) {
      fail(error);
    }
  };
  /** Hashes parts; each is sent as soon as its own MD5 is known, while the file's goes on. */
  const hashAndPut = async (parts: readonly FilledPart[], whole: IncrementalMd5) => {
    let sends: Promise<void>[] = [];
    try {
      const digests = await hashParts(parts, whole, hashing, either);
      sends = parts.map((part, i) => put(part, digests[i]));
      for (const { lease } of parts.slice(1)) {
        await eachSlice(
          lease.bytes.length,
          (from, to) => hashing.update([{ md5: whole, bytes: lease.bytes.subarray(from, to) }]),
          either,
        );
      }
    } finally {
      for (const [i, { lease }] of parts.entries()) {
        // A buffer goes back to the budget only when nobody reads it any more.
        const task = Promise.resolve(sends[i]).then(() => lease[Symbol.dispose]());
        inFlight.add(task);
        task.finally(() => inFlight.delete(task));
      }
    }
  };

  try {
    const whole = createMd5();
    await file.rewind();
    await using reader = new PartReader({ transfer, file, partBytes, memory, signal: either });
    for (;;) {
      const parts = await reader.take(hashing.hasLanesToSpare ? PARTS_TOGETHER : 1);
      if (parts.length === 0) break;
      await hashAndPut(parts, whole);
    }
    await file.checkUnchanged();
    if (toHex(whole.digest()) !== transfer.md5) throw changedContent(transfer);
    await Promise.all(inFlight);
  } catch (error) {
    fail(error);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure.error;
  return { count: Math.ceil(transfer.size / partBytes), attempts };
}

/**
 * The MD5s of parts, side by side, and the first one's bytes added to the file's
 * MD5. That one can't be split; so the others' part of it is left for later,
 * when nobody waits for it.
 */
async function hashParts(
  parts: readonly FilledPart[],
  whole: IncrementalMd5,
  hashing: SharedHashing,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const md5s = parts.map(() => createMd5());
  // No later part is longer than the first one.
  await eachSlice(parts[0].lease.bytes.length, (from, to) => {
    const updates = parts.flatMap(({ lease }, i): Md5Update[] => {
      if (from >= lease.bytes.length) return [];
      const bytes = lease.bytes.subarray(from, to);
      return i === 0 ? [{ md5: md5s[i], bytes }, { md5: whole, bytes }] : [{ md5: md5s[i], bytes }];
    });
    return hashing.update(updates);
  }, signal);
  return md5s.map((md5) => md5.digest());
}

/** Does something with slice after slice, and lets everything else go on in between. */
async function eachSlice(
  length: number,
  hash: (from: number, to: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let from = 0; from < length; from += SLICE_BYTES) {
    signal.throwIfAborted();
    await hash(from, Math.min(length, from + SLICE_BYTES));
    await new Promise((resolve) => setImmediate(resolve));
  }
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
