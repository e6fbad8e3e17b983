import assert from "node:assert/strict";
import { collectBatches } from "../../src/transfer/collect_batches.ts";

async function* of<T>(...values: T[]) {
  yield* values;
}

Deno.test("batches are full, the last one holds the rest", async () => {
  const batches = await Array.fromAsync(
    collectBatches(of(1, 2, 3, 4, 5), { maxCount: 2, maxWaitMs: 60_000 }),
  );
  assert.deepEqual(batches, [[1, 2], [3, 4], [5]]);
});

Deno.test("nothing gives no batch", async () => {
  assert.deepEqual(
    await Array.fromAsync(collectBatches(of(), { maxCount: 2, maxWaitMs: 60_000 })),
    [],
  );
});

Deno.test("a result does not wait for ever for company", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const source = async function* () {
    yield 1;
    await promise;
    yield 2;
  };
  const batches = collectBatches(source(), { maxCount: 100, maxWaitMs: 1 });
  assert.deepEqual((await batches.next()).value, [1]);
  resolve();
  assert.deepEqual((await batches.next()).value, [2]);
  assert.equal((await batches.next()).done, true);
});

Deno.test("what was gathered before an error is handed out before it", async () => {
  const source = async function* () {
    yield 1;
    yield 2;
    throw new Error("line cut");
  };
  const got: number[][] = [];
  await assert.rejects(async () => {
    for await (const batch of collectBatches(source(), { maxCount: 100, maxWaitMs: 60_000 })) {
      got.push(batch);
    }
  }, /line cut/);
  assert.deepEqual(got, [[1, 2]]);
});

Deno.test("a caller that stops ends the source", async () => {
  let ended = false;
  const source = async function* () {
    try {
      for (let i = 0;; i++) yield i;
    } finally {
      ended = true;
    }
  };
  for await (const _ of collectBatches(source(), { maxCount: 3, maxWaitMs: 60_000 })) break;
  assert.equal(ended, true);
});
