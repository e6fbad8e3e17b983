/** What a driver with server-side copy owes. */

import assert from "node:assert/strict";
import type { CopyOptions, Driver, WriteResult } from "../../src/storage/driver.ts";
import { type AddTest, assertKind, get, keysOf, md5Of, mustStat, put } from "./driver_contract.ts";

export function testCopy(add: AddTest): void {
  add("a copy has the content, and the MD5 where one is kept", async ({ driver }) => {
    await put(driver, "from", "content");
    const { etag } = await copy(driver, "from", "deep/to", {});
    assert.equal(await get(driver, "deep/to"), "content");
    assert.equal(await get(driver, "from"), "content");
    const copied = await mustStat(driver, "deep/to");
    assert.equal(copied.etag, etag);
    if (driver.traits.storesMd5) {
      assert.ok(copied.md5);
      assert.deepEqual([...copied.md5], [...md5Of("content")]);
    }
  });

  add("a copy of nothing is not_found and leaves nothing", async ({ driver }) => {
    await put(driver, "other", "x");
    await assertKind(driver, "not_found", copy(driver, "missing", "to", {}));
    assert.deepEqual(await keysOf(driver), ["other"]);
  });

  add("a copy carries the metadata that it is given", async ({ driver }) => {
    await put(driver, "from", "content", { metadata: { owner: "old" } });
    await copy(driver, "from", "to", {
      metadata: { owner: "new", lock_id: "42" },
    });
    const { metadata } = await mustStat(driver, "to");
    assert.deepEqual(
      { ...metadata },
      driver.traits.storesMetadata ? { owner: "new", lock_id: "42" } : {},
    );
  });

  add("a copy is made only of the object that was read", async ({ driver }) => {
    const { etag } = await put(driver, "from", "one");
    await put(driver, "from", "other");
    await assertKind(
      driver,
      "precondition_failed",
      copy(driver, "from", "to", {
        sourceIfMatch: etag,
        condition: { ifAbsent: true },
      }),
    );
    assert.equal(await driver.stat("to", {}), undefined);
  });

  add("of eight simultaneous copies to one name exactly one wins", async ({ driver, another }) => {
    const { etag } = await put(driver, "from", "journal");
    const drivers = await Promise.all(Array.from({ length: 8 }, another));
    const results = await Promise.allSettled(
      drivers.map((one, i) =>
        copy(one, "from", "from.locked", {
          sourceIfMatch: etag,
          condition: { ifAbsent: true },
          metadata: { holder: String(i) },
        })
      ),
    );
    const winners = results.flatMap((result, i) => result.status === "fulfilled" ? [i] : []);
    assert.equal(winners.length, 1, `${winners.length} winners`);
    for (const [i, result] of results.entries()) {
      if (result.status === "fulfilled") continue;
      assert.equal(
        drivers[i]?.classify(result.reason).kind,
        "already_exists",
        String(result.reason),
      );
    }
    assert.equal(await get(driver, "from.locked"), "journal");
    if (driver.traits.storesMetadata) {
      const { metadata } = await mustStat(driver, "from.locked");
      assert.equal(metadata?.holder, String(winners[0]));
    }
  });

  add("a copy replaces only the object that was read", async ({ driver }) => {
    await put(driver, "from", "new");
    const { etag } = await put(driver, "to", "old");
    await put(driver, "to", "newer");
    await assertKind(
      driver,
      "precondition_failed",
      copy(driver, "from", "to", { condition: { ifMatch: etag } }),
    );
    assert.equal(await get(driver, "to"), "newer");
    const now = await mustStat(driver, "to");
    await copy(driver, "from", "to", { condition: { ifMatch: now.etag } });
    assert.equal(await get(driver, "to"), "new");
  });
}

async function copy(
  driver: Driver,
  from: string,
  to: string,
  options: CopyOptions,
): Promise<WriteResult> {
  assert.ok(driver.copy);
  return await driver.copy(from, to, options);
}
