import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BLOCK } from "../../../src/hash/kernel/layout.ts";
import {
  loadScalarKernel,
  type Md5Kernel,
  md5Kernel,
  newSegment,
  type Segment,
  writeState,
} from "../../../src/hash/kernel/md5_kernel.ts";
import { toHex } from "../../../src/hash/hex.ts";

const scalarKernel = await loadScalarKernel();
const kernels = [
  { name: "with SIMD", kernel: md5Kernel },
  { name: "without SIMD", kernel: scalarKernel },
];
const data = crypto.getRandomValues(new Uint8Array(4096));
const areas = new Map<Md5Kernel, number>();

/** Room for twelve messages of a few kilobytes, at any alignment. */
function area(kernel: Md5Kernel): number {
  const address = areas.get(kernel) ?? kernel.reserve(12 * 8192);
  areas.set(kernel, address);
  return address;
}

function stage(kernel: Md5Kernel, address: number, bytes: Uint8Array): Segment {
  kernel.memory.set(bytes, address);
  const segment = newSegment();
  const rest = bytes.length % BLOCK;
  const whole = bytes.length - rest;
  segment.address = address;
  segment.blocks = whole / BLOCK +
    kernel.pad(address + whole, rest, bytes.length);
  return segment;
}

function finish(kernel: Md5Kernel, segments: readonly Segment[]): string[] {
  for (;;) {
    const left = segments.filter((segment) => segment.blocks > 0);
    if (left.length === 0) break;
    kernel.run(left);
  }
  return segments.map(({ state }) => {
    const bytes = new Uint8Array(16);
    writeState(state, bytes);
    return toHex(bytes);
  });
}

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");

Deno.test("the machine that runs the tests has SIMD, so that both kernels are tested", () => {
  assert.equal(md5Kernel.lanes, 12);
  assert.equal(scalarKernel.lanes, 1);
});

for (const { name, kernel } of kernels) {
  Deno.test(`a kernel ${name} hashes 1 to 12 messages of different lengths side by side`, () => {
    for (let lanes = 1; lanes <= 12; lanes++) {
      const messages = Array.from(
        { length: lanes },
        (_, lane) => data.subarray(lane, lane + 3 + 211 * lane),
      );
      const segments = messages.map((message, lane) =>
        stage(kernel, area(kernel) + 8192 * lane, message)
      );
      assert.deepEqual(finish(kernel, segments), messages.map(md5));
    }
  });

  Deno.test(`a kernel ${name} reads messages at every alignment`, () => {
    for (let shift = 0; shift < 64; shift++) {
      const messages = Array.from(
        { length: 12 },
        (_, lane) => data.subarray(shift, shift + 700 + lane),
      );
      const segments = messages.map((message, lane) =>
        stage(kernel, area(kernel) + 4096 * lane + (shift + 5 * lane) % 64, message)
      );
      assert.deepEqual(finish(kernel, segments), messages.map(md5));
    }
  });

  Deno.test(`a kernel ${name} counts lengths beyond 2^32 and 2^53 bits in the padding`, () => {
    const address = area(kernel);
    const view = new DataView(kernel.memory.buffer, address);
    for (const length of [2 ** 29 - 1, 2 ** 29, 2 ** 29 + 5, 2 ** 48 + 3, 2 ** 53 - 1]) {
      const rest = length % BLOCK;
      const end = kernel.pad(address, rest, length) * BLOCK;
      assert.equal(view.getBigUint64(end - 8, true), BigInt(length) * 8n);
    }
  });
}

Deno.test("a kernel says how much of its memory is left when it can't reserve more", () => {
  assert.throws(
    () => scalarKernel.reserve(1 << 30),
    /Can't reserve 1073741824 bytes of the MD5 kernel's memory: \d+ are left/,
  );
});
