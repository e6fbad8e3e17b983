import assert from "node:assert/strict";
import { MemoryBudget } from "../../src/transfer/memory_budget.ts";

const KIB = 1024;

Deno.test("leases wait for room, first come, first served", async () => {
  const budget = new MemoryBudget(100);
  const first = await budget.lease(80);
  const order: string[] = [];
  const big = budget.lease(90).then((lease) => {
    order.push("big");
    return lease;
  });
  const small = budget.lease(10).then((lease) => {
    order.push("small");
    return lease;
  });
  await Promise.resolve();
  assert.deepEqual(order, []);
  first[Symbol.dispose]();
  (await big)[Symbol.dispose]();
  (await small)[Symbol.dispose]();
  assert.deepEqual(order, ["big", "small"]);
  assert.equal(budget.usedBytes, 0);
  assert.equal(budget.peakBytes, 100);
});

Deno.test("a buffer has the length asked for and is used again", async () => {
  const budget = new MemoryBudget(1024 * KIB);
  const buffers = new Set<ArrayBuffer>();
  for (let i = 0; i < 10; i++) {
    using lease = await budget.lease(300 * KIB + i);
    assert.equal(lease.bytes.length, 300 * KIB + i);
    buffers.add(lease.bytes.buffer);
  }
  assert.equal(buffers.size, 1);
});

Deno.test("two leases never share a buffer, and disposing twice counts once", async () => {
  const budget = new MemoryBudget(1024 * KIB);
  const first = await budget.lease(300 * KIB);
  first[Symbol.dispose]();
  const second = await budget.lease(300 * KIB);
  first[Symbol.dispose]();
  const third = await budget.lease(300 * KIB);
  assert.notEqual(second.bytes.buffer, third.bytes.buffer);
  assert.equal(budget.usedBytes, 600 * KIB);
});

Deno.test("what is larger than the budget is granted alone", async () => {
  const budget = new MemoryBudget(100);
  const small = await budget.lease(10);
  let granted = false;
  const huge = budget.lease(1000).then((lease) => {
    granted = true;
    return lease;
  });
  await Promise.resolve();
  assert.equal(granted, false);
  small[Symbol.dispose]();
  using lease = await huge;
  assert.equal(lease.bytes.length, 1000);
});

Deno.test("a waiter that gives up makes room for those behind it", async () => {
  const budget = new MemoryBudget(100);
  using _first = await budget.lease(50);
  const controller = new AbortController();
  const big = budget.lease(90, controller.signal);
  const small = budget.lease(50);
  controller.abort(new Error("stop"));
  await assert.rejects(big, /stop/);
  using lease = await small;
  assert.equal(lease.bytes.length, 50);
  await assert.rejects(budget.lease(1, AbortSignal.abort(new Error("late"))), /late/);
});
