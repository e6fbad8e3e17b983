/** What a driver that takes objects in parts owes. */

import assert from "node:assert/strict";
import type { Driver, MultipartBeginOptions, MultipartUpload } from "../../src/storage/driver.ts";
import {
  type AddTest,
  assertKind,
  getBytes,
  keysOf,
  md5Of,
  mustStat,
  noise,
  put,
} from "./driver_contract.ts";

export function testMultipart(add: AddTest): void {
  add(
    "parts sent in any order make the object, visible only when committed",
    async ({ driver }) => {
      const parts = partsFor(driver, 3.5);
      const upload = await begin(driver, "large", parts);
      for (const index of [2, 0, 3, 1]) {
        await send(upload, parts, index);
        assert.equal(await driver.stat("large", {}), undefined);
        assert.deepEqual(await keysOf(driver), []);
      }
      const { etag } = await upload.commit(4, { ifAbsent: true });
      const object = await mustStat(driver, "large");
      assert.equal(object.size, parts.content.length);
      assert.equal(object.etag, etag);
      if (driver.traits.storesMd5) {
        assert.ok(object.md5);
        assert.deepEqual([...object.md5], [...parts.md5]);
      }
      if (driver.traits.storesMetadata) {
        assert.equal(object.metadata?.proof, "sender");
      }
      assert.ok(Buffer.from(await getBytes(driver, "large")).equals(parts.content));
    },
  );

  add("parts may be sent at the same time", async ({ driver }) => {
    const parts = partsFor(driver, 6);
    const upload = await begin(driver, "deep/large", parts);
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map((index) => send(upload, parts, index)),
    );
    await upload.commit(6, { ifAbsent: true });
    assert.ok(
      Buffer.from(await getBytes(driver, "deep/large")).equals(parts.content),
    );
  });

  add(
    "an interrupted upload finds the parts that it sent, with their MD5",
    async ({ driver, another }) => {
      const parts = partsFor(driver, 3);
      const first = await begin(driver, "large", parts);
      await send(first, parts, 0);
      await send(first, parts, 2);
      const again = await begin(await another(), "large", {
        ...parts,
        token: first.token,
      });
      assert.deepEqual([...again.held.keys()].sort(), [0, 2]);
      for (const [index, md5] of again.held) {
        assert.deepEqual([...md5], [...md5Of(parts.part(index))]);
      }
      await send(again, parts, 1);
      await again.commit(3, { ifAbsent: true });
      assert.ok(Buffer.from(await getBytes(driver, "large")).equals(parts.content));
    },
  );

  add("a part may be sent again with other content", async ({ driver }) => {
    const parts = partsFor(driver, 2);
    const upload = await begin(driver, "large", parts);
    const other = noise(parts.partBytes, 99);
    await upload.put(0, other, md5Of(other));
    await send(upload, parts, 1);
    await send(upload, parts, 0);
    await upload.commit(2, { ifAbsent: true });
    assert.ok(Buffer.from(await getBytes(driver, "large")).equals(parts.content));
  });

  add("parts of another content are not taken for this one's", async ({ driver, another }) => {
    const old = partsFor(driver, 2, 7);
    const parts = partsFor(driver, 2, 8);
    const first = await begin(driver, "large", old);
    await send(first, old, 0);
    const upload = await begin(await another(), "large", parts);
    for (const [index, md5] of upload.held) {
      assert.deepEqual([...md5], [...md5Of(old.part(index))]);
    }
    await send(upload, parts, 0);
    await send(upload, parts, 1);
    await upload.commit(2, { ifAbsent: true });
    assert.ok(Buffer.from(await getBytes(driver, "large")).equals(parts.content));
  });

  add("a part whose MD5 is wrong is refused", async ({ driver }) => {
    const parts = partsFor(driver, 2);
    const upload = await begin(driver, "large", parts);
    await assertKind(
      driver,
      "digest_mismatch",
      upload.put(0, parts.part(0), md5Of("other")),
    );
    await upload.abort();
    assert.equal(await driver.stat("large", {}), undefined);
  });

  add("a commit with a part missing makes nothing visible", async ({ driver }) => {
    const parts = partsFor(driver, 3);
    const upload = await begin(driver, "large", parts);
    await send(upload, parts, 0);
    await send(upload, parts, 2);
    await assert.rejects(upload.commit(3, { ifAbsent: true }));
    assert.equal(await driver.stat("large", {}), undefined);
    assert.deepEqual(await keysOf(driver), []);
  });

  add("a commit keeps to its condition", async ({ driver }) => {
    const parts = partsFor(driver, 2);
    const upload = await begin(driver, "large", parts);
    await send(upload, parts, 0);
    await send(upload, parts, 1);
    const { etag } = await put(driver, "large", "came first");
    // On some services a completed object discards pending parts: begin anew.
    await assertKind(
      driver,
      "already_exists",
      upload.commit(2, { ifAbsent: true }),
    );
    assert.equal((await mustStat(driver, "large")).etag, etag);
    const again = await begin(driver, "large", parts);
    for (const index of [0, 1]) await send(again, parts, index);
    await assertKind(
      driver,
      "precondition_failed",
      again.commit(2, { ifMatch: `${etag.slice(0, -2)}00` }),
    );
    assert.equal((await mustStat(driver, "large")).etag, etag);
    const last = await begin(driver, "large", parts);
    for (const index of [0, 1]) await send(last, parts, index);
    await last.commit(2, { ifMatch: etag });
    assert.equal((await mustStat(driver, "large")).size, parts.content.length);
  });

  add("an upload that is given up leaves nothing to find", async ({ driver, another }) => {
    const parts = partsFor(driver, 2);
    const upload = await begin(driver, "large", parts);
    await send(upload, parts, 0);
    await upload.abort();
    assert.deepEqual(await keysOf(driver), []);
    assert.equal(await driver.stat("large", {}), undefined);
    const again = await begin(await another(), "large", parts);
    await send(again, parts, 0);
    await send(again, parts, 1);
    await again.commit(2, { ifAbsent: true });
    assert.ok(Buffer.from(await getBytes(driver, "large")).equals(parts.content));
  });

  add("an upload stops when its signal aborts", async ({ driver }) => {
    const parts = partsFor(driver, 2);
    const upload = await begin(driver, "large", parts);
    await send(upload, parts, 0);
    await send(upload, parts, 1);
    const signal = AbortSignal.abort();
    await assert.rejects(
      upload.put(0, parts.part(0), md5Of(parts.part(0)), signal),
    );
    await assert.rejects(upload.commit(2, { ifAbsent: true }, signal));
    assert.equal(await driver.stat("large", {}), undefined);
    await upload.abort();
  });
}

