/**
 * A sample driver, as a third party would write one: a folder that behaves like
 * an object store. One file per object holds its content, its metadata and its
 * MD5; many processes may work on it at once and may be killed at any moment.
 *
 *     [drivers]
 *     shelf = "./testdata/drivers/shelf.ts"
 *
 * `shelf:///srv/data.shelf/some/prefix`: the part that ends in `.shelf` is the
 * store's folder, the rest is the prefix. For tests, the credential
 * `shelf_max_write_bytes` lowers the largest single write, so that parts are used.
 */

import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import type {
  Condition,
  CopyOptions,
  Driver,
  DriverOptions,
  Failure,
  FailureKind,
  ListEntry,
  ListOptions,
  MultipartBeginOptions,
  MultipartUpload,
  ObjectInfo,
  ReadOptions,
  WriteOptions,
  WriteResult,
} from "../../src/storage/driver.ts";

/** Entries between two marks of a listing. */
const PAGE = 200;
const CHUNK_BYTES = 1024 * 1024;
const FOOTER_BYTES = 8;
const encoder = new TextEncoder();

/** What stands behind the content in an object's file; its own length follows. */
interface Label {
  key: string;
  size: number;
  etag: string;
  modifiedMs: number;
  /** Hex. */
  md5: string;
  metadata: Record<string, string>;
}

class ShelfError extends Error {
  constructor(readonly failure: Failure) {
    super(failure.message ?? failure.kind);
  }
}

function fail(kind: FailureKind, message: string): never {
  throw new ShelfError({ kind, message });
}

