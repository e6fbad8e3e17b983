/** A site, a central store with scripted faults, and what a transfer needs between them. */

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import openFolder from "../../drivers/file.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { bytesSource, Store } from "../../src/storage/store.ts";
import { ConcurrencyLimit } from "../../src/transfer/concurrency_limit.ts";
import { MemoryBudget } from "../../src/transfer/memory_budget.ts";
import { type ResumeTokens, temporaryTokens } from "../../src/transfer/resume_tokens.ts";
import { type Delivery, type SendContext, sendFile } from "../../src/transfer/send_file.ts";
import { SharedHashing } from "../../src/hash/shared_hashing.ts";
import { localFiles, type SiteFiles } from "../../src/transfer/site_files.ts";
import type { Transfer } from "../../src/transfer/transfer.ts";
import openShelf from "../../testdata/drivers/shelf.ts";
import { FaultyDriver } from "../storage/faulty_driver.ts";

/** `file` verifies and keeps nothing, `shelf` behaves as a cloud store does. */
export type StoreKind = "file" | "shelf";

/** So that a file in parts need not be large. */
export const SMALL_SIZES = { oneRequestBytes: 8 * 1024, partBytes: 8 * 1024 };

export const STAMP = "20260101000000";
export const VERSION = "v1";

export function md5Hex(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Reproducible bytes. */
export function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed * 2654435761 >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Everything is below one temporary folder, removed at the end. */
export class Sending implements AsyncDisposable {
  readonly root: string;
  readonly driver: FaultyDriver;
  /** The central store as the program sees it: with faults. */
  readonly store: Store;
  /** The same place without faults: what is really there. */
  readonly truth: Store;
  readonly context: SendContext;
  readonly earlier = new Map<string, Set<string>>();
  readonly tokens: ResumeTokens = temporaryTokens();
  #fileId = 0;

  private constructor(root: string, real: Driver) {
    this.root = root;
    this.driver = new FaultyDriver(real);
    const retry = { firstPauseMs: 1, longestPauseMs: 2, maxWaitMs: 60 };
    this.store = new Store(this.driver, { location: "central", retry });
    this.truth = new Store(real, { location: "central" });
    this.context = {
      store: this.store,
      sites: new Map([["Images", this.site]]),
      earlierMd5s: ({ path }) => this.earlier.get(path) ?? new Set(),
      tokens: this.tokens,
      stamp: STAMP,
      limit: new ConcurrencyLimit(),
      memory: new MemoryBudget(96 * 1024 * 1024),
      hashing: new SharedHashing(),
      rate: undefined,
      onBytes: () => {},
      sizes: SMALL_SIZES,
    };
  }

  static async start(
    kind: StoreKind,
    options: { auth?: Record<string, string>; wrap?: (driver: Driver) => Driver } = {},
  ): Promise<Sending> {
    const root = await Deno.makeTempDir({ prefix: "sending-" });
    await Deno.mkdir(join(root, "site"));
    const location = kind === "file" ? join(root, "central") : `shelf://${root}/central.shelf`;
    const open = { location, auth: options.auth ?? {}, environment: {} };
    const real = kind === "file" ? openFolder(open) : await openShelf(open);
    return new Sending(root, options.wrap?.(real) ?? real);
  }

  get site(): SiteFiles {
    return localFiles(join(this.root, "site"), "posix");
  }

  sitePath(path: string): string {
    return join(this.root, "site", ...path.split("/"));
  }

  /** Writes a file at the site. */
  async write(path: string, bytes: Uint8Array): Promise<void> {
    await Deno.mkdir(dirname(this.sitePath(path)), { recursive: true });
    await Deno.writeFile(this.sitePath(path), bytes);
  }

  /** Writes a file and gives the transfer of its journaled row. */
  async journaled(path: string, bytes: Uint8Array): Promise<Transfer> {
    await this.write(path, bytes);
    const slash = path.lastIndexOf("/");
    return {
      fileId: ++this.#fileId,
      modality: "Images",
      version: VERSION,
      folder: slash === -1 ? "." : path.slice(0, slash),
      name: path.slice(slash + 1),
      path,
      centralKey: `${VERSION}/${path}`,
      size: bytes.length,
      md5: md5Hex(bytes),
    };
  }

  send(transfer: Transfer, signal?: AbortSignal): Promise<Delivery> {
    return sendFile(transfer, this.context, signal);
  }

  /** What is at a central path, undefined for nothing. */
  async central(key: string): Promise<Uint8Array | undefined> {
    if (await this.truth.stat(key) === undefined) return undefined;
    return (await this.truth.readAll(key, { maxBytes: 2 ** 30 })).bytes;
  }

  /** Puts something at a central path, past the faults. */
  async put(
    key: string,
    bytes: Uint8Array,
    metadata?: Record<string, string>,
  ): Promise<string> {
    return (await this.truth.write(key, bytesSource(bytes), { metadata })).etag;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await Deno.remove(this.root, { recursive: true });
  }
}

/** A driver's methods as an object that can be spread. */
export function methodsOf(driver: Driver): Driver {
  return {
    limits: driver.limits,
    traits: driver.traits,
    list: (prefix, options) => driver.list(prefix, options),
    stat: (key, options) => driver.stat(key, options),
    read: (key, options) => driver.read(key, options),
    write: (key, body, options) => driver.write(key, body, options),
    remove: (key, options) => driver.remove(key, options),
    classify: (error) => driver.classify(error),
  };
}
