/** Site files whose reading is timed. */

import type { SiteFile, SiteFiles } from "./site_files.ts";

/** How long at least one of many overlapping steps was under way. */
export class BusyTime {
  #underWay = 0;
  #since = 0;
  #seconds = 0;
  readonly #now: () => number;

  /** @param now milliseconds from any fixed moment; for tests */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Seconds so far. */
  get seconds(): number {
    return this.#seconds + (this.#underWay > 0 ? (this.#now() - this.#since) / 1000 : 0);
  }

  /** Does a step, which counts until it is settled. */
  async during<T>(step: () => Promise<T>): Promise<T> {
    if (this.#underWay++ === 0) this.#since = this.#now();
    try {
      return await step();
    } finally {
      if (--this.#underWay === 0) this.#seconds += (this.#now() - this.#since) / 1000;
    }
  }
}

/** The same files; opening and reading them counts. */
export function measuredFiles(files: SiteFiles, reading: BusyTime): SiteFiles {
  return {
    get away() {
      return files.away;
    },
    open: (path, signal) =>
      reading.during(async () => new MeasuredFile(await files.open(path, signal), reading)),
  };
}

class MeasuredFile implements SiteFile {
  readonly #file: SiteFile;
  readonly #reading: BusyTime;

  constructor(file: SiteFile, reading: BusyTime) {
    this.#file = file;
    this.#reading = reading;
  }

  get size(): number {
    return this.#file.size;
  }

  read(into: Uint8Array): Promise<number> {
    return this.#reading.during(() => this.#file.read(into));
  }

  rewind(): Promise<void> {
    return this.#file.rewind();
  }

  checkUnchanged(): Promise<void> {
    return this.#file.checkUnchanged();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}
