/** A pool of workers that hashes files, with backpressure, cancellation and a result per file. */

import { type HashReport, readReport } from "./hash_agent.ts";
import type { HashOutcome, HashRequest } from "./hash_result.ts";
import { HashRun } from "./hash_run.ts";
import {
  type HashThread,
  type StartHashThread,
  startHere,
  startWorker,
  WORKER_MODULE,
} from "./hash_thread.ts";
import { canStartWorkers } from "./worker_permission.ts";

/** More threads than this read no faster from any disk that was tried. */
const MAX_WORKERS = 16;
/** A thread gets more to do when it has fewer files than this, */
const FILES_AHEAD = 256;
/** and fewer bytes than this, or too few files to fill its lanes. */
const BYTES_AHEAD = 64 * 1024 * 1024;
const LANES = 12;
/** A job holds so many files or bytes at most. */
const JOB_FILES = 64;
const JOB_BYTES = 8 * 1024 * 1024;
/** So much is hashed in this thread before a worker is started, which takes about 30 ms. */
const FILES_HERE = 32;
const BYTES_HERE = 4 * 1024 * 1024;
/** What a file of unknown size counts before others have shown how large they are. */
const UNKNOWN_SIZE = 64 * 1024;

/** A file and what became of it. */
export interface HashResult<T extends HashRequest> {
  request: T;
  outcome: HashOutcome;
}

/** Where the threads' time went, seconds, added up over all of them. */
export interface HashPoolTimes {
  /** In the kernel. */
  hashing: number;
  /** Opening and reading files, where a thread had to wait for it. */
  reading: number;
}

/** Options of {@linkcode HashPool}. */
export interface HashPoolOptions {
  /** Threads at most; by default one per processor, at most 16. */
  workers?: number;
  /** Files that may be read from the input and not yet be given out; by default 1,024 a thread. */
  filesInFlight?: number;
  /** Called with the bytes hashed since the last call, also within a large file. */
  onBytes?: (bytes: number) => void;
  /** Starts a worker; for tests. */
  startWorker?: StartHashThread;
}

/** A thread and what it has to do. */
interface Member {
  thread: HashThread;
  isWorker: boolean;
  /** True from the first report on. */
  reported: boolean;
  tasks: Map<number, Task>;
  bytes: number;
}

/** A file that a thread has, and how many bytes it was counted as. */
interface Task {
  request: HashRequest;
  bytes: number;
}

/**
 * Hashes files on all processors.
 *
 * Workers start when there is enough to do for them; a handful of small files is hashed in this
 * thread. A worker that dies is the outcome of the files that it had, and is replaced. Where no
 * worker can start, because the permission to read its module is missing, all work is done in this
 * thread.
 */
export class HashPool implements AsyncDisposable {
  /** Where the time went so far. */
  readonly times: HashPoolTimes = { hashing: 0, reading: 0 };
  readonly #workers: number;
  readonly #filesInFlight: number;
  readonly #onBytes: ((bytes: number) => void) | undefined;
  readonly #startWorker: StartHashThread;
  readonly #members = new Set<Member>();
  #run: HashRun<HashRequest> | undefined;
  #canStartWorkers = canStartWorkers(WORKER_MODULE);
  #filesHere = 0;
  #bytesHere = 0;
  #nextId = 0;
  /** Sum and number of the files hashed so far. */
  readonly #done = { bytes: 0, files: 0 };

  constructor(options: HashPoolOptions = {}) {
    this.#workers = options.workers ??
      Math.min(navigator.hardwareConcurrency, MAX_WORKERS);
    this.#filesInFlight = options.filesInFlight ?? 1024 * this.#workers;
    this.#onBytes = options.onBytes;
    this.#startWorker = options.startWorker ?? startWorker;
  }

