import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { HashPool, type HashResult } from "../../src/hash/hash_pool.ts";
import type { HashRequest } from "../../src/hash/hash_result.ts";
import { type StartHashThread, startWorker } from "../../src/hash/hash_thread.ts";

interface Named extends HashRequest {
  name: string;
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeFiles(
  folder: string,
  count: number,
  sizeOf: (index: number) => number,
): Promise<{ requests: Named[]; expected: Map<string, string> }> {
  const requests: Named[] = [];
  const expected = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const content = randomBytes(sizeOf(i));
    const name = `file ${i}`;
    const path = join(folder, name);
    await Deno.writeFile(path, content);
    requests.push({ name, path, size: i % 3 === 0 ? -1 : content.length });
    expected.set(name, createHash("md5").update(content).digest("hex"));
  }
  return { requests, expected };
}

function* inBatches<T>(items: readonly T[], length: number): Generator<T[]> {
  for (let i = 0; i < items.length; i += length) yield items.slice(i, i + length);
}

async function collect<T extends HashRequest>(
  results: AsyncIterable<HashResult<T>[]>,
): Promise<HashResult<T>[]> {
  const all: HashResult<T>[] = [];
  for await (const batch of results) {
    assert.ok(batch.length > 0);
    all.push(...batch);
  }
  return all;
}

/** The MD5s by name; fails when a file has none, or two. */
function digests(results: readonly HashResult<Named>[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { request, outcome } of results) {
    assert.ok(outcome.ok, `${request.name}: ${JSON.stringify(outcome)}`);
    assert.ok(!found.has(request.name), `${request.name} came twice`);
    assert.ok(outcome.seconds >= 0);
    found.set(request.name, outcome.md5);
  }
  return new Map([...found].sort());
}

/** Counts the workers that are started and alive. */
function counting(start: StartHashThread = startWorker) {
  const counts = { started: 0, alive: 0 };
  const startThread: StartHashThread = (events) => {
    counts.started++;
    counts.alive++;
    const thread = start(events);
    return {
      post: (job) => thread.post(job),
      terminate: async () => {
        counts.alive--;
        await thread.terminate();
      },
    };
  };
  return { counts, startWorker: startThread };
}

const dyingWorker: StartHashThread = (events) =>
  startWorker(events, new URL("./dying_worker.ts", import.meta.url));

Deno.test("a pool hashes a random mix of files right, each of them once", async () => {
  await withFolder(async (folder) => {
    const { requests, expected } = await writeFiles(
      folder,
      400,
      () => Math.floor(Math.random() ** 12 * 1_000_000),
    );
    await using pool = new HashPool({ workers: 2 });
    const results = await collect(pool.hash(inBatches(requests, 37)));
    assert.deepEqual(digests(results), new Map([...expected].sort()));
    assert.ok(pool.times.hashing > 0 && pool.times.reading > 0);
  });
});

Deno.test("a handful of small files is hashed without a worker, more of them with some", async () => {
  await withFolder(async (folder) => {
    const { requests, expected } = await writeFiles(folder, 60, (i) => 10 * i);
    const { counts, startWorker } = counting();
    {
      await using pool = new HashPool({ workers: 2, startWorker });
      const few = await collect(pool.hash(inBatches(requests.slice(0, 20), 7)));
      assert.equal(few.length, 20);
      assert.equal(counts.started, 0);
      const all = await collect(pool.hash(inBatches(requests, 60)));
      assert.deepEqual(digests(all), new Map([...expected].sort()));
      assert.equal(counts.started, 2);
    }
    assert.equal(counts.alive, 0);
  });
});

Deno.test("a few files that turn out to be large are given to workers", async () => {
  await withFolder(async (folder) => {
    const paths = ["a", "b"].map((name) => join(folder, name));
    for (const path of paths) {
      await Deno.writeFile(path, new Uint8Array());
      await Deno.truncate(path, 10_000_000);
    }
    const { counts, startWorker } = counting();
    await using pool = new HashPool({ workers: 2, startWorker });
    const results = await collect(pool.hash([paths.map((path) => ({ path, size: -1 }))]));
    assert.ok(results.every(({ outcome }) => outcome.ok));
    assert.equal(counts.started, 2);
  });
});

