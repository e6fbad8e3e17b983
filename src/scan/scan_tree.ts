import { ChorusError } from "../errors/chorus_error.ts";
import { FolderReaders, nextTurn } from "./folder_readers.ts";
import type { FoundBatch, FoundFile, ScanItem } from "./found_file.ts";
import { describeError, type FoundColumns, withSeparator } from "./read_folder.ts";
import { planSource, ScanPlan } from "./scan_plan.ts";
import type { TreeModality } from "./tree_modality.ts";
import { type FolderSlot, WalkOrder } from "./walk_order.ts";

export interface ScanTreeOptions {
  /** False: sizes and times are not asked for and come as -1. Default true. */
  stat?: boolean;
  /** Cap on the threads that read folders; by default as many as the mount can use. */
  numThreads?: number;
  /** Ends the walk. */
  signal?: AbortSignal;
  /** Is told of each folder before it is read. */
  onFolder?: (folder: string) => void;
  /** Makes a worker, for tests. */
  newWorker?: () => Worker;
}

/** Files that may wait to be yielded while folders further on are read. */
const WAITING_FILES = 100_000;
/** Folders that may wait likewise. */
const WAITING_FOLDERS = 2_000;
/** Milliseconds after which a consumer that never waits is made to let messages in. */
const TURN_MS = 10;

/**
 * Walks one root for all modalities that live there, and yields what it finds
 * folder by folder.
 *
 * The order is that of the tree, whatever the disk's is: a folder before those
 * below it, names ascending by their UTF-8 bytes. Each folder that can lead to a
 * match of a wanted modality is read once, no other is. A file that several
 * modalities match is yielded for each. What can't be read becomes a problem and
 * the walk goes on. Nothing is kept of what was yielded; what is read ahead is
 * bounded, but the names of one folder are held together.
 *
 * @param root absolute path of a local folder
 * @param modalities those that live here, unwanted ones too, so that their files
 *   do not count as unmatched
 * @throws ChorusError `not_found`, `permission` or `config` when the root itself
 *   can't be read; `io` when a thread dies
 */
export async function* scanTree(
  root: string,
  modalities: readonly TreeModality[],
  options: ScanTreeOptions = {},
): AsyncGenerator<ScanItem, void, undefined> {
  const { signal } = options;
  signal?.throwIfAborted();
  const realRoot = await openRoot(root);
  const plan = await ScanPlan.compile(modalities.map(planSource));
  const order = new WalkOrder(plan, {
    folder: ".",
    path: withSeparator(root),
    modalities: plan.all,
    excluded: false,
    followed: [],
  });
  const news = new News();
  await using readers = new FolderReaders(plan, realRoot, options.stat ?? true, {
    numThreads: options.numThreads,
    processors: navigator.hardwareConcurrency,
    newWorker: options.newWorker,
  }, {
    answer(answer) {
      if ("columns" in answer) order.files(answer.id, answer.columns);
      else if ("problem" in answer) order.problem(answer.id, answer.problem);
      else order.end(answer.id, answer.end);
      news.arrived();
    },
    fail: (error) => news.fail(error),
  });
  const stop = () => news.fail(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    let lastTurn = performance.now();
    while (!order.finished) {
      news.throwIfFailed();
      readAhead(order, readers, options.onFolder);
      const slot = order.first;
      const items = slot === undefined ? [] : takeItems(order, slot, plan);
      for (const item of items) {
        yield item;
        signal?.throwIfAborted();
        if (performance.now() - lastTurn > TURN_MS) {
          await nextTurn();
          lastTurn = performance.now();
          readAhead(order, readers, options.onFolder);
        }
      }
      if (slot?.end !== undefined && slot.waiting.length === 0) {
        yield* endOf(slot);
        order.drop();
      } else if (slot !== undefined && slot.waiting.length === 0) {
        await news.wait();
        lastTurn = performance.now();
      }
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Checks that the root can be read, and gives its real path. */
async function openRoot(root: string): Promise<string> {
  try {
    const real = await Deno.realPath(root);
    const entries = Deno.readDir(root)[Symbol.asyncIterator]();
    await entries.next();
    await entries.return?.();
    return real;
  } catch (error) {
    const about = { subject: root, cause: error };
    if (error instanceof Deno.errors.NotFound) {
      throw new ChorusError("not_found", `The folder "${root}" does not exist.`, {
        ...about,
        remedy: "Correct site_path in the configuration, or mount the share.",
      });
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw new ChorusError("config", `"${root}" is not a folder.`, {
        ...about,
        remedy: "Let site_path in the configuration name a folder.",
      });
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new ChorusError("permission", `The folder "${root}" may not be read.`, {
        ...about,
        remedy: "Ask for permission to read it, or run as another user.",
      });
    }
    throw new ChorusError(
      "io",
      `The folder "${root}" can't be read: ${describeError(error)}.`,
      about,
    );
  }
}

/** Has as many folders read as may be, the next one to be yielded in any case. */
function readAhead(
  order: WalkOrder,
  readers: FolderReaders,
  onFolder: ((folder: string) => void) | undefined,
): void {
  const full = order.waitingFiles > WAITING_FILES || order.begun > WAITING_FOLDERS;
  const room = full ? 0 : readers.room;
  const count = order.first === undefined ? Math.max(1, room) : room;
  if (count === 0) return;
  const slots = order.begin(count);
  if (slots.length === 0) return;
  for (const { job } of slots) onFolder?.(job.folder);
  readers.read(slots.map(({ id, job }) => ({ id, job })));
}

/** Takes what has been found in the first folder so far. */
function* takeItems(
  order: WalkOrder,
  slot: FolderSlot,
  plan: ScanPlan,
): Generator<ScanItem> {
  for (const item of slot.waiting.splice(0)) {
    if ("kind" in item) {
      yield item;
    } else {
      order.waitingFiles -= item.count;
      yield batchOf(item, slot.job.folder, plan);
    }
  }
}

function batchOf(columns: FoundColumns, folder: string, plan: ScanPlan): FoundBatch {
  const { numbers, count, each } = columns;
  const files = columns.names.split("/").map((name, index): FoundFile => ({
    name,
    size: numbers[index],
    mtimeMs: numbers[count + index],
    personId: each === undefined ? columns.personId : each[index][0],
    version: each === undefined ? columns.version : each[index][1],
  }));
  return {
    kind: "files",
    modality: plan.modalities[columns.modality].name,
    folder,
    files,
  };
}

/** What is said of a folder after its files. */
function* endOf(slot: FolderSlot): Generator<ScanItem> {
  const { folder } = slot.job;
  if (slot.end === undefined) return;
  if (slot.end.unmatched > 0) {
    yield { kind: "unmatched", folder, files: slot.end.unmatched, skipped: false };
  }
  if (slot.end.skipped === "") return;
  for (const name of slot.end.skipped.split("/")) {
    const path = folder === "." ? name : `${folder}/${name}`;
    yield { kind: "unmatched", folder: path, files: 0, skipped: true };
  }
}

/** Wakes the walk when an answer has arrived or going on is impossible. */
class News {
  #waiting = Promise.withResolvers<void>();
  #failure: { error: unknown } | undefined;

  arrived(): void {
    this.#waiting.resolve();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting.resolve();
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for news since the last call. */
  async wait(): Promise<void> {
    await this.#waiting.promise;
    this.#waiting = Promise.withResolvers<void>();
  }
}