/** Opens a shelf; its folder is created when it is missing, the one above is not. */
export default async function openShelf(
  { location, auth }: DriverOptions,
): Promise<Driver> {
  const path = location.replace(/^shelf:\/\//, "").replace(/\/+$/, "");
  const [, folder = path, prefix = ""] = /^(.*?\.shelf)(?:\/(.*))?$/.exec(path) ?? [];
  const shelf = new Shelf(folder, prefix === "" ? "" : `${prefix}/`);
  try {
    await shelf.prepare();
  } catch (error) {
    throw Object.assign(
      new Error(`can't open ${folder}`, { cause: error }),
      { failure: classify(error) },
    );
  }
  return shelf.driver(Number(auth.shelf_max_write_bytes ?? Infinity));
}

function classify(error: unknown): Failure {
  if (error instanceof ShelfError) return error.failure;
  if (error instanceof Deno.errors.NotFound) return { kind: "not_found" };
  if (error instanceof Deno.errors.PermissionDenied) {
    return { kind: "permission" };
  }
  const full = error instanceof Error && "code" in error &&
    error.code === "ENOSPC";
  return { kind: full ? "disk_full" : "io" };
}

class Shelf {
  readonly #folder: string;
  readonly #prefix: string;
  readonly #objects: string;
  readonly #staging: string;
  readonly #parts: string;

  constructor(folder: string, prefix: string) {
    this.#folder = folder;
    this.#prefix = prefix;
    this.#objects = join(folder, "objects");
    this.#staging = join(folder, "staging");
    this.#parts = join(folder, "parts");
  }

  driver(maxWriteBytes: number): Driver {
    return {
      limits: {
        maxKeyBytes: 1024 - encoder.encode(this.#prefix).length,
        maxWriteBytes,
        maxObjectBytes: Infinity,
      },
      traits: { verifiesMd5: true, storesMd5: true, storesMetadata: true },
      classify,
      list: (prefix, options) => this.#list(prefix, options),
      stat: (key) => this.#stat(key),
      read: (key, options) => this.#read(key, options),
      write: (key, body, options) => this.#write(key, body, options),
      remove: (key, options) => this.#remove(key, options.ifMatch),
      copy: (from, to, options) => this.#copy(from, to, options),
      multipart: {
        minPartBytes: 1,
        maxPartBytes: 64 * 1024 * 1024,
        maxParts: 10_000,
        begin: (key, options) => this.#beginParts(key, options),
      },
    };
  }

  /** Makes the folders and clears away what killed processes left. */
  async prepare(): Promise<void> {
    await Deno.mkdir(this.#folder).catch(unless(Deno.errors.AlreadyExists));
    for (const folder of [this.#objects, this.#staging, this.#parts]) {
      await Deno.mkdir(folder, { recursive: true });
    }
    using _lock = await this.#lock();
    for await (const { name } of Deno.readDir(this.#staging)) {
      const path = join(this.#staging, name);
      // Its writer may have published it by now.
      using file = await Deno.open(path, { write: true })
        .catch(unless(Deno.errors.NotFound));
      // A living writer holds the lock of its file.
      if (await file?.tryLock(true)) {
        await Deno.remove(path).catch(unless(Deno.errors.NotFound));
      }
    }
  }

  /** One change at a time, in all processes; the system frees the lock of a dead one. */
  async #lock(): Promise<Disposable> {
    const file = await Deno.open(join(this.#folder, "lock"), {
      write: true,
      create: true,
    });
    await file.lock(true);
    return { [Symbol.dispose]: () => file.close() };
  }

  #pathOf(key: string): string {
    return join(this.#objects, sha256(this.#prefix + key));
  }

  async #stat(key: string): Promise<ObjectInfo | undefined> {
    const opened = await openObject(this.#pathOf(key));
    if (opened === undefined) return undefined;
    opened.file.close();
    return this.#info(opened.label);
  }

  #info(label: Label): ObjectInfo {
    return {
      key: label.key.slice(this.#prefix.length),
      size: label.size,
      etag: label.etag,
      modifiedMs: label.modifiedMs,
      md5: new Uint8Array(Uint8Array.fromHex(label.md5)),
      metadata: label.metadata,
    };
  }

  async *#list(
    prefix: string,
    { recursive, from, signal }: ListOptions,
  ): AsyncGenerator<ListEntry, void, void> {
    const below = this.#prefix + prefix;
    const objects: ObjectInfo[] = [];
    for await (const { name } of Deno.readDir(this.#objects)) {
      signal?.throwIfAborted();
      const opened = await openObject(join(this.#objects, name));
      opened?.file.close();
      if (opened?.label.key.startsWith(below)) {
        objects.push(this.#info(opened.label));
      }
    }
    objects.sort((a, b) => a.key < b.key ? -1 : 1);
    let given = 0;
    let last: string | undefined;
    for (const object of objects) {
      const slash = recursive ? -1 : object.key.indexOf("/", prefix.length);
      const key = slash === -1 ? object.key : object.key.slice(0, slash + 1);
      if (key === last || (from !== undefined && key <= from)) continue;
      last = key;
      signal?.throwIfAborted();
      yield slash === -1 ? { kind: "object", object } : { kind: "folder", key };
      if (++given % PAGE === 0) yield { kind: "mark", token: key };
    }
  }

  async *#read(
    key: string,
    { offset = 0, length = Infinity, ifMatch, signal }: ReadOptions,
  ): AsyncGenerator<Uint8Array, void, void> {
    const opened = await openObject(this.#pathOf(key));
    if (opened === undefined) fail("not_found", "it is not on the shelf");
    using file = opened.file;
    const { label } = opened;
    if (ifMatch !== undefined && label.etag !== ifMatch) {
      fail("precondition_failed", "it has another ETag");
    }
    await file.seek(offset, Deno.SeekMode.Start);
    let left = Math.min(length, label.size - offset);
    while (left > 0) {
      signal?.throwIfAborted();
      const chunk = new Uint8Array(Math.min(left, CHUNK_BYTES));
      const count = await file.read(chunk);
      if (count === null) fail("io", "its file is too short");
      left -= count;
      yield chunk.subarray(0, count);
    }
  }

  async #write(
    key: string,
    body: AsyncIterable<Uint8Array>,
    { size, md5, condition, metadata, signal }: WriteOptions,
  ): Promise<WriteResult> {
    return await this.#stage(key, condition, async (staged) => {
      for await (const chunk of body) {
        signal?.throwIfAborted();
        await staged.add(chunk);
      }
      signal?.throwIfAborted();
      return staged.proven(size, md5, metadata ?? {});
    });
  }

  async #copy(
    from: string,
    to: string,
    { sourceIfMatch, condition, metadata, signal }: CopyOptions,
  ): Promise<WriteResult> {
    const source = await this.#stat(from);
    if (source === undefined) fail("not_found", "the source is not there");
    const ifMatch = sourceIfMatch ?? source.etag;
    return await this.#stage(to, condition, async (staged) => {
      for await (const chunk of this.#read(from, { ifMatch, signal })) {
        await staged.add(chunk);
      }
      return staged.proven(
        source.size,
        source.md5,
        metadata ?? { ...source.metadata },
      );
    });
  }

  async #remove(key: string, ifMatch: string | undefined): Promise<void> {
    using _lock = await this.#lock();
    const present = await this.#stat(key);
    if (ifMatch !== undefined && present?.etag !== ifMatch) {
      fail("precondition_failed", "it has another ETag, or is gone");
    }
    if (present === undefined) fail("not_found", "it is not on the shelf");
    await Deno.remove(this.#pathOf(key));
  }

  /** Fills a new file, then puts it in its place if the condition holds. */
  async #stage(
    key: string,
    condition: Condition | undefined,
    fill: (staged: Staged) => Promise<Omit<Label, "key" | "etag">>,
  ): Promise<WriteResult> {
    // Early, so that a repeated commit learns of its success.
    this.#require(condition, await this.#stat(key));
    const path = join(this.#staging, randomUUID());
    using file = await this.#openStaged(path);
    try {
      const contents = await fill(new Staged(file));
      const etag = randomUUID();
      const label: Label = { ...contents, key: this.#prefix + key, etag };
      const text = encoder.encode(JSON.stringify(label));
      const footer = new Uint8Array(FOOTER_BYTES);
      new DataView(footer.buffer).setUint32(0, text.length);
      await writeAll(file, text);
      await writeAll(file, footer);
      await file.sync();
      using _lock = await this.#lock();
      this.#require(condition, await this.#stat(key));
      await Deno.rename(path, this.#pathOf(key));
      return { etag, serviceMd5: Uint8Array.fromHex(label.md5) };
    } catch (error) {
      await Deno.remove(path).catch(unless(Deno.errors.NotFound));
      throw error;
    }
  }

  #require(
    condition: Condition | undefined,
    present: ObjectInfo | undefined,
  ): void {
    if (condition === undefined) return;
    if ("ifAbsent" in condition) {
      if (present) fail("already_exists", "it is on the shelf already");
    } else if (present?.etag !== condition.ifMatch) {
      fail("precondition_failed", "it has another ETag, or is gone");
    }
  }

  /** Under the shelf's lock, so that `prepare` never sees it unlocked. */
  async #openStaged(path: string): Promise<Deno.FsFile> {
    using _lock = await this.#lock();
    const file = await Deno.open(path, { write: true, createNew: true });
    await file.lock(true);
    return file;
  }

  async #beginParts(
    key: string,
    { size, partBytes, md5, metadata }: MultipartBeginOptions,
  ): Promise<MultipartUpload> {
    const token = sha256(`${size} ${partBytes} ${md5.toHex()}`).slice(0, 16);
    const ofKey = join(this.#parts, sha256(this.#prefix + key));
    const folder = join(ofKey, token);
    await Deno.mkdir(folder, { recursive: true });
    for await (const { name } of Deno.readDir(ofKey)) {
      if (name !== token) {
        await Deno.remove(join(ofKey, name), { recursive: true });
      }
    }
    const held = new Map<number, Uint8Array>();
    for await (const { name } of Deno.readDir(folder)) {
      const [, index, digest] = /^(\d+)-([0-9a-f]{32})$/.exec(name) ?? [];
      if (digest !== undefined) {
        held.set(Number(index), Uint8Array.fromHex(digest));
      }
    }
    const names = new Map(
      [...held].map(([index, digest]) => [index, `${index}-${digest.toHex()}`]),
    );
    const remove = () => Deno.remove(ofKey, { recursive: true });
    return {
      token,
      held,
      put: async (index, bytes, digest, signal) => {
        signal?.throwIfAborted();
        if (!createHash("md5").update(bytes).digest().equals(digest)) {
          fail("digest_mismatch", "the part's MD5 is another one");
        }
        const before = names.get(index);
        const name = `${index}-${digest.toHex()}`;
        const staged = join(folder, `${randomUUID()}.tmp`);
        await Deno.writeFile(staged, bytes);
        await Deno.rename(staged, join(folder, name));
        if (before !== undefined && before !== name) {
          await Deno.remove(join(folder, before));
        }
        names.set(index, name);
      },
      commit: async (count, condition, signal) => {
        const result = await this.#stage(key, condition, async (staged) => {
          for (let index = 0; index < count; index++) {
            signal?.throwIfAborted();
            const name = names.get(index);
            if (name === undefined) fail("io", `part ${index} is missing`);
            await staged.add(await Deno.readFile(join(folder, name)));
          }
          return staged.proven(size, md5, metadata ?? {});
        });
        await remove();
        return result;
      },
      abort: async () => {
        await remove().catch(unless(Deno.errors.NotFound));
      },
    };
  }
}

