import assert from "node:assert/strict";
import { join } from "node:path";
import { BenchSite } from "../../bench/bench_site.ts";
import { runGroup } from "../../bench/main.ts";
import { processCost } from "../../bench/process_cost.ts";
import { makeTree, treePath } from "../../bench/tree.ts";
import type { Group } from "../../bench/group.ts";

Deno.test({
  name: "the cost of a process holds its processor time and its peak memory",
  // The figures come from /proc.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const work = "const a = new Uint8Array(200e6).fill(1); const t = performance.now();" +
      "while (performance.now() - t < 150);";
    const { wall, cpu, peakMb } = await processCost(Deno.execPath(), ["eval", work]);
    assert.ok(wall >= 0.15, `wall ${wall}`);
    assert.ok(cpu > 0, `cpu ${cpu}`);
    assert.ok(peakMb > 200, `peak ${peakMb}`);
  },
});

Deno.test("a process that fails is an error with what it said", async () => {
  await assert.rejects(
    processCost(Deno.execPath(), ["eval", "console.error('no luck'); Deno.exit(3)"]),
    /exit code 3: no luck/,
  );
});

Deno.test("a tree has its files, each with other content, all of them old", async () => {
  const root = await Deno.makeTempDir();
  try {
    makeTree(root, { files: 5, bytes: 100, perFolder: 2 });
    const contents = new Set<string>();
    for (let number = 0; number < 5; number++) {
      const path = join(root, treePath(number, 2));
      contents.add((await Deno.readFile(path)).toString());
      const { size, mtime } = await Deno.stat(path);
      assert.equal(size, 100);
      assert.ok(mtime !== null && Date.now() - mtime.getTime() > 24 * 3600 * 1000);
    }
    assert.equal(contents.size, 5);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a group runs in a folder that is gone afterwards, also when it fails", async () => {
  const folders: string[] = [];
  const options = { runs: 1, scale: 0.001, print: () => {} };
  const group: Group = {
    name: "tiny",
    about: "a first update",
    async run({ folder, report, scaled }) {
      folders.push(folder);
      const root = join(folder, "site");
      makeTree(root, { files: scaled(3_000), bytes: 10, perFolder: 2 });
      const site = await BenchSite.make({ folder: join(folder, "work"), root });
      const { wall } = await site.firstUpdate();
      report({ name: "update", ours: `${wall}`, peer: "", ratio: wall });
    },
  };
  const { results, skipped } = await runGroup(group, options);
  assert.equal(results.length, 1);
  assert.ok((results[0].ratio ?? 0) > 0);
  assert.deepEqual(skipped, []);
  const failing: Group = {
    ...group,
    run({ folder }) {
      folders.push(folder);
      return Promise.reject(new Error("no luck"));
    },
  };
  await assert.rejects(runGroup(failing, options), /no luck/);
  for (const folder of folders) await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
});
