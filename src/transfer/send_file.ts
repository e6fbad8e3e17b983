/**
 * Sends one file so that what is in its place afterwards is proven.
 *
 * | at the central path | result |
 * | --- | --- |
 * | nothing | created, by a write that fails when something appears meanwhile |
 * | the same size and MD5, proven | `present`: nothing is sent |
 * | content of an earlier row of that path and version | replaced, while it is that object |
 * | anything else | a failure |
 *
 * A file that fits one request is read and hashed in memory first, and its
 * conditional write is the look-up. A larger one is looked up before it is read.
 */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { createMd5 } from "../hash/digest.ts";
import { toHex } from "../hash/hex.ts";
import type { ProofLevel } from "../journal/journal_row.ts";
import type { Condition } from "../storage/driver.ts";
import type { Source, Store, Written } from "../storage/store.ts";
import {
  type CentralObject,
  type EarlierMd5s,
  hashStored,
  lookAtCentralObject,
  notOurs,
} from "./central_object.ts";
import type { ConcurrencyLimit } from "./concurrency_limit.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import { type CutSizes, fitsOneRequest } from "./part_size.ts";
import { md5Bytes, proofMetadata } from "./proof.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { ResumeTokens } from "./resume_tokens.ts";
import { sendParts } from "./send_parts.ts";
import type { SharedHashing } from "../hash/shared_hashing.ts";
import { type SiteFile, type SiteFiles, sourceChanged } from "./site_files.ts";
import type { Transfer } from "./transfer.ts";

/** What all files of a run share. */
export interface SendContext {
  /** The central store. */
  store: Store;
  /** By modality. */
  sites: ReadonlyMap<string, SiteFiles>;
  earlierMd5s: EarlierMd5s;
  tokens: ResumeTokens;
  /** The run's upload stamp, `YYYYMMDDHHMMSS` UTC. */
  stamp: string;
  limit: ConcurrencyLimit;
  memory: MemoryBudget;
  hashing: SharedHashing;
  rate: RateLimit | undefined;
  /** Told of content bytes that are through: sent, or found to be held already. */
  onBytes: (bytes: number) => void;
  sizes: CutSizes;
}

/** What a successful sending says. */
export interface Delivery {
  action: "created" | "replaced" | "present";
  proof: ProofLevel;
  /** Tries of the write; 0 when nothing was sent. */
  attempts: number;
}

/** Says that content on its way is not what the journal knows. */
export const CHANGED = "changed after `journal update`";

/** How often the central path may turn out different from what was just seen there. */
const MAX_ROUNDS = 3;
/** Chunks of a streamed file. */
const CHUNK_BYTES = 1024 * 1024;
/** What a streamed file holds in memory: the chunk being read, the one withheld, the one being sent. */
const STREAM_BYTES = 3 * CHUNK_BYTES;

/** One way to write the opened file; called again when the condition has to change. */
type Write = (condition: Condition) => Promise<Omit<Delivery, "action">>;

/**
 * Sends one file, or finds it in its place.
 *
 * @throws ChorusError `source_changed` when the site's file is not the journaled one,
 *   `already_exists` when something that is not ours is in its place, what {@linkcode Store} throws,
 *   the signal's reason
 */
export async function sendFile(
  transfer: Transfer,
  context: SendContext,
  signal?: AbortSignal,
): Promise<Delivery> {
  const { store } = context;
  const site = context.sites.get(transfer.modality);
  if (site === undefined) {
    throw new ChorusError(
      "config",
      `No place is known for the files of ${transfer.modality}.`,
      { subject: transfer.path },
    );
  }
  if (fitsOneRequest(transfer.size, store.limits, context.sizes)) {
    using lease = await context.memory.lease(transfer.size, signal);
    await readWhole(transfer, site, lease.bytes, signal);
    const result = await deliver(
      transfer,
      context,
      { ifAbsent: true },
      (condition) => writeFromMemory(transfer, lease.bytes, condition, context, signal),
      signal,
    );
    context.onBytes(transfer.size);
    return result;
  }

  const there = await look(transfer, context, signal);
  if (there.kind === "equal") {
    context.onBytes(transfer.size);
    return { action: "present", proof: there.proof, attempts: 0 };
  }
  if (there.kind === "foreign") throw notOurs(transfer);
  await using file = await site.open(transfer.path, signal);
  checkSize(transfer, file.size);
  return await deliver(
    transfer,
    context,
    there.kind === "earlier" ? { ifMatch: there.etag } : { ifAbsent: true },
    store.multipart === undefined
      ? (condition) => writeStream(transfer, file, condition, context, signal)
      : (condition) => sendParts(transfer, file, condition, context, signal),
    signal,
  );
}

