/** Prints the bytes in use after verifying 10,000 and 60,000 files. Run with `--v8-flags=--expose-gc`. */

import type { JournalRow } from "../../src/journal/journal_row.ts";
import { compilePattern } from "../../src/layout/pattern.ts";
import type { Driver, ListEntry } from "../../src/storage/driver.ts";
import { Store } from "../../src/storage/store.ts";
import { verifyVersion } from "../../src/verify/verify_version.ts";

const collect = (globalThis as unknown as { gc: () => void }).gc;
const md5 = "781e5e245d69b566979b86e28d23f2c7";

function rowOf(i: number): JournalRow {
  return {
    fileId: i + 1,
    personId: null,
    folder: `p${i % 1000}/Images`,
    name: `${i}.dcm`,
    modality: "Images",
    mtimeUs: 1,
    size: 10,
    md5,
    validUs: 1,
    invalidUs: null,
    uploaded: "20260101000000",
    version: "v1",
  };
}

function* pages(total: number): Generator<JournalRow[]> {
  for (let i = 0; i < total; i += 1000) {
    yield Array.from({ length: 1000 }, (_, k) => rowOf(i + k));
  }
}

/** Lists one object more than there are rows, in another order than theirs. */
function storeOf(total: number): Store {
  const object = (key: string): ListEntry => ({
    kind: "object",
    object: { key, size: 10, etag: "1", modifiedMs: 1, md5: Uint8Array.fromHex(md5) },
  });
  const driver: Driver = {
    limits: { maxKeyBytes: 1024, maxWriteBytes: Infinity, maxObjectBytes: Infinity },
    traits: { verifiesMd5: true, storesMd5: true, storesMetadata: true },
    async *list() {
      for (let i = total - 1; i >= 0; i--) yield object(`v1/p${i % 1000}/Images/${i}.dcm`);
      yield object("v1/stranger");
    },
    stat: () => Promise.resolve(undefined),
    async *read() {},
    write: () => Promise.reject(new Error("not to be called")),
    remove: () => Promise.reject(new Error("not to be called")),
    classify: () => ({ kind: "io" }),
  };
  return new Store(driver, { location: "nowhere" });
}

const layouts = new Map([["Images", {
  modality: "Images",
  pattern: compilePattern("{patient_id:w}/Images/{filepath}"),
  patientFirst: true,
}]]);

/** Bytes in use in the middle of the results. */
async function inUse(total: number): Promise<number> {
  let equal = 0;
  let bytes = 0;
  const items = verifyVersion({
    store: storeOf(total),
    version: "v1",
    layouts,
    uploadedRows: () => pages(total),
    allRows: () => pages(total),
  });
  for await (const item of items) {
    if (item.kind === "file" && item.result === "equal") equal++;
    if (equal === total / 2 && bytes === 0) {
      collect();
      bytes = Deno.memoryUsage().heapUsed;
    }
  }
  if (equal !== total) throw new Error(`${equal} of ${total} are equal`);
  return bytes;
}

await inUse(1000);
const text = JSON.stringify({ early: await inUse(10_000), late: await inUse(60_000) });
await new Blob([text]).stream().pipeTo(Deno.stdout.writable);
