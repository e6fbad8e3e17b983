/** Hashes files in this thread, several side by side. */

import { setImmediate } from "node:timers";
import { Buffers } from "./buffers.ts";
import {
  checkUnchanged,
  failureOf,
  type FileState,
  fileState,
  shortRead,
  unexpectedContent,
} from "./file_state.ts";
import type { HashFailure } from "./hash_result.ts";
import type { Md5Kernel, Segment } from "./kernel/md5_kernel.ts";
import { Latency } from "./latency.ts";
import { OpenFile, PADDING_BYTES } from "./open_file.ts";
import { readAhead, type ReadAheadHost } from "./read_ahead.ts";

/** Bytes that one synchronous read asks for: with twelve lanes little enough for the L2 cache. */
const PIECE = 64 * 1024;
const LANE_BYTES = PIECE + PADDING_BYTES;
/** From this size on, what is left of a file without company is read ahead. */
const READ_AHEAD_FROM = 4 * 1024 * 1024;
/** Files that are waited for at a time on a slow mount. */
const IN_FLIGHT = 48;
/** Buffers of those; the large ones for files that don't fit into a few small ones. */
const SMALL_BUFFER = 64 * 1024;
const SMALL_BUFFERS = 40;
const LARGE_BUFFER = 1024 * 1024;
const LARGE_BUFFERS = 8;
/** Longest time without looking for messages. */
const SLICE_MS = 5;

/** Takes the results; called between the reads, so it must be quick and must not throw. */
export interface HashSink {
  /** The file's digest is in `state`, which is reused afterwards. */
  hashed(
    id: number,
    state: Uint32Array,
    file: FileState,
    seconds: number,
  ): void;
  failed(id: number, failure: HashFailure): void;
  /** Called a few hundred times a second, and when nothing is left to do. */
  pause(idle: boolean): void;
}

/** Where a thread's time went, seconds since it began. */
export interface HashTimes {
  hashing: number;
  /** Opening and reading, where the thread had to wait for it. */
  reading: number;
}

/** Options of {@linkcode FileHasher}. */
export interface FileHasherOptions {
  /** Called after each read, for tests that change a file under way. */
  afterRead?: (path: string, bytesSoFar: number) => void;
  latency?: Latency;
}

interface QueuedFile {
  id: number;
  path: string;
  isFile: boolean;
}

/** A file that is read synchronously into a lane's own buffer. */
class LaneFile extends OpenFile {
  constructor(readonly address: number) {
    super();
  }
}

/** A segment of a file that is read asynchronously, and who waits for it to be hashed. */
interface Ready {
  segment: Segment;
  hashed: () => void;
}

/**
 * Hashes the files that it is given until none is left, keeping the kernel's lanes full.
 *
 * Where files open at once they are read synchronously, straight into the kernel's memory. On a
 * slow mount dozens of them are in flight instead. A large file that is left alone is read ahead
 * while it is hashed.
 */
export class FileHasher {
  /** Bytes read and hashed so far, of files that are not finished too. */
  bytes = 0;
  readonly times: HashTimes = { hashing: 0, reading: 0 };
  readonly #kernel: Md5Kernel;
  readonly #sink: HashSink;
  readonly #options: FileHasherOptions;
  readonly #latency: Latency;
  readonly #smallBuffers: Buffers;
  readonly #largeBuffers: Buffers;
  readonly #queue: QueuedFile[] = [];
  #next = 0;
  readonly #idleLanes: LaneFile[] = [];
  readonly #lanes: LaneFile[] = [];
  readonly #ready: Ready[] = [];
  readonly #host: ReadAheadHost;
  #inFlight = 0;
  #wake: (() => void) | undefined;
  #run: Promise<void> | undefined;
  #stopping = false;
  /** When the last lap ended, `performance.now()`. */
  #now = 0;
  /** A clock that runs the slower the more files are under way; seconds. */
  #share = 0;

