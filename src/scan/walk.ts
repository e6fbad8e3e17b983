import { setImmediate } from "node:timers";
import { joinJournalPath } from "../layout/local_path.ts";
import type { FolderAnswer, FolderJob, FoundColumns, NumberedJob } from "./folder_job.ts";
import type { FoundBatch, FoundFile, ScanItem } from "./found_file.ts";
import type { ScanPlan } from "./scan_plan.ts";
import { type FolderSlot, WalkOrder } from "./walk_order.ts";

/** Takes answers, and the error that makes going on impossible. */
export interface AnswerSink {
  /** The promise, where there is one, settles when more files of that folder are welcome. */
  answer(answer: FolderAnswer): Promise<void> | void;
  fail(error: unknown): void;
}

/** Those who read folders, in any order, many at a time. */
export interface Readers extends AsyncDisposable {
  /** Folders that may be given now. */
  readonly room: number;
  /** Reads folders; one may be given even when there is no room. */
  read(jobs: readonly NumberedJob[]): void;
}

export interface WalkOptions {
  /** Ends the walk. */
  signal?: AbortSignal;
  /** Is told of each folder before it is read. */
  onFolder?: (folder: string) => void;
}

/** Files that may wait to be yielded while folders further on are read. */
const WAITING_FILES = 100_000;
/** Folders that may wait likewise. */
const WAITING_FOLDERS = 2_000;
/** Milliseconds after which a consumer that never waits is made to let messages in. */
const TURN_MS = 10;

/**
 * Has a tree read by many and yields what they find in the order of the tree: a
 * folder before those below it, names ascending.
 *
 * @param root the folder to begin with
 * @param open makes the readers, which are closed when the walk ends in any way
 */
export async function* walkInOrder(
  plan: ScanPlan,
  root: FolderJob,
  open: (sink: AnswerSink) => Readers,
  options: WalkOptions,
): AsyncGenerator<ScanItem, void, undefined> {
  const { signal, onFolder } = options;
  const order = new WalkOrder(plan, root);
  const news = new News();
  const gate = new Gate(order);
  await using readers = open({
    answer(answer) {
      if ("columns" in answer) order.files(answer.id, answer.columns);
      else if ("problem" in answer) order.problem(answer.id, answer.problem);
      else order.end(answer.id, answer.end);
      news.arrived();
      return "columns" in answer ? gate.pass(answer.id) : undefined;
    },
    fail: (error) => news.fail(error),
  });
  const stop = () => news.fail(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    let lastTurn = performance.now();
    while (!order.finished) {
      news.throwIfFailed();
      readAhead(order, readers, onFolder);
      const slot = order.first;
      if (slot === undefined) continue;
      for (const item of takeItems(order, slot, plan)) {
        yield item;
        signal?.throwIfAborted();
        if (performance.now() - lastTurn > TURN_MS) {
          await nextTurn();
          lastTurn = performance.now();
          readAhead(order, readers, onFolder);
        }
      }
      gate.release();
      if (slot.waiting.length > 0) continue;
      if (slot.end !== undefined) {
        yield* endOf(slot);
        order.drop();
      } else {
        await news.wait();
        lastTurn = performance.now();
      }
    }
  } finally {
    gate.open();
    signal?.removeEventListener("abort", stop);
  }
}

/** Has as many folders read as may be, the next one to be yielded in any case. */
function readAhead(
  order: WalkOrder,
  readers: Readers,
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
      yield batchOf(item, plan);
    }
  }
}

function batchOf(columns: FoundColumns, plan: ScanPlan): FoundBatch {
  const { folder, numbers, count, each } = columns;
  const files = columns.names.split("/").map((name, index): FoundFile => ({
    name,
    size: numbers[index],
    mtimeMs: numbers[count + index],
    personId: each === undefined ? columns.personId : each[index][0],
    version: each === undefined ? columns.version : each[index][1],
  }));
  // Freed here and now: the collector would let megabytes of them pile up.
  numbers.buffer.transfer(0);
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
    yield { kind: "unmatched", folder: joinJournalPath(folder, name), files: 0, skipped: true };
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

/** Holds readers back while too much waits to be yielded. */
class Gate {
  readonly #order: WalkOrder;
  #held: { id: number; resolve: () => void }[] = [];
  #over = false;

  constructor(order: WalkOrder) {
    this.#order = order;
  }

  /** Settles when more files of a folder are welcome. */
  pass(id: number): Promise<void> | undefined {
    if (this.#over || this.#order.waitingFiles <= WAITING_FILES) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.push({ id, resolve });
    return promise;
  }

  /** Lets on whom the walk waits for, and everyone when little waits. */
  release(): void {
    const roomy = this.#order.waitingFiles <= WAITING_FILES;
    const first = this.#order.first?.id;
    const [going, staying] = [
      this.#held.filter(({ id }) => roomy || id === first),
      this.#held.filter(({ id }) => !roomy && id !== first),
    ];
    this.#held = staying;
    for (const { resolve } of going) resolve();
  }

  /** Lets everyone on: the walk is over. */
  open(): void {
    this.#over = true;
    for (const { resolve } of this.#held.splice(0)) resolve();
  }
}

/** Lets messages and signals in. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
