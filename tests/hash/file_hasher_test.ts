import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { FileHasher, type FileHasherOptions } from "../../src/hash/file_hasher.ts";
import type { HashFailure } from "../../src/hash/hash_result.ts";
import { toHex } from "../../src/hash/hex.ts";
import {
  loadScalarKernel,
  type Md5Kernel,
  md5Kernel,
  writeState,
} from "../../src/hash/kernel/md5_kernel.ts";
import { Latency } from "../../src/hash/latency.ts";

const scalarKernel = await loadScalarKernel();

/** A mount on which everything takes long. */
class SlowLatency extends Latency {
  override get slow() {
    return true;
  }
  override probeDue() {
    return false;
  }
}

type Outcome = { md5: string; size: number; mtimeMs: number } | HashFailure;

async function hashAll(
  paths: readonly string[],
  { kernel = md5Kernel, areFiles = false, ...options }: FileHasherOptions & {
    kernel?: Md5Kernel;
    areFiles?: boolean;
  } = {},
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await using hasher = new FileHasher(kernel, {
    hashed: (id, state, { size, mtimeMs }) => {
      const bytes = new Uint8Array(16);
      writeState(state, bytes);
      assert.equal(outcomes[id], undefined);
      outcomes[id] = { md5: toHex(bytes), size, mtimeMs };
    },
    failed: (id, failure) => {
      assert.equal(outcomes[id], undefined);
      outcomes[id] = failure;
    },
    pause: () => {},
  }, options);
  // Whether a file is known to be one makes no difference where it is one.
  paths.forEach((path, id) => hasher.add(id, path, areFiles && id % 2 === 0));
  await hasher.run();
  return outcomes;
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SIZES = [0, 1, 55, 56, 63, 64, 65, 4096, 65_535, 65_536, 131_071, 131_072, 131_073, 300_001];
const ways = [
  { name: "one after the other on a fast disk", make: () => new Latency(), kernel: md5Kernel },
  { name: "many in flight on a slow mount", make: () => new SlowLatency(), kernel: md5Kernel },
  { name: "without SIMD on a fast disk", make: () => new Latency(), kernel: scalarKernel },
  { name: "without SIMD on a slow mount", make: () => new SlowLatency(), kernel: scalarKernel },
];

for (const { name, make, kernel } of ways) {
  Deno.test(`files of mixed sizes are hashed right, ${name}`, async () => {
    await withFolder(async (folder) => {
      const expected: Outcome[] = [];
      const paths: string[] = [];
      for (let i = 0; i < 120; i++) {
        const size = i < SIZES.length ? SIZES[i] : Math.floor(Math.random() ** 6 * 3_000_000);
        const content = randomBytes(size);
        const path = join(folder, `${i}`);
        await Deno.writeFile(path, content);
        const time = 1_700_000_000_000 + i;
        await Deno.utime(path, time / 1000, time / 1000);
        paths.push(path);
        expected.push({
          md5: createHash("md5").update(content).digest("hex"),
          size,
          mtimeMs: time,
        });
      }
      assert.deepEqual(await hashAll(paths, { kernel, latency: make(), areFiles: true }), expected);
    });
  });

  Deno.test(`one large file is read ahead and hashed right, ${name}`, async () => {
    await withFolder(async (folder) => {
      const content = randomBytes(9_500_001);
      const path = join(folder, "large");
      await Deno.writeFile(path, content);
      const [outcome] = await hashAll([path], { kernel, latency: make() });
      assert.ok("md5" in outcome);
      assert.equal(outcome.md5, createHash("md5").update(content).digest("hex"));
    });
  });

  Deno.test(`a file that changes while it is read has no MD5, ${name}`, async () => {
    await withFolder(async (folder) => {
      const changes: Record<string, (path: string) => void> = {
        grows: (path) => Deno.writeTextFileSync(path, "x", { append: true }),
        shrinks: (path) => Deno.truncateSync(path, 1000),
        rewritten: (path) => {
          using file = Deno.openSync(path, { write: true });
          file.writeSync(new Uint8Array(10));
        },
        replaced: (path) => {
          Deno.writeFileSync(`${path}.new`, new Uint8Array(400_000));
          Deno.renameSync(`${path}.new`, path);
        },
        removed: (path) => Deno.removeSync(path),
      };
      const paths: string[] = [];
      for (const [change] of Object.entries(changes)) {
        const path = join(folder, change);
        await Deno.writeFile(path, randomBytes(400_000));
        await Deno.utime(path, 1_700_000_000, 1_700_000_000);
        paths.push(path);
      }
      const steady = join(folder, "steady");
      await Deno.writeFile(steady, new Uint8Array(400_000));
      const changed = new Set<string>();
      const outcomes = await hashAll([...paths, steady], {
        kernel,
        latency: make(),
        afterRead: (path) => {
          const index = paths.indexOf(path);
          if (index < 0 || changed.has(path)) return;
          changed.add(path);
          Object.values(changes)[index](path);
        },
      });
      for (const [index, path] of paths.entries()) {
        const outcome = outcomes[index];
        assert.ok("reason" in outcome, `${path} was hashed`);
        assert.equal(outcome.reason, "changed", path);
      }
      assert.ok("md5" in outcomes[paths.length]);
    });
  });

  Deno.test(`what is no readable file is reported, the others are hashed, ${name}`, async () => {
    await withFolder(async (folder) => {
      const good = join(folder, "good");
      await Deno.writeTextFile(good, "abc");
      const pipe = join(folder, "pipe");
      assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
      const outcomes = await hashAll(
        [join(folder, "gone"), join(good, "below a file"), folder, pipe, good],
        { kernel, latency: make() },
      );
      assert.deepEqual(
        outcomes.slice(0, 4).map((outcome) => "reason" in outcome ? outcome.reason : outcome),
        ["vanished", "vanished", "not_a_file", "not_a_file"],
      );
      assert.ok("md5" in outcomes[4]);
      assert.equal(outcomes[4].md5, "900150983cd24fb0d6963f7d28e17f72");
    });
  });
}

Deno.test("a file that may not be read is unreadable", {
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
}, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "secret");
    await Deno.writeTextFile(path, "abc");
    await Deno.chmod(path, 0);
    const [outcome] = await hashAll([path]);
    assert.ok("reason" in outcome && outcome.reason === "unreadable");
  });
});

