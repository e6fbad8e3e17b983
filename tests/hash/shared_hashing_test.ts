import assert from "node:assert/strict";
import { createMd5 } from "../../src/hash/digest.ts";
import { toHex } from "../../src/hash/hex.ts";
import { SharedHashing } from "../../src/hash/shared_hashing.ts";
import { md5Hex, someBytes } from "../transfer/sending.ts";

Deno.test("files that are hashed at the same time get the MD5s they would get alone", async () => {
  const hashing = new SharedHashing();
  const hash = async (bytes: Uint8Array, piece: number) => {
    using _stream = hashing.begin();
    const whole = createMd5();
    for (let from = 0; from < bytes.length; from += piece) {
      const slice = bytes.subarray(from, from + piece);
      await hashing.update([{ md5: whole, bytes: slice }]);
      // Some are slower than others.
      if (from % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return toHex(whole.digest());
  };
  const files = Array.from({ length: 20 }, (_, i) => someBytes(1000 * i + 7, i + 1));
  assert.deepEqual(
    await Promise.all(files.map((bytes, i) => hash(bytes, 300 + 77 * i))),
    files.map(md5Hex),
  );
});

Deno.test("a file that waits for others that never come is hashed all the same", async () => {
  const hashing = new SharedHashing();
  using _idle = hashing.begin();
  using _own = hashing.begin();
  const md5 = createMd5();
  const bytes = someBytes(1000);
  await hashing.update([{ md5, bytes }]);
  assert.equal(toHex(md5.digest()), md5Hex(bytes));
});

Deno.test("a misuse is an error for who waits, not a hang", async () => {
  const hashing = new SharedHashing();
  using _idle = hashing.begin();
  using _own = hashing.begin();
  const md5 = createMd5();
  md5.digest();
  await assert.rejects(hashing.update([{ md5, bytes: someBytes(10) }]), TypeError);
});

Deno.test("MD5s that join in the same moment are those of their own bytes, in any number", async () => {
  const hashing = new SharedHashing();
  for (const count of [1, 2, 11, 12, 13, 40]) {
    const messages = Array.from({ length: count }, (_, i) => someBytes(20_000 + 777 * i, i));
    const digests = await Promise.all(messages.map(async (bytes) => {
      const md5 = createMd5();
      await hashing.join({ md5, bytes: bytes.subarray(0, 10_000) });
      await hashing.join({ md5, bytes: bytes.subarray(10_000) });
      return toHex(md5.digest());
    }));
    assert.deepEqual(
      digests,
      messages.map(md5Hex),
    );
  }
});
