import assert from "node:assert/strict";
import { FileCalls, type StatFunctions } from "../../src/scan/file_calls.ts";

const info = {} as Deno.FileInfo;

/** A mount of which the clock is moved by hand, and that counts what is in flight. */
class Mount implements StatFunctions {
  /** Milliseconds that a call takes. */
  latency = 0.01;
  clock = 0;
  inFlight = 0;
  peak = 0;
  calls = { sync: 0, async: 0 };
  now = () => this.clock;
  lstatSync = () => {
    this.calls.sync++;
    this.clock += this.latency;
    return info;
  };
  lstat = async () => {
    this.calls.async++;
    this.peak = Math.max(this.peak, ++this.inFlight);
    await Promise.resolve();
    this.inFlight--;
    return info;
  };
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

async function ask(calls: FileCalls, count: number): Promise<number[]> {
  const found: number[] = [];
  await calls.lstatAll("/", names(count), {
    found: (index) => found.push(index),
    failed: () => assert.fail("nothing fails here"),
  });
  return found.sort((a, b) => a - b);
}

Deno.test("a fast disk is asked synchronously, each file once", async () => {
  const mount = new Mount();
  const calls = new FileCalls(mount);
  assert.deepEqual(await ask(calls, 5_000), [...names(5_000).keys()]);
  assert.deepEqual(mount.calls, { sync: 5_000, async: 0 });
  assert.ok(!calls.slow);
});

Deno.test("a slow mount is found out by its first files and has dozens in flight", async () => {
  const mount = new Mount();
  mount.latency = 1;
  const calls = new FileCalls(mount);
  assert.deepEqual(await ask(calls, 5_000), [...names(5_000).keys()]);
  assert.ok(calls.slow);
  assert.ok(mount.calls.sync < 60, `${mount.calls.sync} synchronous calls`);
  assert.equal(mount.calls.sync + mount.calls.async, 5_000);
  assert.ok(mount.peak >= 16 && mount.peak <= 64, `${mount.peak} in flight`);
});

Deno.test("the choice follows the mount when its latency changes, both ways", async () => {
  const mount = new Mount();
  const calls = new FileCalls(mount);
  await ask(calls, 100);
  mount.latency = 1;
  await ask(calls, 100);
  assert.ok(calls.slow);
  mount.latency = 0.01;
  // Many small folders are as good as one large one for noticing.
  for (let folder = 0; folder < 100 && calls.slow; folder++) await ask(calls, 20);
  assert.ok(!calls.slow);
});

Deno.test("one hiccup changes nothing", async () => {
  const mount = new Mount();
  const calls = new FileCalls(mount);
  await ask(calls, 100);
  const lstatSync = mount.lstatSync;
  mount.lstatSync = () => {
    mount.clock += 50;
    mount.lstatSync = lstatSync;
    return lstatSync();
  };
  await ask(calls, 100);
  assert.ok(!calls.slow);
});

Deno.test("a file that can't be asked is told by its index, in either way", async () => {
  for (const latency of [0.01, 1]) {
    const mount = new Mount();
    mount.latency = latency;
    const calls = new FileCalls({
      now: mount.now,
      lstatSync: (path: string) => {
        mount.lstatSync();
        if (path === "/77") throw new Error(path);
        return info;
      },
      lstat: async (path: string) => {
        await mount.lstat();
        if (path === "/77") throw new Error(path);
        return info;
      },
    });
    const failed: [number, unknown][] = [];
    let found = 0;
    await calls.lstatAll("/", names(100), {
      found: () => found++,
      failed: (index, error) => failed.push([index, error]),
    });
    assert.equal(found, 99);
    assert.equal(failed.length, 1);
    assert.equal(failed[0][0], 77);
    assert.match(String(failed[0][1]), /\/77/);
  }
});

Deno.test("a busy machine that takes the processor away every few calls is no slow mount", async () => {
  const mount = new Mount();
  const calls = new FileCalls(mount);
  const lstatSync = mount.lstatSync;
  mount.lstatSync = () => {
    if (mount.calls.sync % 8 === 5) mount.clock += 4;
    return lstatSync();
  };
  await ask(calls, 5_000);
  assert.ok(!calls.slow);
  assert.equal(mount.calls.async, 0);
});
