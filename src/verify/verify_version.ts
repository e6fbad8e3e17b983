/**
 * Verifies one version: every active, uploaded row against the objects that the
 * central store lists.
 *
 * The journal's order is not the listing's, and a store may list in an order of
 * its own. So the rows go into an index by central key on disk first; then the
 * listing, page by page, takes its rows out of it, whatever its order. What is
 * left is missing. Objects that took none are looked for among all other rows
 * (invalidated, not uploaded); what is left of them is unknown. Nothing is
 * asked per file but where content is read, or where a listing gives no
 * metadata and they decide.
 */

import { type ErrorCode, isChorusError } from "../errors/chorus_error.ts";
import { CentralKeyIndex, type KeyedRow } from "../journal/central_key_index.ts";
import type { JournalRow } from "../journal/journal_row.ts";
import type { CentralLayout } from "../layout/central_path.ts";
import { joinJournalPath } from "../layout/local_path.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import type { Store } from "../storage/store.ts";
import { hashStored } from "../transfer/central_object.ts";
import { ConcurrencyLimit } from "../transfer/concurrency_limit.ts";
import { MemoryBudget } from "../transfer/memory_budget.ts";
import { centralKeyOf } from "../transfer/plan.ts";
import { UNCHECKED_FROM_BYTES } from "../transfer/proof.ts";
import { runPool } from "../transfer/run_pool.ts";
import { judgeContent, judgeObject, type Verdict } from "./judge_object.ts";
import type { Verified, VerifiedFile } from "./verified.ts";

/** How content is read and hashed. */
export interface DeepOptions {
  /** Part of the files to read, from 0 to 1, chosen at random. */
  share: number;
  /**
   * When the content of a row was last read and found equal, microseconds since
   * 1970 UTC: not read again unless the object is newer. Absent: all are read.
   */
  provenUs?: (fileId: number) => number | undefined;
  /** In [0, 1); for tests. */
  random?: () => number;
}

/** Options of {@linkcode verifyVersion}. */
export interface VerifyOptions {
  /** The central store. */
  store: Store;
  version: string;
  /** By canonical modality name. */
  layouts: ReadonlyMap<string, CentralLayout>;
  /** Pages of the rows to verify: active, uploaded, of this version. Called once. */
  uploadedRows: () => Iterable<readonly JournalRow[]>;
  /** Pages of all rows of this version, called at most once, to know other objects by. */
  allRows: () => Iterable<readonly JournalRow[]>;
  /** Objects of ours that are no files of a row, such as the journal's backup. */
  isKnown?: (centralKey: string) => boolean;
  /** Absent: sizes and stored MD5s only. */
  deep?: DeepOptions;
  /** Requests in flight at most; by default as many as help. */
  maxConcurrent?: number;
  /** Told of content bytes that were read. */
  onBytes?: (bytes: number) => void;
  signal?: AbortSignal;
}

/** Rows and objects that are worked on as one. */
const BATCH_COUNT = 500;
const BATCH_READS = 64;
const BATCH_BYTES = 64 * 1024 * 1024;
const BATCHES_AT_ONCE = 4;
/** Content that is read: in all, and of one object. */
const MEMORY_BYTES = 96 * 1024 * 1024;
const STREAM_BYTES = 4 * 1024 * 1024;
/** Content read so soon after it was written may have come from a cache; clocks differ, too. */
const SETTLING_US = 15 * 60 * 1_000_000;

/** Errors after which every other object would fail alike. */
const ENDS_THE_RUN: ReadonlySet<ErrorCode> = new Set([
  "credentials",
  "permission",
  "cancelled",
]);

/** What all reading shares. */
interface Limits {
  requests: ConcurrencyLimit;
  memory: MemoryBudget;
}

/** A row with the object at its key. */
interface Pair {
  row: KeyedRow;
  object: ObjectInfo;
  read: boolean;
}

/**
 * Verifies a version. Changes nothing in the store.
 *
 * @returns one result per row in no particular order, then the unknown objects
 * @throws ChorusError what listing throws, and `credentials`, `permission`,
 *   `unavailable` of any request when going on is useless; the signal's reason
 */
