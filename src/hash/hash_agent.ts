/** One thread's side of the pool: takes jobs, sends reports. Also used without a thread. */

import { FileHasher, type FileHasherOptions, type HashSink } from "./file_hasher.ts";
import type { FileState } from "./file_state.ts";
import type { HashFailure, HashOutcome } from "./hash_result.ts";
import { toHex } from "./hex.ts";
import { md5Kernel } from "./kernel/md5_kernel.ts";

/** Files for a thread. */
export interface HashJob {
  /** Number of the first file; the others follow. */
  firstId: number;
  paths: readonly string[];
  /** All of them are known to be regular files. */
  areFiles: boolean;
}

/** What a thread has done since its last report; packed, since copying objects is slow. */
export interface HashReport {
  /** Numbers of the files hashed. */
  ids: Uint32Array<ArrayBuffer>;
  /** 16 bytes for each. */
  digests: Uint8Array<ArrayBuffer>;
  /** For each its size (bytes), modification time (milliseconds) and duration (seconds). */
  numbers: Float64Array<ArrayBuffer>;
  failures: readonly { id: number; failure: HashFailure }[];
  /** Bytes hashed, of files that are not finished too. */
  bytes: number;
  /** Seconds that went into hashing and into opening and reading. */
  hashing: number;
  reading: number;
}

/** A report goes out when so many results wait, */
const REPORT_FILES = 128;
/** or after so long when there is anything to report. */
const REPORT_MS = 50;

/** Collects results until they are worth a message. */
class ReportWriter implements HashSink {
  hasher: FileHasher | undefined;
  readonly #send: (report: HashReport) => void;
  #ids: number[] = [];
  #digests = new Uint8Array(16 * REPORT_FILES);
  #numbers: number[] = [];
  #failures: { id: number; failure: HashFailure }[] = [];
  #sentAt = 0;
  #bytes = 0;
  #hashing = 0;
  #reading = 0;

  constructor(send: (report: HashReport) => void) {
    this.#send = send;
  }

  hashed(id: number, state: Uint32Array, file: FileState, seconds: number): void {
    new Uint32Array(this.#digests.buffer).set(state, 4 * this.#ids.length);
    this.#ids.push(id);
    this.#numbers.push(file.size, file.mtimeMs, seconds);
    if (this.#ids.length === REPORT_FILES) this.#report();
  }

  failed(id: number, failure: HashFailure): void {
    this.#failures.push({ id, failure });
    if (this.#failures.length === REPORT_FILES) this.#report();
  }

  pause(idle: boolean): void {
    const waiting = this.#ids.length + this.#failures.length;
    const bytes = (this.hasher?.bytes ?? 0) - this.#bytes;
    if (waiting === 0 && bytes === 0) return;
    if (idle || performance.now() - this.#sentAt >= REPORT_MS) this.#report();
  }

  #report(): void {
    const { bytes, times } = this.hasher ??
      { bytes: 0, times: { hashing: 0, reading: 0 } };
    this.#send({
      ids: Uint32Array.from(this.#ids),
      digests: this.#digests.slice(0, 16 * this.#ids.length),
      numbers: Float64Array.from(this.#numbers),
      failures: this.#failures,
      bytes: bytes - this.#bytes,
      hashing: times.hashing - this.#hashing,
      reading: times.reading - this.#reading,
    });
    this.#ids = [];
    this.#numbers = [];
    this.#failures = [];
    this.#sentAt = performance.now();
    this.#bytes = bytes;
    this.#hashing = times.hashing;
    this.#reading = times.reading;
  }
}

/** Hashes jobs in this thread. */
export class HashAgent implements AsyncDisposable {
  readonly #hasher: FileHasher;

  /** @param send takes the reports; what they hold is theirs */
  constructor(send: (report: HashReport) => void, options: FileHasherOptions = {}) {
    const writer = new ReportWriter(send);
    this.#hasher = new FileHasher(md5Kernel, writer, options);
    writer.hasher = this.#hasher;
  }

  /** Queues a job. Settles when nothing is left to do. */
  take({ firstId, paths, areFiles }: HashJob): Promise<void> {
    let id = firstId;
    for (const path of paths) this.#hasher.add(id++, path, areFiles);
    return this.#hasher.run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#hasher[Symbol.asyncDispose]();
  }
}

/** The results that a report holds. */
export function* readReport(
  { ids, digests, numbers, failures }: HashReport,
): Generator<{ id: number; outcome: HashOutcome }, void, undefined> {
  for (let i = 0; i < ids.length; i++) {
    yield {
      id: ids[i],
      outcome: {
        ok: true,
        md5: toHex(digests.subarray(16 * i, 16 * i + 16)),
        size: numbers[3 * i],
        mtimeMs: numbers[3 * i + 1],
        seconds: numbers[3 * i + 2],
      },
    };
  }
  for (const { id, failure } of failures) yield { id, outcome: failure };
}
