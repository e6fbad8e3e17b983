import assert from "node:assert/strict";
import { ChorusError, isChorusError } from "../../src/errors/chorus_error.ts";
import {
  type RetryClock,
  Retrying,
  type RetryPolicy,
  type Waiting,
} from "../../src/storage/retrying.ts";

/** Time that passes only by sleeping; sleepers wake in order of their time. */
class FakeClock implements RetryClock {
  time = 0;
  readonly slept: number[] = [];
  #sleepers: { at: number; wake: () => void }[] = [];

  now = () => this.time;

  sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    this.slept.push(ms);
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const sleeper = { at: this.time + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal.addEventListener("abort", () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        resolve();
      });
    });
  };

  /** Lets time pass until nobody sleeps any more. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => settled = true);
    watched.catch(() => {});
    for (let idle = 0; !settled && idle < 100; idle++) {
      await new Promise((done) => setTimeout(done, 0));
      if (settled) break;
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers.shift();
      if (next === undefined) continue;
      idle = 0;
      this.time = Math.max(this.time, next.at);
      next.wake();
    }
    assert.ok(settled, "nobody sleeps and nothing happens");
    return await watched;
  }
}

const down = (retryAfterMs?: number) =>
  new ChorusError("unavailable", "the line is cut", {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

function make(policy: RetryPolicy = {}) {
  const clock = new FakeClock();
  const told: Waiting[] = [];
  const retrying = new Retrying(
    "az://central",
    { clock, random: () => 1, ...policy },
    (waiting) => told.push(waiting),
  );
  return { clock, told, retrying };
}

/** Fails so often, then succeeds. */
function failing(times: number, error: () => unknown = down) {
  let calls = 0;
  return () => {
    if (calls++ < times) return Promise.reject(error());
    return Promise.resolve(calls);
  };
}

Deno.test("a call that succeeds is made once and nothing is waited", async () => {
  const { clock, retrying } = make();
  assert.deepEqual(await retrying.run(failing(0)), { value: 1, attempts: 1 });
  assert.deepEqual(clock.slept, []);
});

Deno.test("pauses double from the first to the longest", async () => {
  const { clock, retrying } = make({
    firstPauseMs: 100,
    longestPauseMs: 1_000,
  });
  const result = await clock.run(retrying.run(failing(6)));
  assert.deepEqual(result, { value: 7, attempts: 7 });
  assert.deepEqual(clock.slept, [100, 200, 400, 800, 1_000, 1_000]);
});

Deno.test("jitter shortens a pause to a half at most", async () => {
  for (const [random, expected] of [[0, 50], [0.5, 75], [0.999, 99.95]]) {
    const { clock, retrying } = make({
      firstPauseMs: 100,
      random: () => random ?? 0,
    });
    await clock.run(retrying.run(failing(1)));
    assert.deepEqual(clock.slept, [expected]);
  }
});

Deno.test("Retry-After is honoured over the own pause", async () => {
  const { clock, retrying } = make({ firstPauseMs: 100 });
  await clock.run(retrying.run(failing(2, () => down(45_000))));
  assert.deepEqual(clock.slept, [45_000, 45_000]);
});

Deno.test("only an unavailable service and bytes changed on the way are worth another try", async () => {
  for (
    const code of [
      "permission",
      "credentials",
      "not_found",
      "already_exists",
      "precondition_failed",
      "unsupported",
      "disk_full",
      "io",
      "source_changed",
    ] as const
  ) {
    const { clock, retrying } = make();
    const attempt = failing(1, () => new ChorusError(code, "no"));
    await assert.rejects(
      retrying.run(attempt),
      (error) => isChorusError(error, code) && error.attempts === 1,
    );
    assert.deepEqual(clock.slept, []);
  }
  const { clock, retrying } = make();
  const flipped = failing(2, () => new ChorusError("digest_mismatch", "bit"));
  assert.equal((await clock.run(retrying.run(flipped))).attempts, 3);
});

Deno.test("bytes that are changed on the way each time are given up", async () => {
  const { clock, retrying } = make({ maxAttempts: 4 });
  const attempt = failing(99, () => new ChorusError("digest_mismatch", "bit"));
  await assert.rejects(
    clock.run(retrying.run(attempt)),
    (error) => isChorusError(error, "digest_mismatch") && error.attempts === 4,
  );
  assert.equal(retrying.gaveUp, false);
});

Deno.test("an error of the program itself passes unchanged", async () => {
  const { retrying } = make();
  const bug = new TypeError("undefined is not a function");
  await assert.rejects(
    retrying.run(() => Promise.reject(bug)),
    (error) => error === bug,
  );
});

Deno.test("an error that the caller calls final is not tried again", async () => {
  const { clock, retrying } = make();
  const final = down();
  await assert.rejects(
    retrying.run(() => Promise.reject(final), { isFinal: (e) => e === final }),
    (error) => error === final,
  );
  assert.deepEqual(clock.slept, []);
});

Deno.test("a conflict after a retry tells that it may be our own success", async () => {
  const { clock, retrying } = make();
  let calls = 0;
  const attempt = () =>
    Promise.reject(
      ++calls === 1 ? down() : new ChorusError("already_exists", "there"),
    );
  await assert.rejects(
    clock.run(retrying.run(attempt)),
    (error) => isChorusError(error, "already_exists") && error.attempts === 2,
  );
});

