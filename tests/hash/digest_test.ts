import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { createMd5, digest, md5Many, updateAll } from "../../src/hash/digest.ts";
import { toHex } from "../../src/hash/hex.ts";

const data = new Uint8Array(randomBytes(200_000));
const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

Deno.test("MD5 agrees with node:crypto on every length from 0 to 1,030", () => {
  const messages = Array.from({ length: 1031 }, (_, n) => data.subarray(n, 2 * n));
  const expected = messages.map(md5);
  const single = messages.map((message) => {
    const hash = createMd5();
    hash.update(message);
    return toHex(hash.digest());
  });
  assert.deepEqual(single, expected);
  assert.deepEqual(md5Many(messages).map(toHex), expected);
});

Deno.test("MD5 of a message does not depend on how it is cut, nor on others between its pieces", () => {
  fc.assert(fc.property(
    fc.array(fc.nat(40_000), { maxLength: 8 }),
    fc.nat(63),
    (cuts, shift) => {
      const hash = createMd5();
      const expected = createHash("md5");
      for (const length of cuts) {
        const piece = data.subarray(shift, shift + length);
        hash.update(piece);
        expected.update(piece);
        md5Many([piece, piece.subarray(1)]);
      }
      assert.equal(toHex(hash.digest()), expected.digest("hex"));
    },
  ));
});

Deno.test("the same bytes are added to several MD5s at once, whatever each held before", () => {
  fc.assert(fc.property(
    // Whole blocks are staged once for all that stand at a block's end, others for each.
    fc.array(fc.oneof(fc.nat(200), fc.nat(3).map((blocks) => 64 * blocks)), { maxLength: 12 }),
    fc.array(fc.oneof(fc.nat(40_000), fc.nat(600).map((blocks) => 64 * blocks)), { maxLength: 4 }),
    (before, cuts) => {
      const md5s = before.map((length) => {
        const hash = createMd5();
        hash.update(data.subarray(0, length));
        return hash;
      });
      const expected = before.map((length) => createHash("md5").update(data.subarray(0, length)));
      for (const length of cuts) {
        const piece = data.subarray(length, 2 * length);
        updateAll(md5s, piece);
        for (const each of expected) each.update(piece);
      }
      assert.deepEqual(
        md5s.map((hash) => toHex(hash.digest())),
        expected.map((hash) => hash.digest("hex")),
      );
    },
  ));
});

Deno.test("many messages of mixed lengths are hashed side by side", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(63), fc.nat(60_000)), { maxLength: 40 }),
    (places) => {
      const messages = places.map(([from, length]) => data.subarray(from, from + length));
      assert.deepEqual(md5Many(messages).map(toHex), messages.map(md5));
    },
  ));
});

const LENGTHS_IN_BITS = [
  ["2^29 - 8", 2 ** 29 - 8],
  ["2^29", 2 ** 29],
  ["2^29 + 8", 2 ** 29 + 8],
] as const;

for (const [name, bits] of LENGTHS_IN_BITS) {
  Deno.test(`MD5 agrees with node:crypto on a message of ${name} bits`, () => {
    const piece = new Uint8Array(1 << 20).fill(7);
    const hash = createMd5();
    const expected = createHash("md5");
    for (let left = bits / 8; left > 0; left -= piece.length) {
      hash.update(piece.subarray(0, left));
      expected.update(piece.subarray(0, left));
    }
    assert.equal(toHex(hash.digest()), expected.digest("hex"));
  });
}

Deno.test("MD5 is right on a message of more than 2^32 bits", () => {
  const piece = new Uint8Array(1 << 20).fill(7);
  const hash = createMd5();
  for (let left = 2 ** 29 + 1; left > 0; left -= piece.length) {
    hash.update(piece.subarray(0, left));
  }
  // From node:crypto, which takes longer for it than all other tests here.
  assert.equal(toHex(hash.digest()), "ae6eef8ef70af195956843a4ac34fc37");
});

Deno.test("digest takes bytes of every kind, an async iterable and a stream", async () => {
  const bytes = data.subarray(3, 70_001);
  const expected = md5(bytes);
  const copy = bytes.slice();
  async function* pieces() {
    for (let i = 0; i < bytes.length; i += 9999) {
      yield await Promise.resolve(bytes.subarray(i, i + 9999));
    }
  }
  const sources = [
    bytes,
    copy.buffer,
    new DataView(data.buffer, 3, bytes.length),
    pieces(),
    new Blob([copy]).stream(),
  ];
  for (const source of sources) {
    const result = await digest("MD5", source);
    assert.ok(result instanceof ArrayBuffer);
    assert.equal(toHex(new Uint8Array(result)), expected);
  }
  assert.equal(
    toHex(new Uint8Array(await digest({ name: "MD5" }, bytes))),
    expected,
  );
});

Deno.test("digest fails with the stream's own error", async () => {
  async function* broken() {
    yield await Promise.resolve(data.subarray(0, 100));
    throw new Error("the line was cut");
  }
  await assert.rejects(digest("MD5", broken()), /the line was cut/);
});

Deno.test("digest refuses other algorithms as Web Crypto does", async () => {
  await assert.rejects(
    digest({ name: "SHA-3" as "MD5" }, data),
    { name: "NotSupportedError", message: 'Unrecognized algorithm name: "SHA-3"' },
  );
});

Deno.test("an MD5 that has ended gives its digest again and takes no more bytes", () => {
  const hash = createMd5();
  hash.update(data.subarray(0, 10));
  const first = hash.digest();
  const expected = toHex(first);
  first.fill(0);
  assert.equal(toHex(hash.digest()), expected);
  assert.throws(() => hash.update(data), /Can't add bytes to an MD5 that has ended/);
  assert.throws(
    () => updateAll([createMd5(), hash], data),
    /Can't add bytes to an MD5 that has ended/,
  );
});