Deno.test("an impossible path fails alone and shifts no other file's result", async () => {
  await withFolder(async (folder) => {
    const { requests, expected } = await writeFiles(folder, 40, (i) => 10 * i);
    const impossible = { name: "impossible", path: `${folder}/a\0${folder}/b` };
    await using pool = new HashPool({ workers: 2 });
    const results = await collect(pool.hash([[impossible, ...requests]]));
    const failed = results.filter(({ outcome }) => !outcome.ok);
    assert.deepEqual(failed.map(({ request }) => request.name), ["impossible"]);
    assert.deepEqual(
      digests(results.filter(({ outcome }) => outcome.ok)),
      new Map([...expected].sort()),
    );
  });
});

Deno.test("no files give no results", async () => {
  await using pool = new HashPool();
  assert.deepEqual(await collect(pool.hash([])), []);
  assert.deepEqual(await collect(pool.hash([[], []])), []);
});

Deno.test("the pool reports all bytes, also those of a large file before it is done", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "large");
    const size = 100 * 1024 * 1024;
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, size);
    const seen: number[] = [];
    let finished = false;
    await using pool = new HashPool({
      workers: 1,
      onBytes: (bytes) => {
        assert.ok(!finished);
        seen.push(bytes);
      },
    });
    for await (const batch of pool.hash([[{ path, size }]])) {
      assert.ok(batch[0].outcome.ok);
      finished = true;
    }
    assert.ok(seen.length > 1);
    assert.equal(seen.reduce((a, b) => a + b), size);
  });
});

Deno.test("no more files are read from the input than may be in flight", async () => {
  await withFolder(async (folder) => {
    const { requests } = await writeFiles(folder, 10, () => 100);
    let read = 0;
    let given = 0;
    let peak = 0;
    function* input() {
      for (let i = 0; i < 200; i++) {
        read += requests.length;
        peak = Math.max(peak, read - given);
        yield requests;
      }
    }
    await using pool = new HashPool({ workers: 2, filesInFlight: 100 });
    for await (const batch of pool.hash(input())) {
      // A slow consumer.
      await new Promise((resolve) => setTimeout(resolve, 1));
      given += batch.length;
    }
    assert.equal(given, 2000);
    assert.ok(peak <= 110, `${peak} files were in flight`);
    assert.ok(peak >= 100, `only ${peak} files were in flight`);
  });
});

Deno.test("files are handed out while the input is still waiting for more", async () => {
  await withFolder(async (folder) => {
    const { requests } = await writeFiles(folder, 2, () => 100);
    const firstIsDone = Promise.withResolvers<void>();
    async function* input() {
      yield requests.slice(0, 1);
      await firstIsDone.promise;
      yield requests.slice(1);
    }
    await using pool = new HashPool();
    let count = 0;
    for await (const batch of pool.hash(input())) {
      count += batch.length;
      firstIsDone.resolve();
    }
    assert.equal(count, 2);
  });
});

