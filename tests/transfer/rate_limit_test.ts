import assert from "node:assert/strict";
import type { RateTimetable } from "../../src/config/config.ts";
import { rateAt, type RateClock, RateLimit } from "../../src/transfer/rate_limit.ts";

/** A clock that moves only when somebody sleeps. */
class TestClock implements RateClock {
  ms = 0;
  /** Slept in one go at the longest. */
  longest = 0;
  now(): number {
    return this.ms;
  }
  minuteOfDay(): number {
    return Math.floor(this.ms / 60_000) % 1440;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.ms += ms;
    this.longest = Math.max(this.longest, ms);
    return Promise.resolve();
  }
}

const always = (bytesPerSecond: number): RateTimetable => [{ fromMinute: 0, bytesPerSecond }];

Deno.test("the timetable's last step wraps around midnight", () => {
  const timetable: RateTimetable = [
    { fromMinute: 8 * 60, bytesPerSecond: 50 },
    { fromMinute: 18 * 60, bytesPerSecond: Infinity },
  ];
  assert.equal(rateAt(timetable, 0), Infinity);
  assert.equal(rateAt(timetable, 8 * 60 - 1), Infinity);
  assert.equal(rateAt(timetable, 8 * 60), 50);
  assert.equal(rateAt(timetable, 18 * 60 - 1), 50);
  assert.equal(rateAt(timetable, 18 * 60), Infinity);
  assert.equal(rateAt([], 5), Infinity);
});

Deno.test("bytes take the time that the rate gives them", async () => {
  const clock = new TestClock();
  const limit = new RateLimit(always(1000), clock);
  for (let i = 0; i < 100; i++) await limit.take(100);
  // 10,000 bytes; the first quarter of a second's worth and the last take come early.
  assert.ok(clock.ms >= 9_500 && clock.ms <= 10_000, String(clock.ms));
});

Deno.test("many takers together keep to the rate, in the order in which they came", async () => {
  const clock = new TestClock();
  const limit = new RateLimit(always(1000), clock);
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => limit.take(200).then(() => order.push(i))),
  );
  assert.deepEqual(order, Array.from({ length: 50 }, (_, i) => i));
  assert.ok(clock.ms >= 9_500, String(clock.ms));
});

Deno.test("idle time does not add up to a burst", async () => {
  const clock = new TestClock();
  const limit = new RateLimit(always(1000), clock);
  await limit.take(10);
  clock.ms += 3_600_000;
  const start = clock.ms;
  for (let i = 0; i < 20; i++) await limit.take(100);
  assert.ok(clock.ms - start >= 1_500, String(clock.ms - start));
});

Deno.test("a block is cut into slices far below it, each in its time", async () => {
  const clock = new TestClock();
  const limit = new RateLimit(always(100_000), clock);
  const block = new Uint8Array(1_000_000).map((_, i) => i);
  const times: number[] = [];
  const slices: Uint8Array[] = [];
  for await (const slice of limit.pace(block)) {
    times.push(clock.ms);
    slices.push(slice);
  }
  assert.ok(slices.length >= 40);
  assert.ok(Math.max(...slices.map(({ length }) => length)) <= 25_000);
  assert.deepEqual(new Uint8Array(await new Blob(slices as BlobPart[]).arrayBuffer()), block);
  const gaps = times.slice(2).map((time, i) => time - (times[i + 1] ?? 0));
  assert.ok(Math.max(...gaps) <= 251, String(Math.max(...gaps)));
  assert.ok(clock.ms >= 9_400, String(clock.ms));
});

Deno.test("a change of the timetable is noticed while waiting, and off means at once", async () => {
  const clock = new TestClock();
  const limit = new RateLimit([
    { fromMinute: 0, bytesPerSecond: 1 },
    { fromMinute: 1, bytesPerSecond: Infinity },
  ], clock);
  await limit.take(1_000_000);
  await limit.take(1);
  assert.ok(clock.ms >= 60_000 && clock.ms <= 66_000, String(clock.ms));
  const then = clock.ms;
  await limit.take(10 ** 12);
  assert.equal(clock.ms, then);
  assert.ok(clock.longest <= 5_000);
});

Deno.test("an aborted taker takes nothing and holds nobody up", async () => {
  const clock = new TestClock();
  const limit = new RateLimit(always(1000), clock);
  await limit.take(1000);
  const before = clock.ms;
  const reason = new Error("stop");
  await assert.rejects(limit.take(10 ** 9, AbortSignal.abort(reason)), (error) => error === reason);
  await limit.take(1);
  assert.ok(clock.ms - before <= 1_000, String(clock.ms - before));
});