Deno.test("a read error is an outcome with the system's message", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  // Reading at address 0 of a process's memory fails with an input/output error.
  const [outcome] = await hashAll(["/proc/self/mem"]);
  assert.ok("reason" in outcome, "it was hashed");
  assert.equal(outcome.reason, "unreadable");
  assert.match(outcome.message, /os error 5/);
});

Deno.test("a file whose size is 0 and that has content is not taken for empty", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  for (const latency of [new Latency(), new SlowLatency()]) {
    const [outcome] = await hashAll(["/proc/self/status"], { latency });
    assert.deepEqual(outcome, {
      ok: false,
      reason: "changed",
      message: "Has content though its size is 0",
    });
  }
});

Deno.test("a hasher that is closed in the middle gives its memory back", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "large");
    await Deno.writeFile(path, new Uint8Array(20_000_000));
    let done = 0;
    const sink = { hashed: () => done++, failed: () => {}, pause: () => {} };
    // Far more often than the kernel's 32 MiB have room for.
    for (let i = 0; i < 60; i++) {
      const latency = i % 2 === 0 ? new Latency() : new SlowLatency();
      const hasher = new FileHasher(md5Kernel, sink, { latency });
      for (let id = 0; id < 4; id++) hasher.add(id, path);
      const work = hasher.run();
      await hasher[Symbol.asyncDispose]();
      await work;
    }
    assert.ok(done < 60);
  });
});
