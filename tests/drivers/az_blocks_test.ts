import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { bareId, idBytes, PROOF_BYTES, proofId, readProofId } from "../../drivers/az/block_id.ts";
import { Azurite } from "../servers/azurite.ts";
import { content, failureOf, keys, md5, openWithKey, pattern } from "./az_place.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

const BYTES = pattern(2_500);
const PART = 1_000;
const part = (index: number) => BYTES.subarray(index * PART, (index + 1) * PART);
const options = { size: BYTES.length, partBytes: PART, md5: md5(BYTES) };

Deno.test("a block id gives back the index and MD5 it was made of, at any length", () => {
  fc.assert(fc.property(
    fc.nat(49_999),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.integer({ min: PROOF_BYTES, max: 64 }),
    (index, digest, bytes) => {
      const id = proofId(index, digest, bytes);
      assert.equal(idBytes(id), bytes);
      assert.deepEqual(readProofId(id), { index, md5: digest });
    },
  ));
});

Deno.test("an id of another program's is never read as one of ours", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
    assert.equal(readProofId(Buffer.from(bytes).toString("base64")), undefined);
  }));
});

Deno.test("short ids differ from index to index as long as they can", () => {
  const nonce = pattern(24);
  for (const bytes of [1, 2, 3, 8, 23]) {
    const ids = new Set<string>();
    const count = bytes === 1 ? 256 : 1_000;
    for (let index = 0; index < count; index++) {
      const id = bareId(index, nonce, bytes);
      assert.ok(id);
      assert.equal(idBytes(id), bytes);
      ids.add(id);
    }
    assert.equal(ids.size, count);
  }
  assert.equal(bareId(256, nonce, 1), undefined);
});

for (const length of [1, 3, 8, 12, 24, 36, 64]) {
  Deno.test(`blocks of another program with ids of ${length} bytes don't get in the way`, async () => {
    using driver = await openWithKey(azurite);
    const foreign = azurite.client().getContainerClient(driver.container)
      .getBlockBlobClient("site/big");
    const id = Buffer.alloc(length, "f").toString("base64");
    await foreign.stageBlock(id, "foreign bytes", 13);
    assert.ok(driver.multipart);
    const upload = await driver.multipart.begin("big", options);
    assert.equal(upload.held.size, 0);
    for (const index of [2, 0, 1]) await upload.put(index, part(index), md5(part(index)));
    assert.deepEqual(await keys(driver), [], "nothing is visible before the commit");
    await upload.commit(3, { ifAbsent: true });
    assert.deepEqual(await content(driver, "big"), BYTES);
    const left = await foreign.getBlockList("uncommitted");
    assert.deepEqual(left.uncommittedBlocks ?? [], []);
  });
}

Deno.test("foreign blocks beside an existing blob don't get in the way of replacing it", async () => {
  using driver = await openWithKey(azurite);
  const { etag } = await driver.write("big", one("old"), { size: 3 });
  const foreign = azurite.client().getContainerClient(driver.container)
    .getBlockBlobClient("site/big");
  await foreign.stageBlock(Buffer.from("foreign-1").toString("base64"), "foreign bytes", 13);
  assert.ok(driver.multipart);
  const upload = await driver.multipart.begin("big", options);
  for (const index of [0, 1, 2]) await upload.put(index, part(index), md5(part(index)));
  assert.deepEqual(await content(driver, "big"), new TextEncoder().encode("old"));
  await upload.commit(3, { ifMatch: etag });
  assert.deepEqual(await content(driver, "big"), BYTES);
});

Deno.test("blocks slipped under our short ids are found out, and the wrong blob is removed", async () => {
  using driver = await openWithKey(azurite);
  const foreign = azurite.client().getContainerClient(driver.container)
    .getBlockBlobClient("site/big");
  await foreign.stageBlock(Buffer.from([7, 7]).toString("base64"), "x", 1);
  assert.ok(driver.multipart);
  const upload = await driver.multipart.begin("big", options);
  for (const index of [0, 1, 2]) await upload.put(index, part(index), md5(part(index)));
  const other = pattern(PART, 99);
  await foreign.stageBlock(Buffer.from([0, 1]).toString("base64"), other, other.length);
  const failure = await failureOf(driver, upload.commit(3, { ifAbsent: true }));
  assert.equal(failure.kind, "digest_mismatch");
  assert.deepEqual(await keys(driver), []);
});

Deno.test("ids that leave no room for the index are refused before anything is sent", async () => {
  using driver = await openWithKey(azurite);
  const foreign = azurite.client().getContainerClient(driver.container)
    .getBlockBlobClient("site/big");
  await foreign.stageBlock(Buffer.from([7]).toString("base64"), "x", 1);
  assert.ok(driver.multipart);
  const upload = await driver.multipart.begin("big", { ...options, size: 300, partBytes: 1 });
  const byte = new Uint8Array(1);
  assert.equal((await failureOf(driver, upload.put(256, byte, md5(byte)))).kind, "unsupported");
});

Deno.test("a block left by an upload with another block size is not trusted", async () => {
  using driver = await openWithKey(azurite);
  assert.ok(driver.multipart);
  const first = await driver.multipart.begin("big", { ...options, partBytes: 500 });
  const half = BYTES.subarray(0, 500);
  await first.put(0, half, md5(half));
  const second = await driver.multipart.begin("big", options);
  assert.deepEqual([...second.held.keys()], []);
});

Deno.test("a block is handed over in the slices that a limit lets pass", async () => {
  using driver = await openWithKey(azurite);
  assert.ok(driver.multipart?.paces);
  let slices = 0;
  async function* pace(bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += 100) {
      slices++;
      yield bytes.subarray(at, at + 100);
      await Promise.resolve();
    }
  }
  const upload = await driver.multipart.begin("big", { ...options, pace });
  for (const index of [0, 1, 2]) await upload.put(index, part(index), md5(part(index)));
  await upload.commit(3, { ifAbsent: true });
  assert.equal(slices, 25);
  assert.deepEqual(await content(driver, "big"), BYTES);
});

async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
