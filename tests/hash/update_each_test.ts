import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { createMd5, type IncrementalMd5, updateEach } from "../../src/hash/digest.ts";
import { toHex } from "../../src/hash/hex.ts";

const data = new Uint8Array(randomBytes(100_000));

Deno.test("many MD5s fed side by side, each with its own bytes, are what they are alone", () => {
  const round = fc.array(
    fc.tuple(fc.nat(19), fc.nat(50_000), fc.nat(40_000)),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(fc.array(round, { maxLength: 4 }), (rounds) => {
      const md5s = Array.from({ length: 20 }, () => createMd5());
      const expected = md5s.map(() => createHash("md5"));
      for (const updates of rounds) {
        const once = new Map(updates.map(([index, from, length]) => [index, [from, length]]));
        const batch = [...once].map(([index, [from, length]]) => {
          const bytes = data.subarray(from, from + length);
          expected[index].update(bytes);
          return { md5: md5s[index], bytes };
        });
        updateEach(batch);
      }
      assert.deepEqual(
        md5s.map((md5) => toHex(md5.digest())),
        expected.map((hash) => hash.digest("hex")),
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("an MD5 of another make is refused", () => {
  const foreign: IncrementalMd5 = { update: () => {}, digest: () => new Uint8Array(16) };
  assert.throws(() => updateEach([{ md5: foreign, bytes: data }]), TypeError);
});
