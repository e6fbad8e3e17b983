/** Writing, copying and removing files so that a name never holds half a file. */

import { basename, dirname } from "node:path";
import type {
  Condition,
  CopyOptions,
  WriteOptions,
  WriteResult,
} from "../../src/storage/driver.ts";
import { FileFailure } from "./failure.ts";
import { Folders, syncFolder } from "./folders.ts";
import { etagOf } from "./object_info.ts";
import { companionNames } from "./own_names.ts";
import { publish, removeFile, type Surroundings } from "./publish.ts";
import type { Spelling } from "./spelling.ts";
import { removeIfThere, SYSTEM_CALLS, type SystemCalls } from "./system_calls.ts";
import { createTemporaryFile } from "./temporary_file.ts";

/** Changes below one root folder. */
export class FileWriter {
  readonly #folders: Folders;
  readonly #pathOf: (key: string) => string;
  readonly #around: Surroundings;

  /**
   * @param root the store's folder, absolute
   * @param pathOf the file of a key
   * @param spelling of the root's file system
   * @param calls replaced by tests
   */
  constructor(
    root: string,
    pathOf: (key: string) => string,
    spelling: Spelling,
    calls: SystemCalls = SYSTEM_CALLS,
  ) {
    this.#folders = new Folders(root, spelling);
    this.#pathOf = pathOf;
    this.#around = { calls, spelling };
  }

  /** See {@linkcode Driver.write}. */
  async write(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<WriteResult> {
    const { size, condition, signal } = options;
    return await this.#put(key, { condition, signal }, async (file) => {
      let written = 0;
      for await (const chunk of body) {
        signal?.throwIfAborted();
        await writeAll(file, chunk);
        written += chunk.length;
      }
      signal?.throwIfAborted();
      if (written !== size) {
        throw new FileFailure(
          "io",
          `the content has ${written} bytes, announced were ${size}`,
        );
      }
    });
  }

  /** See {@linkcode Driver.copy}. Metadata have no place here. */
  async copy(
    from: string,
    to: string,
    options: CopyOptions,
  ): Promise<WriteResult> {
    const { condition, sourceIfMatch, signal } = options;
    using source = await Deno.open(this.#pathOf(from), { read: true });
    const before = await source.stat();
    if (!before.isFile) throw new FileFailure("not_found", "it is no file");
    const etag = etagOf(before);
    if (sourceIfMatch !== undefined && etag !== sourceIfMatch) throw replaced();
    return await this.#put(to, { condition, signal }, async (file) => {
      const buffer = new Uint8Array(1024 * 1024);
      for (;;) {
        signal?.throwIfAborted();
        const count = await source.read(buffer);
        if (count === null) break;
        await writeAll(file, buffer.subarray(0, count));
      }
      if (etagOf(await source.stat()) !== etag) throw replaced();
    });
  }

  /** See {@linkcode Driver.remove}. */
  async remove(
    key: string,
    options: { ifMatch?: string; signal?: AbortSignal },
  ): Promise<void> {
    const target = this.#pathOf(key);
    const folder = dirname(target);
    try {
      await this.#folders.requireInside(folder);
      const names = companionNames(basename(target));
      await removeFile(target, names, options, this.#around);
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      if (!missing || options.ifMatch === undefined) throw error;
      throw new FileFailure("precondition_failed", "the file is gone");
    }
    await syncFolder(folder);
  }

  async #put(
    key: string,
    options: { condition?: Condition; signal?: AbortSignal },
    fill: (file: Deno.FsFile) => Promise<void>,
  ): Promise<WriteResult> {
    const target = this.#pathOf(key);
    const folder = dirname(target);
    const names = companionNames(basename(target));
    await this.#folders.ensure(folder);
    let temporary;
    try {
      temporary = await createTemporaryFile(folder, names, this.#around.calls);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#folders.forget(folder);
      await this.#folders.ensure(folder);
      temporary = await createTemporaryFile(folder, names, this.#around.calls);
    }
    using file = temporary.file;
    let etag: string;
    try {
      await fill(file);
      await file.sync();
      const { condition, signal } = options;
      etag = await publish({ target, names, temporary, condition, signal }, this.#around);
    } catch (error) {
      await removeIfThere(temporary.path).catch(() => {});
      throw error;
    }
    await syncFolder(folder);
    return { etag };
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    rest = rest.subarray(await file.write(rest));
  }
}

function replaced(): FileFailure {
  return new FileFailure(
    "precondition_failed",
    "the source is no longer the one that was looked up",
  );
}