  /**
   * Hashes files. A file that can't be hashed is an outcome, not an error.
   *
   * One call at a time; the threads stay for the next one.
   *
   * @param batches files in arrays of any length; many small arrays are joined, long ones split.
   *   Read only as fast as results are taken: when `filesInFlight` files are between the two, no
   *   further array is asked for
   * @param options `signal` stops it; the iterator then throws the signal's reason
   * @returns results in arrays, **in the order in which they finish**, one per request
   * @throws {TypeError} when a call before is still under way
   */
  async *hash<T extends HashRequest>(
    batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>,
    options: { signal?: AbortSignal } = {},
  ): AsyncGenerator<HashResult<T>[], void, undefined> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#run !== undefined) {
      throw new TypeError("Can't hash: this pool is hashing other files");
    }
    const run = new HashRun<T>(batches, this.#filesInFlight, () => this.#dispatch());
    this.#run = run;
    const abort = () => {
      run.fail(signal?.reason);
      this.#abandon();
    };
    signal?.addEventListener("abort", abort);
    try {
      for (;;) {
        const results = await run.take();
        if (results === undefined) return;
        yield results;
        // The consumer has them: there is room for more.
        run.release(results.length);
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#run = undefined;
      await this.#abandon();
      await run.close();
    }
  }

  /** Stops the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#run?.fail(new DOMException("The hash pool was closed", "AbortError"));
    await this.#terminate([...this.#members]);
  }

  /** Gives queued files to the threads that have least to do. */
  #dispatch(): void {
    const run = this.#run;
    if (run === undefined) return;
    while (run.queued > 0) {
      const member = this.#memberFor(run);
      if (member === undefined) return;
      // Small jobs until the first results tell how large the files are.
      const files = this.#done.files === 0
        ? Math.min(LANES, Math.ceil(run.queued / this.#workers))
        : Math.min(JOB_FILES, Math.max(8, Math.ceil(run.queued / (2 * this.#workers))));
      this.#post(member, run.dequeue(files, JOB_BYTES, (request) => this.#sizeOf(request)));
    }
  }

  #post(member: Member, requests: readonly HashRequest[]): void {
    const firstId = this.#nextId;
    for (const request of requests) {
      const bytes = this.#sizeOf(request);
      member.tasks.set(this.#nextId++, { request, bytes });
      member.bytes += bytes;
      if (member.isWorker) continue;
      this.#filesHere++;
      this.#bytesHere += bytes;
    }
    const paths = requests.map((request) => request.path);
    const areFiles = requests.every((request) => request.isFile === true);
    member.thread.post({ firstId, paths, areFiles });
  }

  /** The file's size where it is known, else that of the others on average. */
  #sizeOf({ size }: HashRequest): number {
    if (size !== undefined && size >= 0) return size;
    return this.#done.files === 0 ? UNKNOWN_SIZE : this.#done.bytes / this.#done.files;
  }

  /** The thread that should have the next job; undefined when all have enough to do. */
  #memberFor(run: HashRun<HashRequest>): Member | undefined {
    const members = [...this.#members];
    if (!this.#canStartWorkers || this.#isLittle(run)) {
      return members.find((member) => !member.isWorker) ?? this.#add(false);
    }
    const workers = members.filter((member) => member.isWorker);
    const idle = workers.find((member) => member.tasks.size === 0);
    if (idle !== undefined) return idle;
    if (workers.length < this.#workers) return this.#add(true);
    const most = this.#done.files === 0 ? LANES : FILES_AHEAD;
    return workers
      .filter(({ tasks, bytes }) =>
        tasks.size < most && (bytes < BYTES_AHEAD || tasks.size < LANES)
      )
      .sort((a, b) => a.bytes - b.bytes || a.tasks.size - b.tasks.size)[0];
  }

  /** True while so little was asked for that starting a worker takes longer than hashing it. */
  #isLittle(run: HashRun<HashRequest>): boolean {
    for (const member of this.#members) if (member.isWorker) return false;
    return this.#filesHere + run.queued <= FILES_HERE &&
      this.#bytesHere + run.queuedBytes(askedSizeOf) <= BYTES_HERE;
  }

  #add(isWorker: boolean): Member {
    const start = isWorker ? this.#startWorker : startHere;
    const member: Member = {
      thread: start({
        report: (report) => this.#take(member, report),
        died: (message) => this.#bury(member, message),
      }),
      isWorker,
      reported: false,
      tasks: new Map(),
      bytes: 0,
    };
    this.#members.add(member);
    return member;
  }

  #take(member: Member, report: HashReport): void {
    if (!this.#members.has(member)) return;
    member.reported = true;
    this.times.hashing += report.hashing;
    this.times.reading += report.reading;
    if (report.bytes > 0) this.#onBytes?.(report.bytes);
    const results: HashResult<HashRequest>[] = [];
    for (const { id, outcome } of readReport(report)) {
      const task = member.tasks.get(id);
      if (task === undefined) continue;
      member.tasks.delete(id);
      member.bytes -= task.bytes;
      this.#done.files++;
      if (outcome.ok) this.#done.bytes += outcome.size;
      results.push({ request: task.request, outcome });
    }
    this.#run?.deliver(results);
    this.#dispatch();
  }

  /** A thread has died: its files fail, unless it never began. */
  #bury(member: Member, message: string): void {
    if (!this.#members.delete(member)) return;
    const requests = Array.from(member.tasks.values(), ({ request }) => request);
    if (member.isWorker && !member.reported) {
      // A worker that can't even start: go on without workers rather than fail every file.
      this.#canStartWorkers = false;
      this.#run?.requeue(requests);
    } else {
      this.#run?.deliver(requests.map((request) => ({
        request,
        outcome: {
          ok: false,
          reason: "worker_died",
          message: `The thread that hashed it died: ${message}`,
        },
      })));
    }
    this.#dispatch();
  }

  /** Stops the threads whose work nobody waits for any more. */
  async #abandon(): Promise<void> {
    await this.#terminate(
      [...this.#members].filter((member) => member.tasks.size > 0),
    );
  }

  async #terminate(members: readonly Member[]): Promise<void> {
    for (const member of members) this.#members.delete(member);
    await Promise.all(members.map((member) => member.thread.terminate()));
  }
}

/** The size, from the file system where the scan does not know it: a few files may be huge. */
function askedSizeOf(request: HashRequest): number {
  if (request.size !== undefined && request.size >= 0) return request.size;
  try {
    return Deno.statSync(request.path).size;
  } catch {
    // The hash will find out why.
    return 0;
  }
}