export async function* verifyVersion(
  options: VerifyOptions,
): AsyncGenerator<Verified, void, undefined> {
  using rows = new CentralKeyIndex();
  using strangers = new CentralKeyIndex();
  const prefix = `${options.version}/`;

  for (const page of options.uploadedRows()) {
    options.signal?.throwIfAborted();
    const keyed: KeyedRow[] = [];
    for (const row of page) {
      const found = keyedRow(row, options.layouts);
      if ("reason" in found) yield found;
      else if (found.key.startsWith(prefix)) keyed.push(found);
      else yield await verifyElsewhere(found, options);
    }
    if (keyed.length > 0) rows.add(keyed);
  }

  const limits = {
    requests: new ConcurrencyLimit({ max: options.maxConcurrent }),
    memory: new MemoryBudget(MEMORY_BYTES),
  };
  const batches = pairsOf(options, prefix, rows, strangers);
  const verified = runPool(
    batches,
    (batch, signal) => verifyBatch(batch, options, limits, signal),
    {
      mayBegin: (_, active) => active < BATCHES_AT_ONCE,
      signal: options.signal,
    },
  );
  for await (const files of verified) yield* files;

  yield* missing(rows);
  yield* unknown(strangers, options);
}

function keyedRow(
  row: JournalRow,
  layouts: ReadonlyMap<string, CentralLayout>,
): KeyedRow | VerifiedFile {
  const path = joinJournalPath(row.folder, row.name);
  const layout = layouts.get(row.modality);
  let reason = `The configuration does not name the modality ${row.modality}.`;
  if (layout !== undefined) {
    try {
      return {
        key: centralKeyOf(path, row.version, layout),
        fileId: row.fileId,
        size: row.size,
        md5: row.md5,
      };
    } catch (error) {
      if (!isChorusError(error)) throw error;
      reason = error.message;
    }
  }
  return unverifiable({ ...row, key: path }, reason);
}

/** Walks the listing; gives the objects of rows in batches, notes the others. */
async function* pairsOf(
  { store, deep, isKnown, signal }: VerifyOptions,
  prefix: string,
  rows: CentralKeyIndex,
  strangers: CentralKeyIndex,
): AsyncGenerator<Pair[], void, undefined> {
  const random = deep?.random ?? Math.random;
  let batch: Pair[] = [];
  let reads = 0;
  let bytes = 0;
  let others: KeyedRow[] = [];
  const listing = store.list(prefix, {
    recursive: true,
    metadata: true,
    signal,
  });
  for await (const entry of listing) {
    if (entry.kind !== "object") continue;
    const { object } = entry;
    const row = rows.take(object.key);
    if (row === undefined) {
      if (isKnown?.(object.key)) continue;
      others.push({ key: object.key, fileId: 0, size: object.size, md5: "" });
      if (others.length === BATCH_COUNT) {
        strangers.add(others);
        others = [];
      }
      continue;
    }
    const read = deep !== undefined && row.size === object.size &&
      (deep.share >= 1 || random() < deep.share);
    if (read) {
      reads++;
      bytes += object.size;
    }
    batch.push({ row, object, read });
    if (
      batch.length === BATCH_COUNT || reads === BATCH_READS ||
      bytes >= BATCH_BYTES
    ) {
      yield batch;
      batch = [];
      reads = 0;
      bytes = 0;
    }
  }
  if (others.length > 0) strangers.add(others);
  if (batch.length > 0) yield batch;
}

async function verifyBatch(
  batch: readonly Pair[],
  options: VerifyOptions,
  limits: Limits,
  signal: AbortSignal,
): Promise<VerifiedFile[]> {
  const done: VerifiedFile[] = [];
  const waiting: Promise<VerifiedFile>[] = [];
  for (const pair of batch) {
    const known = judgeAtOnce(pair, options);
    if (known !== undefined) done.push(known);
    else waiting.push(verifyInTurn(pair, options, limits, signal));
  }
  // All are seen to their end, so that none goes on unseen when one ends the run.
  for (const settled of await Promise.allSettled(waiting)) {
    if (settled.status === "rejected") throw settled.reason;
    done.push(settled.value);
  }
  return done;
}

async function verifyInTurn(
  pair: Pair,
  options: VerifyOptions,
  { requests, memory }: Limits,
  signal: AbortSignal,
): Promise<VerifiedFile> {
  const bytes = pair.read ? pair.object.size : 0;
  using _room = await memory.reserve(Math.min(bytes, STREAM_BYTES), signal);
  return await requests.run(
    bytes,
    () => verifyByAsking(pair, options, signal),
    signal,
  );
}