/** Writes under the condition; where it does not hold (any more), looks and decides again. */
async function deliver(
  transfer: Transfer,
  context: SendContext,
  first: Condition,
  write: Write,
  signal: AbortSignal | undefined,
): Promise<Delivery> {
  let condition = first;
  for (let round = 1;; round++) {
    const action = "ifMatch" in condition ? "replaced" : "created";
    try {
      return { action, ...await write(condition) };
    } catch (error) {
      if (
        !isChorusError(error, "already_exists") &&
        !isChorusError(error, "precondition_failed")
      ) throw error;
      const attempts = error.attempts ?? 1;
      const there = await look(transfer, context, signal, context.stamp);
      switch (there.kind) {
        case "equal": {
          // Ours when an earlier try went through and only its answer was lost.
          const own = attempts > 1 || there.sentBy === context.stamp;
          return own
            ? { action, proof: there.proof, attempts }
            : { action: "present", proof: there.proof, attempts: 0 };
        }
        case "foreign":
          throw notOurs(transfer);
        case "earlier":
          condition = { ifMatch: there.etag };
          break;
        case "none":
          condition = { ifAbsent: true };
      }
      if (round === MAX_ROUNDS) {
        throw new ChorusError(
          "precondition_failed",
          `"${transfer.centralKey}" keeps changing while "${transfer.path}" is sent.`,
          {
            subject: transfer.path,
            cause: error,
            attempts,
            remedy: "Make sure that nothing else writes there, then upload again.",
          },
        );
      }
    }
  }
}

async function look(
  transfer: Transfer,
  context: SendContext,
  signal: AbortSignal | undefined,
  unconfirmedStamp?: string,
): Promise<CentralObject> {
  const { store, earlierMd5s, limit } = context;
  return await limit.run(
    0,
    () => lookAtCentralObject(transfer, { store, earlierMd5s, unconfirmedStamp, signal }),
    signal,
  );
}

function checkSize(transfer: Transfer, size: number): void {
  if (size === transfer.size) return;
  throw sourceChanged(
    transfer.path,
    `${CHANGED}: it has ${size} bytes, the journal says ${transfer.size}`,
  );
}

async function readWhole(
  transfer: Transfer,
  site: SiteFiles,
  into: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using file = await site.open(transfer.path, signal);
  checkSize(transfer, file.size);
  const read = await file.read(into);
  if (read < into.length) checkSize(transfer, read);
  await file.checkUnchanged();
}

async function writeFromMemory(
  transfer: Transfer,
  bytes: Uint8Array,
  condition: Condition,
  context: SendContext,
  signal: AbortSignal | undefined,
): Promise<Omit<Delivery, "action">> {
  const { rate } = context;
  try {
    return await write(
      transfer,
      {
        size: bytes.length,
        async *open() {
          if (rate === undefined || bytes.length === 0) {
            yield bytes;
            return;
          }
          yield* rate.pace(bytes, signal);
        },
      },
      condition,
      context,
      signal,
    );
  } catch (error) {
    if (
      isChorusError(error, "digest_mismatch") && md5Of(bytes) !== transfer.md5
    ) throw changedContent(transfer);
    throw error;
  }
}