Deno.test("the files of a worker that dies fail, the others are hashed by its successor", async () => {
  await withFolder(async (folder) => {
    const { requests, expected } = await writeFiles(folder, 300, () => 5000);
    const deadly = { name: "deadly", path: join(folder, "deadly") };
    const { counts, startWorker } = counting(dyingWorker);
    await using pool = new HashPool({ workers: 1, startWorker });
    const before = await collect(pool.hash([requests.slice(0, 100)]));
    assert.equal(digests(before).size, 100);
    async function* input() {
      yield requests.slice(100, 150);
      yield [deadly];
      // The rest comes when the worker is dead.
      await died.promise;
      yield requests.slice(150);
    }
    const died = Promise.withResolvers<void>();
    const failed: string[] = [];
    const hashed = new Map<string, string>();
    for await (const batch of pool.hash(input())) {
      for (const { request, outcome } of batch) {
        if (outcome.ok) {
          hashed.set(request.name, outcome.md5);
          continue;
        }
        assert.equal(outcome.reason, "worker_died");
        assert.match(outcome.message, /the worker's memory is gone/);
        failed.push(request.name);
        died.resolve();
      }
    }
    assert.ok(failed.includes("deadly"));
    assert.equal(failed.length + hashed.size, 201);
    for (const [name, md5] of hashed) assert.equal(md5, expected.get(name));
    assert.ok(requests.slice(150).every(({ name }) => hashed.has(name)));
    assert.equal(counts.started, 2);
  });
});

Deno.test("where no worker can start the files are hashed without", async () => {
  await withFolder(async (folder) => {
    const { requests, expected } = await writeFiles(folder, 400, (i) => 100 * i);
    const { counts, startWorker } = counting((events) => {
      queueMicrotask(() => events.died("Requires read access"));
      return { post: () => {}, terminate: () => Promise.resolve() };
    });
    await using pool = new HashPool({ workers: 2, startWorker });
    const results = await collect(pool.hash(inBatches(requests, 50)));
    assert.deepEqual(digests(results), new Map([...expected].sort()));
    assert.ok(counts.started >= 1);
  });
});

Deno.test("a signal stops the pool in the middle of a file that never ends", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "huge");
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, 2 ** 40);
    const { counts, startWorker } = counting();
    const controller = new AbortController();
    await using pool = new HashPool({
      workers: 2,
      startWorker,
      onBytes: () => controller.abort(new Error("Ctrl-C")),
    });
    let inputClosed = false;
    function* input() {
      try {
        for (;;) yield [{ path, size: 2 ** 40 }];
      } finally {
        inputClosed = true;
      }
    }
    await assert.rejects(
      collect(pool.hash(input(), { signal: controller.signal })),
      /Ctrl-C/,
    );
    assert.ok(inputClosed);
    assert.equal(counts.alive, 0);
    // The pool goes on with other files.
    await Deno.truncate(path, 0);
    const [result] = await collect(pool.hash([[{ path }]]));
    assert.ok(result.outcome.ok);
    assert.equal(result.outcome.md5, "d41d8cd98f00b204e9800998ecf8427e");
  });
});

Deno.test("a signal that is aborted already hashes nothing", async () => {
  await using pool = new HashPool();
  const results = pool.hash([[{ path: "x" }]], { signal: AbortSignal.abort() });
  await assert.rejects(collect(results), { name: "AbortError" });
});

Deno.test("a consumer that stops early lets go of the input and the workers", async () => {
  await withFolder(async (folder) => {
    const { requests } = await writeFiles(folder, 100, () => 1000);
    let inputClosed = false;
    async function* input() {
      try {
        for (;;) yield await Promise.resolve(requests);
      } finally {
        inputClosed = true;
      }
    }
    const { counts, startWorker } = counting();
    await using pool = new HashPool({ workers: 2, startWorker });
    for await (const batch of pool.hash(input())) {
      assert.ok(batch.length > 0);
      break;
    }
    assert.ok(inputClosed);
    assert.equal(counts.alive, 0);
  });
});

Deno.test("an error of the input is the iterator's error", async () => {
  async function* input() {
    yield await Promise.resolve([{ path: "/nowhere" }]);
    throw new Error("the walk broke off");
  }
  await using pool = new HashPool();
  await assert.rejects(collect(pool.hash(input())), /the walk broke off/);
});

Deno.test("a pool refuses a second call while one is under way", async () => {
  await withFolder(async (folder) => {
    const { requests } = await writeFiles(folder, 2, () => 1000);
    await using pool = new HashPool();
    const first = pool.hash(inBatches(requests, 1));
    await first.next();
    await assert.rejects(
      pool.hash(inBatches(requests, 1)).next(),
      /Can't hash: this pool is hashing other files/,
    );
    await first.return();
    assert.equal((await collect(pool.hash([requests]))).length, 2);
  });
});

Deno.test("closing the pool ends a call that is under way", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "huge");
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, 2 ** 40);
    const { counts, startWorker } = counting();
    const pool = new HashPool({ workers: 1, startWorker });
    const next = pool.hash([[{ path, size: 2 ** 40 }]]).next();
    // Started, but not done.
    await new Promise((resolve) => setTimeout(resolve, 10));
    await Promise.all([
      assert.rejects(next, { name: "AbortError" }),
      pool[Symbol.asyncDispose](),
    ]);
    assert.equal(counts.alive, 0);
  });
});