/** The result, where the listing alone decides it. */
function judgeAtOnce(
  { row, object, read }: Pair,
  { store, deep }: VerifyOptions,
): VerifiedFile | undefined {
  const verdict = judgeObject(row, object, store.traits.storesMd5);
  if (read) {
    const provenUs = deep?.provenUs?.(row.fileId);
    const still = provenUs !== undefined &&
      object.modifiedMs * 1000 + SETTLING_US < provenUs &&
      // Nothing that the listing shows speaks against it.
      (verdict.result === "equal" || verdict.result === "unproven");
    if (!still) return undefined;
    return { ...resultOf(row, { result: "equal", level: "deep" }), remembered: true };
  }
  const metadataDecide = object.metadata === undefined &&
    store.traits.storesMetadata && verdict.result === "unproven" &&
    object.size >= UNCHECKED_FROM_BYTES;
  return metadataDecide ? undefined : resultOf(row, verdict);
}

async function verifyByAsking(
  pair: Pair,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<VerifiedFile> {
  const { store, onBytes } = options;
  const { row } = pair;
  let object: ObjectInfo | undefined = pair.object;
  try {
    if (!pair.read) {
      object = await store.stat(row.key, { signal });
      return object === undefined
        ? missingFile(row)
        : resultOf(row, judgeObject(row, object, store.traits.storesMd5));
    }
    const md5 = await hashStored(store, object, signal, onBytes);
    return resultOf(row, judgeContent(row, object, md5));
  } catch (error) {
    if (signal.aborted || !isChorusError(error)) throw error;
    if (
      ENDS_THE_RUN.has(error.code) ||
      (error.code === "unavailable" && store.serviceAway)
    ) throw error;
    return unverifiable(
      row,
      error.code === "precondition_failed" || error.code === "not_found"
        ? "It was replaced or removed while it was verified."
        : error.message,
    );
  }
}

/** A row whose object lies under another version, as an old journal may hold it. */
async function verifyElsewhere(
  row: KeyedRow,
  options: VerifyOptions,
): Promise<VerifiedFile> {
  const { store, deep, signal } = options;
  const object = await store.stat(row.key, { signal });
  if (object === undefined) return missingFile(row);
  const read = deep !== undefined && object.size === row.size;
  const pair = { row, object, read };
  return judgeAtOnce(pair, options) ??
    await verifyByAsking(pair, options, signal ?? new AbortController().signal);
}

function* missing(
  rows: CentralKeyIndex,
): Generator<VerifiedFile, void, undefined> {
  for (const page of rows.left()) {
    for (const row of page) yield missingFile(row);
  }
  for (const { key, fileIds } of rows.clashes()) {
    const compared = rows.take(key);
    for (const fileId of fileIds) {
      if (compared === undefined || fileId === compared.fileId) continue;
      yield unverifiable(
        { ...compared, fileId },
        "Another active row of the journal has the same central path.",
      );
    }
  }
}

/** Objects that no row at all accounts for. */
function* unknown(
  strangers: CentralKeyIndex,
  options: VerifyOptions,
): Generator<Verified, void, undefined> {
  if (strangers.left().next().done) return;
  for (const page of options.allRows()) {
    options.signal?.throwIfAborted();
    for (const row of page) {
      const found = keyedRow(row, options.layouts);
      if ("key" in found) strangers.take(found.key);
    }
  }
  for (const page of strangers.left()) {
    for (const { key, size } of page) {
      yield { kind: "unknown", centralKey: key, size };
    }
  }
}

function resultOf(
  row: KeyedRow,
  { result, level, reason }: Verdict,
): VerifiedFile {
  return {
    kind: "file",
    fileId: row.fileId,
    centralKey: row.key,
    size: row.size,
    result,
    level,
    remembered: false,
    reason,
  };
}

function missingFile(row: KeyedRow): VerifiedFile {
  return resultOf(row, {
    result: "missing",
    level: "service",
    reason: "There is nothing at its central path.",
  });
}

function unverifiable(
  { fileId, key, size }: KeyedRow,
  reason: string,
): VerifiedFile {
  return {
    kind: "file",
    fileId,
    centralKey: key,
    size,
    result: "unverifiable",
    level: undefined,
    remembered: false,
    reason,
  };
}
