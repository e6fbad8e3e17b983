import assert from "node:assert/strict";
import { ConcurrencyLimit } from "../../src/transfer/concurrency_limit.ts";

/**
 * A service in simulated time: each request takes `latencyMs` plus its turn on a
 * line that carries one request per `lineMs`.
 */
async function simulate(
  options: { latencyMs: number; lineMs: number; requests: number; max?: number },
): Promise<{ limit: ConcurrencyLimit; ms: number }> {
  let now = 0;
  let lineFree = 0;
  const events: { at: number; go: () => void }[] = [];
  const limit = new ConcurrencyLimit({ max: options.max, now: () => now });
  let left = options.requests;
  const client = async () => {
    while (left-- > 0) {
      await limit.run(4096, () => {
        lineFree = Math.max(lineFree, now) + options.lineMs;
        const at = lineFree + options.latencyMs;
        return new Promise<void>((go) => events.push({ at, go }));
      });
    }
  };
  let running = 400;
  const clients = Array.from({ length: running }, () => client().finally(() => running--));
  while (running > 0) {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    if (events.length === 0) continue;
    events.sort((a, b) => a.at - b.at);
    const next = events.shift();
    if (next === undefined) break;
    now = next.at;
    next.go();
  }
  await Promise.all(clients);
  return { limit, ms: now };
}

Deno.test("long answers are filled with many requests, without a setting", async () => {
  const { limit, ms } = await simulate({ latencyMs: 20, lineMs: 0.02, requests: 10_000 });
  assert.ok(limit.peak >= 100, `peak ${limit.peak}`);
  assert.ok(ms < 2_500, `${ms} ms, one after the other it is 200,000`);
});

Deno.test("a line that is full is not flooded", async () => {
  const { limit } = await simulate({ latencyMs: 2, lineMs: 5, requests: 3_000 });
  assert.ok(limit.peak <= 32, `peak ${limit.peak}`);
});

Deno.test("there are never more in flight than allowed", async () => {
  const { limit } = await simulate({ latencyMs: 20, lineMs: 0.02, requests: 2_000, max: 5 });
  assert.equal(limit.peak, 5);
});

Deno.test("being asked to be left alone halves the limit, once per answer", async () => {
  const limit = new ConcurrencyLimit({ initial: 64 });
  await limit.run(0, () => Promise.resolve());
  limit.backOff();
  assert.equal(limit.limit, 32);
  limit.backOff();
  assert.equal(limit.limit, 32);
  await limit.run(0, () => Promise.resolve());
  for (let i = 0; i < 20; i++) {
    await limit.run(0, () => Promise.resolve());
    limit.backOff();
  }
  assert.equal(limit.limit, 1);
});

Deno.test("a request that fails or is cancelled while it waits gives its place back", async () => {
  const limit = new ConcurrencyLimit({ max: 1 });
  await assert.rejects(limit.run(0, () => Promise.reject(new Error("x"))), /x/);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = limit.run(0, () => promise);
  const controller = new AbortController();
  let begun = false;
  const second = limit.run(0, () => {
    begun = true;
    return Promise.resolve();
  }, controller.signal);
  const third = limit.run(0, () => Promise.resolve(3));
  controller.abort(new Error("stop"));
  await assert.rejects(second, /stop/);
  resolve();
  await first;
  assert.equal(await third, 3);
  assert.equal(begun, false);
  assert.equal(limit.inFlight, 0);
});

Deno.test("one outage under many requests halves the limit once, a second outage again", async () => {
  const limit = new ConcurrencyLimit({ initial: 64 });
  const outage = async (requests: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const all = Array.from({ length: requests }, () =>
      limit.run(0, async () => {
        await promise;
        limit.backOff();
      }));
    resolve();
    await Promise.all(all);
  };
  await limit.run(0, () => Promise.resolve());
  await outage(64);
  assert.equal(limit.limit, 32);
  await outage(32);
  assert.equal(limit.limit, 16);
});

Deno.test("requests in flight carry no more bytes than allowed, one alone any number, in order", async () => {
  let allowed = 10;
  const limit = new ConcurrencyLimit({ bytesAtOnce: () => allowed });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const runs: Promise<void>[] = [];
  const begin = (name: string, bytes: number) =>
    runs.push(limit.run(bytes, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    }));
  const settled = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const end = async (name: string) => {
    ends.get(name)?.();
    await settled();
  };
  begin("large", 100);
  begin("a", 6);
  begin("b", 6);
  begin("tiny", 1);
  await settled();
  assert.deepEqual(begun, ["large"]);
  await end("large");
  assert.deepEqual(begun, ["large", "a"], "b does not fit, and nobody overtakes it");
  await end("a");
  assert.deepEqual(begun, ["large", "a", "b", "tiny"]);
  begin("c", 6);
  allowed = 20;
  await end("tiny");
  assert.deepEqual(begun.at(-1), "c", "the bound is asked for again");
  await end("b");
  await end("c");
  await Promise.all(runs);
  assert.equal(limit.inFlight, 0);
});