/** Content cut into parts. */
interface Parts extends MultipartBeginOptions {
  content: Uint8Array<ArrayBuffer>;
  part(index: number): Uint8Array<ArrayBuffer>;
}

/** Content of so many parts, of a size that the driver allows. */
function partsFor(
  driver: Driver,
  count: number,
  seed = 1,
): Parts {
  assert.ok(driver.multipart);
  const partBytes = Math.max(driver.multipart.minPartBytes, 50_000);
  const content = noise(Math.floor(count * partBytes), seed);
  return {
    content,
    size: content.length,
    partBytes,
    md5: md5Of(content),
    metadata: { proof: "sender" },
    part: (index) => content.slice(index * partBytes, (index + 1) * partBytes),
  };
}

async function begin(
  driver: Driver,
  key: string,
  { size, partBytes, md5, metadata, token }: MultipartBeginOptions,
): Promise<MultipartUpload> {
  assert.ok(driver.multipart);
  return await driver.multipart.begin(key, {
    size,
    partBytes,
    md5,
    ...(metadata === undefined ? {} : { metadata }),
    ...(token === undefined ? {} : { token }),
  });
}

async function send(
  upload: MultipartUpload,
  parts: Parts,
  index: number,
): Promise<void> {
  const bytes = parts.part(index);
  await upload.put(index, bytes, md5Of(bytes));
}