/** A file being filled, with the MD5 of what went in. */
class Staged {
  readonly #file: Deno.FsFile;
  readonly #md5 = createHash("md5");
  #size = 0;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.#md5.update(chunk);
    this.#size += chunk.length;
    await writeAll(this.#file, chunk);
  }

  /** The label's contents, if the content is the announced one. */
  proven(
    size: number,
    expected: Uint8Array | undefined,
    metadata: Readonly<Record<string, string>>,
  ): Omit<Label, "key" | "etag"> {
    if (this.#size !== size) {
      fail("io", `${this.#size} bytes came, announced were ${size}`);
    }
    const md5 = this.#md5.digest();
    if (expected !== undefined && !md5.equals(expected)) {
      fail("digest_mismatch", "the content's MD5 is another one");
    }
    return {
      size,
      md5: md5.toString("hex"),
      metadata,
      modifiedMs: Date.now(),
    };
  }
}

/** The open file of an object with its label, undefined when there is none. */
async function openObject(
  path: string,
): Promise<{ file: Deno.FsFile; label: Label } | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const footer = await readAt(file, size - FOOTER_BYTES, FOOTER_BYTES);
    const length = new DataView(footer.buffer).getUint32(0);
    const text = await readAt(file, size - FOOTER_BYTES - length, length);
    return { file, label: JSON.parse(new TextDecoder().decode(text)) };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function readAt(
  file: Deno.FsFile,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let done = 0; done < length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) fail("io", "its file is too short");
    done += count;
  }
  return bytes;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    rest = rest.subarray(await file.write(rest));
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** For `catch`: swallows one class of error. */
function unless(expected: new (message: string) => Error) {
  return (error: unknown): undefined => {
    if (!(error instanceof expected)) throw error;
    return undefined;
  };
}
