/** Prints the bytes in use after 20,000 files and at the end. Run with `--v8-flags=--expose-gc`. */

import type { Driver } from "../../src/storage/driver.ts";
import { Store } from "../../src/storage/store.ts";
import { temporaryTokens } from "../../src/transfer/resume_tokens.ts";
import { sendAll } from "../../src/transfer/send_pool.ts";
import type { SiteFiles } from "../../src/transfer/site_files.ts";

const collect = (globalThis as unknown as { gc: () => void }).gc;
const total = Number(Deno.args[0]);
const bytes = new TextEncoder().encode("0123456789");
const md5 = "781e5e245d69b566979b86e28d23f2c7";

/** Takes everything in memory, where an object store would be. */
const driver: Driver = {
  limits: { maxKeyBytes: 1024, maxWriteBytes: Infinity, maxObjectBytes: Infinity },
  traits: { verifiesMd5: true, storesMd5: true, storesMetadata: true },
  async *list() {},
  stat: () => Promise.resolve(undefined),
  async *read() {},
  remove: () => Promise.resolve(),
  classify: () => ({ kind: "io" }),
  async write(_key, body) {
    for await (const _chunk of body);
    return { etag: "1", serviceMd5: Uint8Array.fromHex(md5) };
  },
};

const site: SiteFiles = {
  away: false,
  open: () =>
    Promise.resolve({
      size: bytes.length,
      read: (into: Uint8Array) => {
        into.set(bytes);
        return Promise.resolve(bytes.length);
      },
      rewind: () => Promise.resolve(),
      checkUnchanged: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};

function* plan() {
  for (let fileId = 0; fileId < total; fileId++) {
    const name = `${fileId}.dcm`;
    const path = `7/Images/${name}`;
    yield {
      fileId,
      modality: "Images",
      version: "v1",
      folder: "7/Images",
      name,
      path,
      centralKey: `v1/${path}`,
      size: bytes.length,
      md5,
    };
  }
}

function inUse(): number {
  collect();
  return Deno.memoryUsage().heapUsed;
}

let done = 0;
let early = 0;
const outcomes = sendAll(plan(), {
  store: new Store(driver, { location: "nowhere" }),
  sites: new Map([["Images", site]]),
  earlierMd5s: () => new Set(),
  tokens: temporaryTokens(),
  stamp: "20260101000000",
  signal: new AbortController().signal,
});
for await (const outcome of outcomes) {
  if (!outcome.ok) throw new Error(outcome.reason);
  if (++done === 20_000) early = inUse();
}
const text = JSON.stringify({ early, late: inUse() });
await new Blob([text]).stream().pipeTo(Deno.stdout.writable);
