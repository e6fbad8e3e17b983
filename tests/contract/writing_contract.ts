/** What every driver owes to write and remove. */

import assert from "node:assert/strict";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { bytesSource, Store } from "../../src/storage/store.ts";
import {
  type AddTest,
  assertKind,
  bodyOf,
  type ContractOptions,
  get,
  keysOf,
  md5Of,
  mustStat,
  noise,
  put,
  rejection,
} from "./driver_contract.ts";

/** Writers that race for one object. */
const RACERS = 8;

export function testWriting(add: AddTest, options: ContractOptions): void {
  add("a write without a condition replaces, and the ETag changes", async ({ driver }) => {
    const first = await put(driver, "x", "one");
    const second = await put(driver, "x", "two");
    assert.notEqual(first.etag, second.etag);
    assert.equal((await mustStat(driver, "x")).etag, second.etag);
    assert.equal(await get(driver, "x"), "two");
  });

  add("ifAbsent creates, and never replaces", async ({ driver }) => {
    await put(driver, "a/x", "one", { condition: { ifAbsent: true } });
    await assertKind(
      driver,
      "already_exists",
      put(driver, "a/x", "two", { condition: { ifAbsent: true } }),
    );
    assert.equal(await get(driver, "a/x"), "one");
    assert.deepEqual(await keysOf(driver), ["a/x"]);
  });

  add("of eight simultaneous creations exactly one wins", async ({ another }) => {
    const drivers = await Promise.all(Array.from({ length: RACERS }, another));
    const [judge] = drivers;
    assert.ok(judge);
    for (const key of ["race 1", "race/2", "race/3/deep"]) {
      const winner = await raceOf(
        drivers,
        (driver, name) => put(driver, key, name, { condition: { ifAbsent: true } }),
        "already_exists",
      );
      assert.equal(await get(judge, key), winner);
    }
    assert.deepEqual(await keysOf(judge), ["race 1", "race/2", "race/3/deep"]);
  });

  add("ifMatch replaces only the object that was read", async ({ driver }) => {
    const { etag } = await put(driver, "x", "one");
    const second = await put(driver, "x", "two", { condition: { ifMatch: etag } });
    await assertKind(
      driver,
      "precondition_failed",
      put(driver, "x", "three", { condition: { ifMatch: etag } }),
    );
    assert.equal(await get(driver, "x"), "two");
    await driver.remove("x", {});
    await assertKind(
      driver,
      "precondition_failed",
      put(driver, "x", "four", { condition: { ifMatch: second.etag } }),
    );
    assert.equal(await driver.stat("x", {}), undefined);
  });

  add(
    "of eight simultaneous replacements of one object exactly one wins",
    async ({ driver, another }) => {
      const drivers = await Promise.all(Array.from({ length: RACERS }, another));
      const { etag } = await put(driver, "x", "before");
      const winner = await raceOf(
        drivers,
        (one, name) => put(one, "x", name, { condition: { ifMatch: etag } }),
        "precondition_failed",
      );
      assert.equal(await get(driver, "x"), winner);
    },
  );

  add("a body that breaks leaves nothing behind", async ({ driver }) => {
    await put(driver, "old", "old content");
    for (const sent of [0, 1, 500_000, 1_999_999]) {
      for (const key of ["new", "folder/new", "old"]) {
        const error = await rejection(
          driver.write(key, breaking(sent), { size: 2_000_000 }),
        );
        assert.ok(error, "an error is thrown");
        assert.deepEqual(await keysOf(driver), ["old"]);
        assert.equal(await get(driver, "old"), "old content");
      }
    }
  });

  add("a cancelled write leaves nothing behind", async ({ driver }) => {
    const stop = new AbortController();
    async function* body() {
      yield noise(1_000_000);
      stop.abort();
      yield noise(1_000_000);
    }
    await assert.rejects(
      driver.write("x", body(), { size: 2_000_000, signal: stop.signal }),
    );
    await assert.rejects(
      driver.write("x", bodyOf("x"), { size: 1, signal: stop.signal }),
    );
    assert.equal(await driver.stat("x", {}), undefined);
    assert.deepEqual(await keysOf(driver), []);
  });

  add("a body of another size than announced leaves nothing behind", async ({ driver }) => {
    const store = new Store(driver, { location: "test", retry: ONCE });
    for (const size of [99_999, 100_001, 0]) {
      const error = await rejection(
        store.write("x", { size, open: () => bodyOf(noise(100_000)) }),
      );
      assert.ok(isChorusError(error, "digest_mismatch"), String(error));
      assert.deepEqual(await keysOf(driver), []);
    }
  });

  add("content with another MD5 than promised leaves nothing behind", async ({ driver }) => {
    const store = new Store(driver, { location: "test", retry: ONCE });
    await put(driver, "old", "old content");
    for (const size of [1, 1_000, 2_000_000]) {
      for (const key of ["new", "old"]) {
        const error = await rejection(
          store.write(key, bytesSource(noise(size)), { md5: md5Of("other") }),
        );
        assert.ok(isChorusError(error, "digest_mismatch"), String(error));
        assert.deepEqual(await keysOf(driver), ["old"]);
        assert.equal(await get(driver, "old"), "old content");
      }
    }
  });

  if (options.verifiesMd5) {
    add("the service refuses a wrong MD5", async ({ driver }) => {
      await assertKind(
        driver,
        "digest_mismatch",
        put(driver, "x", "content", { md5: md5Of("other") }),
      );
      assert.deepEqual(await keysOf(driver), []);
    });
  }

  add("the store's own write gives the MD5 and the size", async ({ driver }) => {
    const store = new Store(driver, { location: "test" });
    const content = noise(150_000);
    const written = await store.write("x", {
      size: content.length,
      open: () => bodyOf(content),
    }, { md5: md5Of(content) });
    assert.deepEqual([...written.md5], [...md5Of(content)]);
    assert.equal(written.bytes, 150_000);
    assert.equal(written.attempts, 1);
    assert.equal(written.etag, (await mustStat(driver, "x")).etag);
  });

  add("remove removes, and says when there is nothing", async ({ driver }) => {
    await put(driver, "a/x", "one");
    await put(driver, "a/y", "two");
    await driver.remove("a/x", {});
    assert.equal(await driver.stat("a/x", {}), undefined);
    assert.deepEqual(await keysOf(driver), ["a/y"]);
    await assertKind(driver, "not_found", driver.remove("a/x", {}));
    await assertKind(driver, "not_found", driver.remove("a", {}));
    assert.deepEqual(await keysOf(driver), ["a/y"]);
  });

  add("remove on condition removes only the object that was read", async ({ driver }) => {
    const { etag } = await put(driver, "x", "one");
    const second = await put(driver, "x", "two");
    await assertKind(
      driver,
      "precondition_failed",
      driver.remove("x", { ifMatch: etag }),
    );
    assert.equal(await get(driver, "x"), "two");
    await driver.remove("x", { ifMatch: second.etag });
    assert.equal(await driver.stat("x", {}), undefined);
    await assertKind(
      driver,
      "precondition_failed",
      driver.remove("x", { ifMatch: second.etag }),
    );
  });

  add("a removed object can be created again", async ({ driver }) => {
    for (const content of ["one", "two"]) {
      const { etag } = await put(driver, "x", content, {
        condition: { ifAbsent: true },
      });
      assert.equal(await get(driver, "x"), content);
      await driver.remove("x", { ifMatch: etag });
    }
    assert.deepEqual(await keysOf(driver), []);
  });
}

const ONCE = { maxAttempts: 1, maxWaitMs: 0 };

/** All at once; the name of the only winner, the others fail as said. */
async function raceOf(
  drivers: readonly Driver[],
  act: (driver: Driver, name: string) => Promise<unknown>,
  losersFail: string,
): Promise<string> {
  const names = drivers.map((_, i) => `writer ${i} `.repeat(100));
  const results = await Promise.allSettled(
    drivers.map((driver, i) => act(driver, names[i] ?? "")),
  );
  const winners = names.filter((_, i) => results[i]?.status === "fulfilled");
  for (const [i, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    const failure = drivers[i]?.classify(result.reason);
    assert.equal(failure?.kind, losersFail, String(result.reason));
  }
  assert.equal(winners.length, 1, `${winners.length} winners`);
  return winners[0] ?? "";
}

async function* breaking(
  after: number,
): AsyncGenerator<Uint8Array, void, void> {
  yield* bodyOf(noise(after));
  throw new Error("the source broke");
}
