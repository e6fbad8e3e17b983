/**
 * The suite that every storage driver passes: `testDriver` registers it for one
 * driver, directly and behind a prefix. Optional abilities are tested where the
 * driver has them; nothing else depends on the driver.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Driver, ListEntry, ObjectInfo } from "../../src/storage/driver.ts";
import { keyProblem } from "../../src/storage/object_key.ts";
import { testCopy } from "./copy_contract.ts";
import { testMultipart } from "./multipart_contract.ts";
import { ODD_NAMES } from "./odd_names.ts";
import { testReading } from "./reading_contract.ts";
import { testWriting } from "./writing_contract.ts";

/** An empty place of its own for one test. Disposing it removes everything. */
export interface EmptyPlace extends AsyncDisposable {
  /**
   * Opens a driver on this place; called several times for one place.
   *
   * @param prefix `""`, or what stands behind the place's own location, without slashes at its ends
   */
  open(prefix: string): Promise<Driver>;
}

/** What a driver has; a test sees to it that this is so. */
export interface ContractOptions {
  /** `Driver.copy`. */
  copy: boolean;
  /** `Driver.multipart`. */
  multipart: boolean;
  /** `DriverTraits.verifiesMd5`. */
  verifiesMd5: boolean;
  /** Skips everything, for a server that is absent. */
  ignore?: boolean;
  /** Objects of the paging test; over the service's page size shows paging. Default 60. */
  pagingObjects?: number;
}

/** What one test of the suite gets. */
export interface ContractTest {
  driver: Driver;
  /** Another driver on the same place and prefix, as another process would have. */
  another(): Promise<Driver>;
}

/** Registers one test of the suite for the driver, at each of its places. */
export type AddTest = (
  sentence: string,
  test: (context: ContractTest) => Promise<void>,
) => void;

/**
 * Registers the whole suite with `Deno.test`.
 *
 * @param name of the driver, for the tests' names
 * @param makePlace makes an empty place for each test
 */
export function testDriver(
  name: string,
  makePlace: () => Promise<EmptyPlace>,
  options: ContractOptions,
): void {
  for (const prefix of ["", "some/pre fix"]) {
    const where = prefix === "" ? name : `${name} behind a prefix`;
    const add: AddTest = (sentence, test) => {
      Deno.test({
        name: `${where}: ${sentence}`,
        ignore: options.ignore ?? false,
        fn: async () => {
          await using place = await makePlace();
          const opened: Driver[] = [];
          const open = async () => {
            const driver = await place.open(prefix);
            opened.push(driver);
            return driver;
          };
          try {
            await test({ driver: await open(), another: open });
          } finally {
            for (const driver of opened) await driver.close?.();
          }
        },
      });
    };
    add("the driver has the abilities that it is tested for", ({ driver }) => {
      assert.equal(driver.copy !== undefined, options.copy);
      assert.equal(driver.multipart !== undefined, options.multipart);
      assert.equal(driver.traits.verifiesMd5, options.verifiesMd5);
      return Promise.resolve();
    });
    testReading(add, options);
    testWriting(add, options);
    if (options.copy) testCopy(add);
    if (options.multipart) testMultipart(add);
  }
  testPrefixes(name, makePlace, options);
}

function testPrefixes(
  name: string,
  makePlace: () => Promise<EmptyPlace>,
  options: ContractOptions,
): void {
  Deno.test({
    name: `${name}: a driver behind a prefix sees only what lies below it`,
    ignore: options.ignore ?? false,
    fn: async () => {
      await using place = await makePlace();
      const outer = await place.open("");
      const inner = await place.open("in/ner");
      await put(outer, "in/nerd", "beside");
      await put(outer, "outside", "outside");
      await put(inner, "a", "inside");
      assert.equal(await get(outer, "in/ner/a"), "inside");
      assert.deepEqual(await keysOf(inner), ["a"]);
      await put(outer, "in/ner/b/c", "from outside");
      assert.deepEqual(await keysOf(inner), ["a", "b/c"]);
      assert.equal(await inner.stat("outside", {}), undefined);
      await inner.close?.();
      await outer.close?.();
    },
  });
}

/** Bytes of a text, or bytes. */
export function bytesOf(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
}

/** Bytes that look random and are the same each time. */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** MD5, 16 bytes. */
export function md5Of(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("md5").update(content).digest());
}

/** A body in chunks. */
export async function* bodyOf(
  content: string | Uint8Array,
  chunkBytes = 64 * 1024,
): AsyncGenerator<Uint8Array, void, void> {
  const bytes = bytesOf(content);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield bytes.slice(at, at + chunkBytes);
  }
}

/** Writes an object with its MD5. */
export async function put(
  driver: Driver,
  key: string,
  content: string | Uint8Array,
  options: Partial<Parameters<Driver["write"]>[2]> = {},
): Promise<{ etag: string; serviceMd5?: Uint8Array }> {
  return await driver.write(key, bodyOf(content), {
    size: bytesOf(content).length,
    md5: md5Of(content),
    ...options,
  });
}

/** Reads an object as bytes. */
export async function getBytes(
  driver: Driver,
  key: string,
  options: Parameters<Driver["read"]>[1] = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of driver.read(key, options)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** Reads an object as text. */
export async function get(driver: Driver, key: string): Promise<string> {
  return new TextDecoder().decode(await getBytes(driver, key));
}

/** The entries of a listing, marks left out. */
export async function entriesOf(
  driver: Driver,
  prefix: string,
  options: Parameters<Driver["list"]>[1],
): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  for await (const entry of driver.list(prefix, options)) {
    if (entry.kind !== "mark") entries.push(entry);
  }
  return entries;
}

/** The keys of all objects, sorted; empty when the place itself is missing. */
export async function keysOf(driver: Driver, prefix = ""): Promise<string[]> {
  try {
    const entries = await entriesOf(driver, prefix, { recursive: true });
    return entries.map((entry) => {
      assert.equal(entry.kind, "object");
      return keyOf(entry);
    }).sort();
  } catch (error) {
    if (driver.classify(error).kind === "not_found") return [];
    throw error;
  }
}

/** The key of an object or a folder. */
export function keyOf(entry: ListEntry): string {
  if (entry.kind === "object") return entry.object.key;
  assert.equal(entry.kind, "folder");
  return entry.kind === "folder" ? entry.key : "";
}

/** The object, which must be there. */
export async function mustStat(
  driver: Driver,
  key: string,
): Promise<ObjectInfo> {
  const object = await driver.stat(key, {});
  assert.ok(object, `${key} is missing`);
  return object;
}

/** Fails unless the promise rejects with an error that the driver classifies so. */
export async function assertKind(
  driver: Driver,
  kind: string,
  promise: Promise<unknown>,
): Promise<void> {
  const error = await rejection(promise);
  const failure = driver.classify(error);
  assert.equal(failure.kind, kind, `${error} was classified as ${failure.kind}`);
}

/** What a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  assert.fail(`expected a rejection, got ${JSON.stringify(value)}`);
}

/** Odd names that this driver says it can hold. */
export function namesFor(driver: Driver): string[] {
  return ODD_NAMES.filter((name) =>
    keyProblem(name, driver.limits) === undefined &&
    driver.keyProblem?.(name) === undefined
  );
}