async function writeStream(
  transfer: Transfer,
  file: SiteFile,
  condition: Condition,
  context: SendContext,
  signal: AbortSignal | undefined,
): Promise<Omit<Delivery, "action">> {
  const { rate, onBytes } = context;
  using _held = await context.memory.reserve(STREAM_BYTES, signal);
  let counted = 0;
  const source: Source = {
    size: transfer.size,
    async *open() {
      await file.rewind();
      for (let offset = 0; offset < transfer.size;) {
        const wanted = Math.min(CHUNK_BYTES, transfer.size - offset);
        const chunk = new Uint8Array(wanted);
        const read = await file.read(chunk);
        offset += read;
        if (read < wanted) checkSize(transfer, offset);
        if (rate === undefined) yield chunk;
        else yield* rate.pace(chunk, signal);
        if (offset > counted) {
          onBytes(offset - counted);
          counted = offset;
        }
      }
      await file.checkUnchanged();
    },
  };
  try {
    return await write(transfer, source, condition, context, signal);
  } catch (error) {
    if (!isChorusError(error, "digest_mismatch")) throw error;
    const md5 = createMd5();
    for await (const chunk of source.open()) md5.update(chunk);
    if (toHex(md5.digest()) !== transfer.md5) throw changedContent(transfer);
    throw error;
  }
}

async function write(
  transfer: Transfer,
  source: Source,
  condition: Condition,
  context: SendContext,
  signal: AbortSignal | undefined,
): Promise<Omit<Delivery, "action">> {
  const { store, limit, stamp } = context;
  return await limit.run(transfer.size, async () => {
    const written = await store.write(transfer.centralKey, source, {
      md5: md5Bytes(transfer.md5),
      condition,
      // The metadata become visible with the content, so only where the service
      // refuses content of another MD5 may they call it proven.
      metadata: store.traits.verifiesMd5
        ? proofMetadata({
          md5: transfer.md5,
          size: transfer.size,
          level: "service",
          version: transfer.version,
          stamp,
        })
        : undefined,
      contentType: "application/octet-stream",
      signal,
    });
    if (written.attempts > 1) limit.backOff();
    const proof = await proveWritten(transfer, written, store, signal);
    return { proof, attempts: written.attempts };
  }, signal);
}

/**
 * The service's own answer, or where it says nothing the bytes read back.
 *
 * What is read back from a local folder so soon comes from the system's cache:
 * it proves that the system took the right bytes, and the driver has had them
 * synced, but not what the medium holds. `file verify --deep` does that later.
 */
async function proveWritten(
  transfer: Transfer,
  written: Written,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<ProofLevel> {
  // The store compared the service's MD5 with that of the bytes, which is the journal's.
  if (written.serviceMd5 !== undefined) return "service";
  const key = transfer.centralKey;
  const object = { key, etag: written.etag, size: transfer.size };
  let found: string;
  try {
    // Reading no bytes asks nobody whether the object is there.
    if (transfer.size === 0) await requireEmpty(store, object, signal);
    found = await hashStored(store, object, signal);
  } catch (error) {
    if (
      isChorusError(error, "precondition_failed") ||
      isChorusError(error, "not_found")
    ) {
      throw new ChorusError(
        "io",
        `"${key}" was changed or removed by somebody else before it could be proven.`,
        {
          subject: transfer.path,
          cause: error,
          attempts: written.attempts,
          remedy: "Make sure that nothing else writes there, then upload again.",
        },
      );
    }
    throw error;
  }
  if (found === transfer.md5) return "deep";
  const left = await removeWrong(store, key, written.etag, signal);
  throw new ChorusError(
    "digest_mismatch",
    `"${key}" read back has MD5 ${found}, the journal says ${transfer.md5}; ${left}.`,
    {
      subject: transfer.path,
      attempts: written.attempts,
      remedy: "Upload again; if it happens again, check the central store.",
    },
  );
}

async function requireEmpty(
  store: Store,
  { key, etag }: { key: string; etag: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const there = await store.stat(key, { signal });
  if (there?.etag === etag && there.size === 0) return;
  throw new ChorusError(
    there === undefined ? "not_found" : "precondition_failed",
    `"${key}" is not the empty object that was written`,
    { subject: key },
  );
}

/** Takes an object of ours that turned out wrong away, so that nobody relies on it. */
async function removeWrong(
  store: Store,
  key: string,
  etag: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    await store.remove(key, { ifMatch: etag, signal });
    return "it was removed again";
  } catch (error) {
    return `removing it failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function md5Of(bytes: Uint8Array): string {
  const md5 = createMd5();
  md5.update(bytes);
  return toHex(md5.digest());
}

/** The file has another content than the journal says. */
export function changedContent(transfer: Transfer): ChorusError {
  return sourceChanged(
    transfer.path,
    `${CHANGED}: its MD5 is no longer ${transfer.md5}`,
  );
}
