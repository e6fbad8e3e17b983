import assert from "node:assert/strict";
import fc from "fast-check";
import { fitsOneRequest, partSize } from "../../src/transfer/part_size.ts";

const MIB = 1024 * 1024;
const AZURE = { minPartBytes: 1, maxPartBytes: 4000 * MIB, maxParts: 50_000 };
const S3 = { minPartBytes: 5 * MIB, maxPartBytes: 5 * 1024 * MIB, maxParts: 10_000 };

Deno.test("small files are sent in one request, as far as the store takes it", () => {
  assert.equal(fitsOneRequest(0, { maxWriteBytes: 10 }), true);
  assert.equal(fitsOneRequest(8 * MIB, { maxWriteBytes: Infinity }), true);
  assert.equal(fitsOneRequest(8 * MIB + 1, { maxWriteBytes: Infinity }), false);
  assert.equal(fitsOneRequest(11, { maxWriteBytes: 10 }), false);
});

Deno.test("parts are 8 MiB until there would be too many", () => {
  assert.equal(partSize(9 * MIB, AZURE), 8 * MIB);
  assert.equal(partSize(200 * 1024 * MIB, AZURE), 8 * MIB);
  assert.equal(partSize(200 * 1024 * MIB, S3), 21 * MIB);
  assert.equal(partSize(50_000 * 8 * MIB + 1, AZURE), 9 * MIB);
  assert.equal(partSize(4000 * MIB * 50_000, AZURE), 4000 * MIB);
  assert.equal(partSize(4000 * MIB * 50_000 + 1, AZURE), undefined);
});

Deno.test("every file that the store takes is cut within its limits", () => {
  fc.assert(
    fc.property(
      fc.record({
        minPartBytes: fc.integer({ min: 1, max: 100 * MIB }),
        more: fc.integer({ min: 0, max: 5000 * MIB }),
        maxParts: fc.integer({ min: 1, max: 50_000 }),
      }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      ({ minPartBytes, more, maxParts }, share) => {
        const ability = { minPartBytes, maxPartBytes: minPartBytes + more, maxParts };
        const size = Math.floor(ability.maxPartBytes * maxParts * share);
        const part = partSize(size, ability);
        assert.ok(part !== undefined);
        assert.ok(part >= minPartBytes && part <= ability.maxPartBytes);
        assert.ok(Math.ceil(size / part) <= maxParts);
      },
    ),
  );
});
