/** The site's files as an upload reads them: from a local folder or from a store. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { Latency } from "../hash/latency.ts";
import { type PathSyntax, toLocalPath } from "../layout/local_path.ts";
import type { Store } from "../storage/store.ts";

/** Where a modality's files are. */
export interface SiteFiles {
  /**
   * Opens a file.
   *
   * @param path as in the journal: POSIX, relative to the modality's root
   * @throws ChorusError `source_changed` when it is gone, `io` when it can't be read;
   *   from a store also what {@linkcode Store} throws
   */
  open(path: string, signal?: AbortSignal): Promise<SiteFile>;
  /** True when the place does not answer and no file of it can be had for now. */
  readonly away: boolean;
}

/** One open file, read from its beginning to its end. */
export interface SiteFile extends AsyncDisposable {
  /** Bytes, at the time of opening. */
  readonly size: number;
  /**
   * Reads on.
   *
   * @param into filled as far as the file goes
   * @returns bytes read; less than `into` holds only at the end of the file
   * @throws ChorusError `source_changed`, `io`
   */
  read(into: Uint8Array): Promise<number>;
  /** Goes back to the first byte. */
  rewind(): Promise<void>;
  /**
   * Resolves when size and modification time are what they were at the opening.
   *
   * @throws ChorusError `source_changed`
   */
  checkUnchanged(): Promise<void>;
}

/** The remedy for every file that is no longer what the journal says. */
export const UPDATE_AGAIN = "Run `journal update` again, then upload.";

/** An error that says that a file is no longer what it was. */
export function sourceChanged(path: string, what: string): ChorusError {
  return new ChorusError("source_changed", `"${path}" ${what}.`, {
    subject: path,
    remedy: UPDATE_AGAIN,
  });
}

function gone(path: string): ChorusError {
  return sourceChanged(path, "is no longer there");
}

/** Reads up to this length are as quick as an open. Bytes. */
const SHORT_READ = 256 * 1024;

/**
 * Files of a local folder or mount.
 *
 * Synchronous calls cost a tenth of the processor time of asynchronous ones, but
 * nothing else happens meanwhile; so they are used while the mount answers them
 * within a fraction of a millisecond, measured all the time.
 *
 * @param root absolute
 * @param syntax of this machine's paths
 * @param latency tells fast from slow; for tests
 */
export function localFiles(
  root: string,
  syntax: PathSyntax,
  latency: Pick<Latency, "slow" | "probeDue" | "add"> = new Latency(),
): SiteFiles {
  return {
    away: false,
    async open(path) {
      const place = toLocalPath(root, path, syntax);
      const start = performance.now();
      const quick = !latency.slow || latency.probeDue(start);
      let file: Deno.FsFile | undefined;
      try {
        let info: Deno.FileInfo;
        // Asked before the opening: a named pipe would be waited for, by the whole process.
        if (quick) {
          requireFile(path, Deno.statSync(place));
          file = Deno.openSync(place);
          info = file.statSync();
          const end = performance.now();
          latency.add(end - start, end);
        } else {
          requireFile(path, await Deno.stat(place));
          file = await Deno.open(place);
          info = await file.stat();
        }
        requireFile(path, info);
        return new LocalFile(path, file, info, quick);
      } catch (error) {
        file?.close();
        throw localError(path, error);
      }
    },
  };
}

function requireFile(path: string, info: Deno.FileInfo): void {
  if (info.isFile) return;
  throw new ChorusError("io", `"${path}" is not a regular file.`, { subject: path });
}

class LocalFile implements SiteFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #before: Deno.FileInfo;
  readonly #quick: boolean;

  constructor(
    path: string,
    file: Deno.FsFile,
    info: Deno.FileInfo,
    quick: boolean,
  ) {
    this.#path = path;
    this.#file = file;
    this.#before = info;
    this.#quick = quick;
  }

  get size(): number {
    return this.#before.size;
  }

  async read(into: Uint8Array): Promise<number> {
    const quick = this.#quick && into.length <= SHORT_READ;
    let filled = 0;
    try {
      while (filled < into.length) {
        const rest = into.subarray(filled);
        const read = quick ? this.#file.readSync(rest) : await this.#file.read(rest);
        if (read === null) break;
        filled += read;
      }
    } catch (error) {
      throw localError(this.#path, error);
    }
    return filled;
  }

  async rewind(): Promise<void> {
    await this.#file.seek(0, Deno.SeekMode.Start);
  }

  async checkUnchanged(): Promise<void> {
    const after = this.#quick ? this.#file.statSync() : await this.#file.stat();
    if (
      after.size !== this.#before.size ||
      after.mtime?.getTime() !== this.#before.mtime?.getTime()
    ) throw sourceChanged(this.#path, "changed while it was read");
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    return Promise.resolve();
  }
}

/** A site's unreadable file is its own failure, so it is `io`: `permission` would stop the run. */
function localError(path: string, error: unknown): ChorusError {
  if (isChorusError(error)) return error;
  if (
    error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory
  ) return gone(path);
  const why = error instanceof Deno.errors.PermissionDenied
    ? "permission denied"
    : error instanceof Error
    ? error.message
    : String(error);
  return new ChorusError("io", `Can't read "${path}": ${why}.`, {
    subject: path,
    cause: error,
  });
}

/** Files of a store: a site whose data lie in the cloud. */
export function storedFiles(store: Store): SiteFiles {
  return {
    get away() {
      return store.serviceAway;
    },
    async open(path, signal) {
      const object = await store.stat(path, { signal });
      if (object === undefined) throw gone(path);
      return new StoredFile(store, path, object, signal);
    },
  };
}

class StoredFile implements SiteFile {
  readonly #store: Store;
  readonly #path: string;
  readonly #object: { etag: string; size: number };
  readonly #signal: AbortSignal | undefined;
  #chunks: AsyncGenerator<Uint8Array, void, void> | undefined;
  #rest: Uint8Array = new Uint8Array();

  constructor(
    store: Store,
    path: string,
    object: { etag: string; size: number },
    signal: AbortSignal | undefined,
  ) {
    this.#store = store;
    this.#path = path;
    this.#object = object;
    this.#signal = signal;
  }

  get size(): number {
    return this.#object.size;
  }

  async read(into: Uint8Array): Promise<number> {
    this.#chunks ??= this.#store.read(this.#path, {
      object: this.#object,
      signal: this.#signal,
    });
    let filled = 0;
    try {
      while (filled < into.length) {
        if (this.#rest.length === 0) {
          const next = await this.#chunks.next();
          if (next.done) break;
          this.#rest = next.value;
        }
        const taken = this.#rest.subarray(0, into.length - filled);
        into.set(taken, filled);
        filled += taken.length;
        this.#rest = this.#rest.subarray(taken.length);
      }
    } catch (error) {
      // Read under the ETag of the opening: what fails is the source's, not the target's.
      if (isChorusError(error, "precondition_failed")) {
        throw sourceChanged(this.#path, "changed while it was read");
      }
      if (isChorusError(error, "not_found")) throw gone(this.#path);
      throw error;
    }
    return filled;
  }

  async rewind(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = undefined;
    this.#rest = new Uint8Array();
    await chunks?.return();
  }

  /** Every byte was read on the condition that the ETag is the one of the opening. */
  checkUnchanged(): Promise<void> {
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rewind();
  }
}