  constructor(
    kernel: Md5Kernel,
    sink: HashSink,
    options: FileHasherOptions = {},
  ) {
    this.#kernel = kernel;
    this.#sink = sink;
    this.#options = options;
    this.#latency = options.latency ?? new Latency();
    for (let i = 0; i < kernel.lanes; i++) {
      this.#idleLanes.push(new LaneFile(kernel.reserve(LANE_BYTES)));
    }
    this.#host = {
      kernel,
      isStopping: () => this.#stopping,
      wasRead: (file, bytes) => this.#wasRead(file, bytes),
      hash: (segment) =>
        new Promise((resolve) => {
          this.#ready.push({ segment, hashed: resolve });
          this.#wake?.();
        }),
    };
    this.#smallBuffers = new Buffers(kernel, SMALL_BUFFER, SMALL_BUFFERS);
    this.#largeBuffers = new Buffers(kernel, LARGE_BUFFER, LARGE_BUFFERS);
  }

  /**
   * Queues a file; {@linkcode HashSink} hears of it under this id.
   *
   * @param isFile it is known to be a regular file, so it is opened without asking first
   */
  add(id: number, path: string, isFile = false): void {
    this.#queue.push({ id, path, isFile });
    this.#wake?.();
  }

  /** Works until nothing is queued; where it is at work already, that is what it returns. */
  run(): Promise<void> {
    return this.#run ??= this.#work().finally(() => this.#run = undefined);
  }

  /** Leaves everything where it is, without results, and gives its memory back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#queue.length = 0;
    this.#next = 0;
    this.#wake?.();
    await this.#run;
    for (const lane of [...this.#lanes.splice(0), ...this.#idleLanes.splice(0)]) {
      lane.close();
      this.#kernel.release(lane.address, LANE_BYTES);
    }
    this.#smallBuffers.release();
    this.#largeBuffers.release();
  }

  async #work(): Promise<void> {
    this.#lap();
    let sliceEnd = this.#now + SLICE_MS;
    while (this.#startFiles() || this.#inFlight > 0) {
      if (this.#stopping && this.#inFlight === 0) return;
      const segments = this.#segments();
      if (segments.length === 0) {
        this.#sink.pause(false);
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
        this.#lap();
        continue;
      }
      this.#kernel.run(segments);
      this.times.hashing += this.#lap();
      this.#endSegments();
      this.#readAheadTheLast();
      if (this.#now >= sliceEnd || this.#inFlight > 0 || this.#queued === 0) {
        this.#sink.pause(false);
        await new Promise<void>((resolve) => setImmediate(resolve));
        this.#lap();
        sliceEnd = this.#now + SLICE_MS;
      }
    }
    this.#sink.pause(true);
  }

  /** Seconds since the last lap; moves the share clock on. */
  #lap(): number {
    const now = performance.now();
    const seconds = (now - this.#now) / 1000;
    this.#now = now;
    this.#share += seconds / Math.max(1, this.#lanes.length + this.#inFlight);
    return seconds;
  }

  get #queued(): number {
    return this.#queue.length - this.#next;
  }

  #dequeue(): QueuedFile | undefined {
    const file = this.#queue[this.#next++];
    if (this.#next >= this.#queue.length) {
      this.#queue.length = 0;
      this.#next = 0;
    }
    return file;
  }

  /** Begins as many files as there is room for; false when no lane has anything to do. */
  #startFiles(): boolean {
    while (this.#queued > 0) {
      if (this.#latency.slow && !this.#latency.probeDue(this.#now)) {
        if (this.#inFlight >= IN_FLIGHT) break;
        const file = this.#dequeue();
        if (file !== undefined) this.#startInFlight(file);
      } else {
        const lane = this.#idleLanes.pop();
        if (lane === undefined) break;
        const file = this.#dequeue();
        if (file !== undefined) this.#startLane(lane, file);
      }
    }
    return this.#lanes.length > 0;
  }

  #segments(): Segment[] {
    const segments: Segment[] = [];
    for (const { segment } of this.#ready) segments.push(segment);
    for (const { segment } of this.#lanes) segments.push(segment);
    segments.length = Math.min(segments.length, this.#kernel.lanes);
    return segments;
  }

  #endSegments(): void {
    for (let i = this.#ready.length - 1; i >= 0; i--) {
      if (this.#ready[i].segment.blocks > 0) continue;
      this.#ready.splice(i, 1)[0].hashed();
    }
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i];
      if (lane.segment.blocks > 0) continue;
      if (lane.handle === undefined) {
        this.#succeed(lane);
        this.#removeLane(i);
      } else if (!this.#fill(lane)) {
        this.#removeLane(i);
      }
    }
  }

  #removeLane(index: number): void {
    this.#idleLanes.push(...this.#lanes.splice(index, 1));
  }

  #startLane(lane: LaneFile, file: QueuedFile): void {
    lane.begin(file, this.#share);
    const started = this.#attempt(lane, () => {
      // Opening a named pipe would wait for a writer.
      if (!file.isFile) fileState(Deno.statSync(file.path));
      lane.handle = Deno.openSync(file.path);
      lane.before = fileState(lane.handle.statSync());
      this.#readPiece(lane, lane.handle, lane.before);
    });
    const seconds = this.#lap();
    this.times.reading += seconds;
    this.#latency.add(1000 * seconds, this.#now);
    if (started) this.#lanes.push(lane);
    else this.#idleLanes.push(lane);
  }

  #fill(lane: LaneFile): boolean {
    const { handle, before } = lane;
    const filled = handle !== undefined && before !== undefined &&
      this.#attempt(lane, () => this.#readPiece(lane, handle, before));
    this.times.reading += this.#lap();
    return filled;
  }

  /** Runs a step; where it fails, the file is closed and reported. */
  #attempt(file: OpenFile, step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      file.close();
      this.#sink.failed(file.id, failureOf(error));
      return false;
    }
  }

  /** Reads the next piece into the lane's buffer; with the last one the file is done with. */
  #readPiece(lane: LaneFile, handle: Deno.FsFile, before: FileState): void {
    const wanted = Math.min(PIECE, before.size - lane.read);
    const { memory } = this.#kernel;
    let got = 0;
    while (got < wanted) {
      const n = handle.readSync(
        memory.subarray(lane.address + got, lane.address + wanted),
      );
      if (n === null) throw shortRead(before.size, lane.read + got);
      got += n;
    }
    lane.read += got;
    this.#wasRead(lane, got);
    lane.stage(this.#kernel, lane.address, got, before);
    if (lane.read < before.size) return;
    if (before.size === 0 && handle.readSync(new Uint8Array(1)) !== null) {
      throw unexpectedContent();
    }
    checkUnchanged(before, fileState(handle.statSync()));
    lane.close();
  }

  #succeed(file: OpenFile): void {
    if (file.before === undefined) return;
    this.#sink.hashed(file.id, file.segment.state, file.before, this.#share - file.began);
  }

  /** Reads what is left of a long file ahead, when so few are left that the thread would wait. */
  #readAheadTheLast(): void {
    if (this.#queued > 0 || this.#lanes.length > 2) return;
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i];
      const { handle, before } = lane;
      if (handle === undefined || before === undefined) continue;
      if (before.size - lane.read < READ_AHEAD_FROM) continue;
      // Only between two segments: the file moves to other buffers.
      if (lane.segment.blocks > 0) this.#kernel.run([lane.segment]);
      const file = new OpenFile();
      file.takeOver(lane);
      this.#removeLane(i);
      this.#track(file, () => this.#readRest(file, handle, before));
    }
  }

  #startInFlight(queued: QueuedFile): void {
    const file = new OpenFile();
    file.begin(queued, this.#share);
    this.#track(file, async () => {
      if (!queued.isFile) fileState(await Deno.stat(queued.path));
      const handle = await Deno.open(queued.path);
      file.handle = handle;
      const before = fileState(await handle.stat());
      file.before = before;
      await this.#readRest(file, handle, before);
    });
  }

  #track(file: OpenFile, work: () => Promise<void>): void {
    this.#inFlight++;
    work().then(
      () => this.#succeed(file),
      (error) => this.#sink.failed(file.id, failureOf(error)),
    ).finally(() => {
      file.close();
      this.#inFlight--;
      this.#wake?.();
    });
  }

  /** Reads what is left of a file and makes sure that it is what it was. */
  async #readRest(file: OpenFile, handle: Deno.FsFile, before: FileState): Promise<void> {
    const buffers = before.size - file.read > LARGE_BUFFER
      ? this.#largeBuffers
      : this.#smallBuffers;
    const pair = await buffers.take();
    try {
      await readAhead(this.#host, file, handle, before, pair);
    } finally {
      buffers.give(pair);
    }
    checkUnchanged(before, fileState(await handle.stat()));
  }

  #wasRead({ path, read }: OpenFile, bytes: number): void {
    this.bytes += bytes;
    this.#options.afterRead?.(path, read);
  }
}
