import { ChorusError } from "../errors/chorus_error.ts";
import { canStartWorkers } from "../hash/worker_permission.ts";
import { FileCalls } from "./file_calls.ts";
import { type ReadContext, readFolder } from "./read_folder.ts";
import { ReadingPace } from "./reading_pace.ts";
import type { ScanPlan } from "./scan_plan.ts";
import type { FolderAnswer, NumberedJob } from "./folder_job.ts";
import { type AnswerSink, nextTurn, type Readers } from "./walk.ts";
import type { FromWorker, ToWorker } from "./worker_messages.ts";

/** How the readers of a walk are made. */
export interface ReadersOptions {
  /** Cap on threads that read. */
  numThreads: number | undefined;
  /** Processors of the machine. */
  processors: number;
  /** Makes a worker; tests give one that dies. */
  newWorker?: () => Worker;
}

/** Folders that a worker may hold, read or waiting, so that it never runs dry. */
const FOLDERS_PER_WORKER = 64;
/** Files that a worker's folders may hold together, by the average folder so far. */
const FILES_PER_WORKER = 20_000;
/** A tree that needs more than one of these is worth the start of workers. */
const SMALL_TREE = { folders: 128, files: 10_000, milliseconds: 100 };
/** More threads than this gain nothing on a local disk; on a slow mount they wait side by side. */
const MOST_WORKERS = 4;

/**
 * The threads that read folders. A small tree is read in this thread; workers
 * are started when a tree turns out not to be small.
 */
export class FolderReaders implements Readers {
  readonly #context: ReadContext;
  readonly #options: ReadersOptions;
  readonly #sink: AnswerSink;
  readonly #here = new Set<Promise<void>>();
  readonly #workers: WorkerReader[] = [];
  /** Milliseconds spent reading in this thread, and since when it has been at it again. */
  #busyMs = 0;
  #busySince = 0;
  readonly #pace = new ReadingPace();

  constructor(
    plan: ScanPlan,
    realRoot: string,
    stat: boolean,
    options: ReadersOptions,
    sink: AnswerSink,
  ) {
    this.#context = {
      plan,
      realRoot,
      stat,
      calls: new FileCalls(),
      stopped: false,
    };
    this.#options = options;
    this.#sink = sink;
  }

  /** Folders that may be given now. */
  get room(): number {
    if (this.#workers.length === 0) {
      return Math.max(0, this.#pace.sideBySide(this.#context.calls.slow) - this.#here.size);
    }
    const each = this.#perWorker;
    // Little by little would be a message for every folder.
    return this.#workers.reduce((sum, { held }) => sum + (held > each / 2 ? 0 : each - held), 0);
  }

  /** Reads folders; what there is no {@linkcode room} for waits. */
  read(jobs: readonly NumberedJob[]): void {
    this.#startWorkers();
    if (this.#workers.length === 0) {
      for (const job of jobs) this.#readHere(job);
      return;
    }
    // Runs of neighbours for one worker at a time keep messages few and order close.
    const idlest = this.#workers.toSorted((a, b) => a.held - b.held);
    let next = 0;
    for (const [index, worker] of idlest.entries()) {
      const share = Math.ceil((jobs.length - next) / (idlest.length - index));
      if (share > 0) worker.read(jobs.slice(next, next + share));
      next += share;
    }
  }

  get #perWorker(): number {
    // Two at least: one is read while the other waits.
    return Math.max(2, this.#pace.foldersFor(FILES_PER_WORKER, FOLDERS_PER_WORKER));
  }

  #readHere({ id, job }: NumberedJob): void {
    if (this.#here.size === 0) this.#busySince = performance.now();
    const reading = readFolder(job, this.#context, {
      files: async (columns) => {
        await this.#answer({ id, columns });
        await nextTurn();
      },
      problem: (problem) => void this.#answer({ id, problem }),
    }).then(
      (end) => void this.#answer({ id, end }),
      (error) => this.#sink.fail(error),
    ).finally(() => {
      this.#here.delete(reading);
      if (this.#here.size === 0) this.#busyMs += performance.now() - this.#busySince;
    });
    this.#here.add(reading);
  }

  #answer(answer: FolderAnswer): Promise<void> | void {
    this.#pace.note(answer);
    if (!this.#context.stopped) return this.#sink.answer(answer);
  }

  #startWorkers(): void {
    const busyMs = this.#busyMs +
      (this.#here.size > 0 ? performance.now() - this.#busySince : 0);
    const small = this.#pace.folders < SMALL_TREE.folders &&
      this.#pace.files < SMALL_TREE.files && busyMs < SMALL_TREE.milliseconds;
    if (small && this.#workers.length === 0) return;
    const slow = this.#context.calls.slow ||
      this.#workers.some((worker) => worker.slow);
    if (this.#options.newWorker === undefined && !canStartWorkers(MODULES)) return;
    const useful = slow ? MOST_WORKERS : Math.min(MOST_WORKERS, this.#options.processors);
    const count = Math.min(useful, this.#options.numThreads ?? useful);
    while (this.#workers.length < count) {
      const worker = (this.#options.newWorker ?? newScanWorker)();
      this.#workers.push(
        new WorkerReader(worker, this.#context, {
          answer: (answer) => this.#answer(answer),
          fail: (error) => this.#sink.fail(error),
        }),
      );
    }
  }

  /** Ends the workers and waits for what this thread is reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#context.stopped = true;
    for (const worker of this.#workers) worker[Symbol.dispose]();
    await Promise.allSettled(this.#here);
  }
}

/** One worker and the folders that it holds. */
class WorkerReader implements Disposable {
  readonly #worker: Worker;
  /** True while the worker finds the mount slow. */
  slow = false;
  /** Folders given and not read to their end. */
  held = 0;

  constructor(worker: Worker, context: ReadContext, sink: AnswerSink) {
    this.#worker = worker;
    const died = (why: string) =>
      sink.fail(
        new ChorusError("io", `A thread that reads folders died: ${why}.`, {
          remedy: "Run the command again; what was recorded is not repeated.",
        }),
      );
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      switch (data.kind) {
        case "answers":
          this.slow = data.slow;
          for (const answer of data.answers) {
            if ("end" in answer) this.held--;
            sink.answer(answer);
          }
          break;
        case "failed":
          died(data.message);
          break;
        default:
          data satisfies never;
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      died(event.message);
    };
    worker.onmessageerror = () => died("its answer can't be read");
    this.#send({
      kind: "begin",
      plan: context.plan.source,
      realRoot: context.realRoot,
      stat: context.stat,
    });
  }

  read(jobs: readonly NumberedJob[]): void {
    this.held += jobs.length;
    this.#send({ kind: "read", jobs });
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Where a worker's own modules are; where it may not read them, this thread reads all folders. */
const MODULES = new URL("../", import.meta.url);

function newScanWorker(): Worker {
  return new Worker(new URL("./scan_worker.ts", import.meta.url), {
    type: "module",
  });
}