Deno.test("a service that is down is waited for, told once, and given up at the limit", async () => {
  const { clock, told, retrying } = make({ maxWaitMs: 10 * 60_000 });
  await assert.rejects(
    clock.run(retrying.run(failing(Infinity))),
    (error) =>
      isChorusError(error, "unavailable") &&
      /has not answered for 10 minutes: the line is cut/.test(error.message) &&
      error.remedy !== undefined,
  );
  assert.equal(clock.time, 10 * 60_000);
  assert.equal(told.length, 1);
  assert.equal(told[0]?.untilMs, 10 * 60_000);
  assert.match(told[0]?.message ?? "", /az:\/\/central does not answer/);
  assert.equal(retrying.gaveUp, true);
});

Deno.test("many calls share one outage: one message, one wait, all give up together", async () => {
  const { clock, told, retrying } = make({ maxWaitMs: 60_000 });
  const calls = Array.from(
    { length: 50 },
    () => retrying.run(failing(Infinity)),
  );
  const results = await clock.run(Promise.allSettled(calls));
  assert.ok(results.every((result) =>
    result.status === "rejected" &&
    isChorusError(result.reason, "unavailable")
  ));
  assert.equal(told.length, 1);
  assert.equal(clock.time, 60_000);
  // Whoever comes later tries once and does not wait again.
  await assert.rejects(
    clock.run(retrying.run(failing(Infinity))),
    (error) => isChorusError(error, "unavailable") && error.attempts === 1,
  );
  assert.equal(clock.time, 60_000);
});

Deno.test("the first success ends the outage for all who wait, and the next one is told again", async () => {
  const { clock, told, retrying } = make({ longestPauseMs: 600_000 });
  let up = false;
  const attempt = () => up ? Promise.resolve("ok") : Promise.reject(down());
  const calls = Array.from({ length: 5 }, () => retrying.run(attempt));
  const recovery = retrying.run(async () => {
    if (clock.time > 20_000) up = true;
    return await attempt();
  });
  const results = await clock.run(Promise.all([...calls, recovery]));
  assert.ok(results.every(({ value }) => value === "ok"));
  assert.equal(told.length, 1);
  assert.equal(retrying.gaveUp, false);
  // Nobody slept out a pause that had grown to minutes.
  assert.ok(clock.time < 70_000, `${clock.time}`);
  await clock.run(retrying.run(failing(5)));
  assert.equal(told.length, 2);
});

Deno.test("waking up early still honours Retry-After", async () => {
  const { clock, retrying } = make({ firstPauseMs: 100 });
  const asked = retrying.run(failing(1, () => down(90_000)));
  await clock.run(retrying.run(failing(1)));
  assert.ok(clock.time < 1_000);
  await clock.run(asked);
  assert.ok(clock.time >= 90_000, `${clock.time}`);
});

Deno.test("one bad item is given up while others succeed, without an outage", async () => {
  const { clock, told, retrying } = make({ maxAttempts: 5 });
  let stop = false;
  const others = async () => {
    while (!stop) {
      await retrying.run(failing(0));
      await clock.sleep(50, new AbortController().signal);
    }
  };
  const busy = others();
  await assert.rejects(
    clock.run(retrying.run(failing(Infinity))),
    (error) => isChorusError(error, "unavailable") && error.attempts === 5,
  );
  stop = true;
  await clock.run(busy);
  assert.equal(told.length, 0);
  assert.equal(retrying.gaveUp, false);
});

Deno.test("a refusal is an answer: the service is not down", async () => {
  const { clock, retrying } = make({ maxAttempts: 3, maxWaitMs: 60_000 });
  let stop = false;
  const refused = async () => {
    while (!stop) {
      await assert.rejects(
        retrying.run(failing(1, () => new ChorusError("not_found", "no"))),
      );
      await clock.sleep(50, new AbortController().signal);
    }
  };
  const busy = refused();
  await assert.rejects(
    clock.run(retrying.run(failing(Infinity))),
    (error) => isChorusError(error, "unavailable") && error.attempts === 3,
  );
  stop = true;
  await clock.run(busy);
});

Deno.test("a cancelled call stops waiting at once, with the signal's reason", async () => {
  const { clock, told, retrying } = make();
  const stop = new AbortController();
  const call = retrying.run(failing(Infinity), { signal: stop.signal });
  await new Promise((done) => setTimeout(done, 0));
  const reason = new ChorusError("cancelled", "Stopped by SIGINT");
  stop.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.equal(clock.time, 0);
  assert.equal(told.length, 0);
});

Deno.test("the default clock sleeps and can be woken", async () => {
  const retrying = new Retrying("az://central", { firstPauseMs: 1 });
  assert.equal((await retrying.run(failing(2))).attempts, 3);
  const slow = new Retrying("az://central", { firstPauseMs: 1_000_000 });
  const stop = new AbortController();
  const call = slow.run(failing(Infinity), { signal: stop.signal });
  setTimeout(() => stop.abort(), 1);
  await assert.rejects(
    call,
    (error) => error instanceof DOMException && error.name === "AbortError",
  );
});
