import assert from "node:assert/strict";
import { Latency } from "../../src/hash/latency.ts";

function feed(latency: Latency, milliseconds: readonly number[], now = 0): void {
  for (const each of milliseconds) latency.add(each, now);
}

const repeat = (count: number, value: number) => Array.from({ length: count }, () => value);

Deno.test("files that open at once are read one at a time", () => {
  const latency = new Latency();
  feed(latency, repeat(1000, 0.02));
  assert.equal(latency.slow, false);
  assert.equal(latency.probeDue(1e9), false);
});

Deno.test("the first files of a thread, read by cold code, don't count", () => {
  const latency = new Latency();
  feed(latency, [3, 2, 1, 1, 0.5, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1]);
  assert.equal(latency.slow, false);
});

Deno.test("single slow files don't make a fast disk slow", () => {
  const latency = new Latency();
  for (let i = 0; i < 100; i++) {
    feed(latency, [0.02, 0.02, 0.02, 9, 9]);
    assert.equal(latency.slow, false);
  }
});

Deno.test("a mount on which files take long is found to be slow by the fourteenth file", () => {
  const latency = new Latency();
  feed(latency, repeat(14, 1.5));
  assert.equal(latency.slow, true);
});

Deno.test("a slow mount is tried again, less and less often while it stays slow", () => {
  const latency = new Latency();
  feed(latency, repeat(14, 1.5), 1000);
  const waits: number[] = [];
  let now = 1000;
  for (let i = 0; i < 8; i++) {
    const asked = now;
    while (!latency.probeDue(now)) now++;
    waits.push(now - asked);
    latency.add(1.5, now);
  }
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 250, 250, 250]);
  assert.equal(latency.slow, true);
});

Deno.test("a mount that becomes fast again is read one file at a time after five tries", () => {
  const latency = new Latency();
  feed(latency, repeat(14, 1.5), 1000);
  assert.equal(latency.probeDue(1005), false);
  assert.equal(latency.probeDue(1010), true);
  for (let i = 0; i < 4; i++) {
    latency.add(0.02, 1010);
    assert.equal(latency.slow, true);
    assert.equal(latency.probeDue(1010), true);
  }
  latency.add(0.02, 1010);
  assert.equal(latency.slow, false);
});
