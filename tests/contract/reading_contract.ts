/** What every driver owes to list, stat and read. */

import assert from "node:assert/strict";
import {
  type AddTest,
  assertKind,
  type ContractOptions,
  entriesOf,
  get,
  getBytes,
  keyOf,
  keysOf,
  md5Of,
  mustStat,
  namesFor,
  noise,
  put,
} from "./driver_contract.ts";

export function testReading(add: AddTest, options: ContractOptions): void {
  add("stat, list and read agree on what was written", async ({ driver }) => {
    const before = Date.now();
    const { etag } = await put(driver, "a/b.dat", "content");
    const object = await mustStat(driver, "a/b.dat");
    assert.equal(object.key, "a/b.dat");
    assert.equal(object.size, 7);
    assert.equal(object.etag, etag);
    // Services keep whole seconds, and their clock is their own.
    assert.ok(Math.abs(object.modifiedMs - before) < 60_000);
    assert.equal(await get(driver, "a/b.dat"), "content");
    const [entry, ...others] = await entriesOf(driver, "", { recursive: true });
    assert.deepEqual(others, []);
    assert.ok(entry?.kind === "object");
    assert.equal(entry.object.key, "a/b.dat");
    assert.equal(entry.object.size, 7);
    assert.equal(entry.object.etag, etag);
    assert.equal(entry.object.modifiedMs, object.modifiedMs);
  });

  add(
    "an object that is not there is undefined for stat and not_found for read",
    async ({ driver }) => {
      await put(driver, "folder/object", "x");
      assert.equal(await driver.stat("missing", {}), undefined);
      assert.equal(await driver.stat("folder/missing", {}), undefined);
      assert.equal(await driver.stat("folder", {}), undefined);
      assert.equal(await driver.stat("folder/object/below", {}), undefined);
      await assertKind(driver, "not_found", get(driver, "missing"));
    },
  );

  add("an empty object is an object", async ({ driver }) => {
    await put(driver, "empty", "");
    assert.equal((await mustStat(driver, "empty")).size, 0);
    assert.equal(await get(driver, "empty"), "");
    assert.deepEqual(await keysOf(driver), ["empty"]);
  });

  add("any range of an object can be read, in chunks that may be kept", async ({ driver }) => {
    const content = noise(2_500_000);
    await put(driver, "large", content);
    assert.ok(Buffer.from(await getBytes(driver, "large")).equals(content));
    for (
      const [offset, length] of [
        [0, 1],
        [1, 1],
        [2_499_999, 1],
        [0, 2_500_000],
        [1_048_575, 2],
        [1_048_576, 1_048_576],
        [123_456, undefined],
        [2_499_000, 1_000],
      ] as const
    ) {
      const part = await getBytes(driver, "large", {
        offset,
        ...(length === undefined ? {} : { length }),
      });
      const end = length === undefined ? undefined : offset + length;
      assert.ok(
        Buffer.from(part).equals(content.subarray(offset, end)),
        `range ${offset}+${length}`,
      );
    }
  });

  add("reading on condition fails when the object was replaced", async ({ driver }) => {
    const { etag } = await put(driver, "x", "one");
    assert.equal((await getBytes(driver, "x", { ifMatch: etag })).length, 3);
    await put(driver, "x", "other");
    let given = 0;
    const read = async () => {
      for await (const chunk of driver.read("x", { ifMatch: etag })) given += chunk.length;
    };
    await assertKind(driver, "precondition_failed", read());
    assert.equal(given, 0);
  });

  add("a reader may stop early", async ({ driver }) => {
    await put(driver, "large", noise(3_000_000));
    for await (const chunk of driver.read("large", {})) {
      assert.ok(chunk.length > 0);
      break;
    }
    assert.equal((await mustStat(driver, "large")).size, 3_000_000);
  });

  add("an aborted signal ends reading and listing", async ({ driver }) => {
    await put(driver, "large", noise(3_000_000));
    const stop = new AbortController();
    const read = async () => {
      for await (const _ of driver.read("large", { signal: stop.signal })) {
        stop.abort();
      }
    };
    await assert.rejects(read());
    await assert.rejects(
      entriesOf(driver, "", { recursive: true, signal: stop.signal }),
    );
  });

  add("a listing has folders when it is not recursive", async ({ driver }) => {
    for (const key of ["top", "a/1", "a/2", "a/b/3", "ab/4", "a b/5"]) {
      await put(driver, key, key);
    }
    const list = async (prefix: string, recursive: boolean) =>
      (await entriesOf(driver, prefix, { recursive })).map(keyOf).sort();
    assert.deepEqual(await list("", true), [
      "a b/5",
      "a/1",
      "a/2",
      "a/b/3",
      "ab/4",
      "top",
    ]);
    assert.deepEqual(await list("", false), ["a b/", "a/", "ab/", "top"]);
    assert.deepEqual(await list("a/", true), ["a/1", "a/2", "a/b/3"]);
    assert.deepEqual(await list("a/", false), ["a/1", "a/2", "a/b/"]);
    assert.deepEqual(await list("a/b/", false), ["a/b/3"]);
  });

  add("a prefix with nothing below it gives nothing", async ({ driver }) => {
    await put(driver, "a/1", "x");
    for (const prefix of ["missing/", "a/1/", "a/missing/deep/"]) {
      for (const recursive of [true, false]) {
        assert.deepEqual(await entriesOf(driver, prefix, { recursive }), []);
      }
    }
  });

  add("a long listing gives each object once and resumes at any mark", async ({ driver }) => {
    const count = options.pagingObjects ?? 60;
    const keys: string[] = [];
    for (let at = 0; at < count; at += 20) {
      const some = Array.from(
        { length: Math.min(20, count - at) },
        (_, i) => `f${(at + i) % 7}/${String(at + i).padStart(6, "0")}`,
      );
      await Promise.all(some.map((key) => put(driver, key, "x")));
      keys.push(...some);
    }
    for (const recursive of [true, false]) {
      const prefix = recursive ? "" : "f0/";
      const expected = keys.filter((key) => key.startsWith(prefix)).sort();
      const found: string[] = [];
      const marks: { token: string; given: number }[] = [];
      for await (const entry of driver.list(prefix, { recursive })) {
        if (entry.kind === "mark") {
          marks.push({ token: entry.token, given: found.length });
        } else found.push(keyOf(entry));
      }
      assert.deepEqual([...found].sort(), expected);
      for (const { token, given } of marks.slice(0, 3)) {
        const rest = await entriesOf(driver, prefix, { recursive, from: token });
        assert.deepEqual(rest.map(keyOf), found.slice(given));
      }
    }
  });

  add("odd names come back as they were given", async ({ driver }) => {
    const names = namesFor(driver);
    assert.ok(names.length > 20, "most names can be held");
    for (const name of names) {
      await put(driver, name, `content of ${name}`, {
        condition: { ifAbsent: true },
      });
    }
    assert.deepEqual(await keysOf(driver), [...names].sort());
    for (const name of names) {
      assert.equal((await mustStat(driver, name)).key, name);
      assert.equal(await get(driver, name), `content of ${name}`);
    }
    for (const name of names) await driver.remove(name, {});
    assert.deepEqual(await keysOf(driver), []);
  });

  add("a key as long as the limits allow can be held", async ({ driver }) => {
    const { maxKeyBytes } = driver.limits;
    if (maxKeyBytes > 8_192) return;
    const segments = `${"s".repeat(99)}/`.repeat(Math.ceil(maxKeyBytes / 100));
    const key = segments.slice(0, maxKeyBytes).replace(/\/$/, "s");
    assert.equal(key.length, maxKeyBytes);
    await put(driver, key, "far down");
    assert.equal(await get(driver, key), "far down");
    assert.deepEqual(await keysOf(driver), [key]);
  });

  add("MD5 and metadata come back where the traits say so", async ({ driver }) => {
    const metadata = { proof: "sender", stamp: "20240105101500" };
    const md5 = md5Of("content");
    const { serviceMd5 } = await put(driver, "x", "content", { metadata });
    const object = await mustStat(driver, "x");
    if (driver.traits.verifiesMd5) assert.ok(serviceMd5);
    if (serviceMd5 !== undefined) assert.deepEqual(toPlain(serviceMd5), [...md5]);
    if (driver.traits.storesMd5) {
      assert.deepEqual(toPlain(object.md5), [...md5]);
      const [entry] = await entriesOf(driver, "", { recursive: true });
      assert.ok(entry?.kind === "object");
      assert.deepEqual(toPlain(entry.object.md5), [...md5]);
    } else assert.equal(object.md5, undefined);
    if (driver.traits.storesMetadata) {
      assert.deepEqual({ ...object.metadata }, metadata);
    }
  });
}

function toPlain(bytes: Uint8Array | undefined): number[] {
  assert.ok(bytes, "MD5 is missing");
  return [...bytes];
}
