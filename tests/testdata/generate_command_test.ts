import assert from "node:assert/strict";
import type { Edge } from "../../src/commands/edge.ts";
import { run } from "../../src/commands/program.ts";
import { TemporaryFolder, treeOf } from "./generated.ts";

/** Runs the program in this process, without a terminal. */
async function chorus(...args: string[]) {
  const result = { code: -1, out: "", err: "" };
  const edge: Edge = {
    terminal: {
      out: (text) => void (result.out += text),
      err: (text) => void (result.err += text),
      live: false,
      outIsTerminal: false,
      interactive: false,
      columns: 80,
      color: false,
    },
    environment: {},
    now: () => new Date(),
    signal: new AbortController().signal,
    user: () => "test",
    host: () => "test",
  };
  result.code = await run(["testdata", "generate", ...args], edge);
  // Sentences are wrapped wherever the temporary folder's name makes them.
  return { ...result, err: result.err.replace(/\n {2}/g, " ") };
}

Deno.test("testdata generate writes a site and says what is in it", async () => {
  await using folder = new TemporaryFolder();
  const output = folder.at("my site");
  const { code, out, err } = await chorus("--output", output, "--patients", "2", "--seed", "x");
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /scale tiny, 2 patients, seed "x"/);
  const files = (await treeOf(folder.at("my site/snapshot_1"))).length;
  assert.match(out, new RegExp(`snapshot_1 +${files} `));
  assert.ok(
    out.split("\n").filter((line) => !line.includes(output)).every((line) => line.length <= 80),
  );
});

Deno.test("testdata generate --json gives the totals of each snapshot", async () => {
  await using folder = new TemporaryFolder();
  const { out } = await chorus(
    "--output",
    folder.at("o"),
    "--patients",
    "1",
    "--snapshots",
    "3",
    "--json",
  );
  const { testdata } = JSON.parse(out);
  assert.equal(testdata.snapshots.length, 3);
  for (const { folder: name, files } of testdata.snapshots) {
    assert.equal((await treeOf(folder.at("o", name))).length, files);
  }
});

Deno.test("testdata generate --dry-run counts and writes nothing", async () => {
  await using folder = new TemporaryFolder();
  const { code, out } = await chorus("--output", folder.at("o"), "--patients", "1", "--dry-run");
  assert.equal(code, 0);
  assert.match(out, /^Would generate/);
  assert.match(out, /nothing was written/);
  assert.deepEqual(await treeOf(folder.path), []);
});

Deno.test("testdata generate replaces an earlier site only with --overwrite, anything else never", async () => {
  await using folder = new TemporaryFolder();
  const output = folder.at("o");
  const args = ["--output", output, "--patients", "1"];
  assert.equal((await chorus(...args)).code, 0);
  const refused = await chorus(...args, "--seed", "other");
  assert.equal(refused.code, 2);
  assert.match(refused.err, /earlier generated site/);
  assert.match(refused.err, /--overwrite/);
  assert.equal((await chorus(...args, "--seed", "other", "--overwrite")).code, 0);
  assert.match(await Deno.readTextFile(folder.at("o/changes.json")), /"seed": "other"/);
  await Deno.writeTextFile(folder.at("o/mine.txt"), "mine");
  const foreign = await chorus(...args, "--overwrite");
  assert.equal(foreign.code, 2);
  assert.match(foreign.err, /were not generated/);
  assert.equal(await Deno.readTextFile(folder.at("o/mine.txt")), "mine");
});

Deno.test("testdata generate refuses what it can't do, with what it can", async () => {
  await using folder = new TemporaryFolder();
  await Deno.writeTextFile(folder.at("file"), "");
  const output = folder.at("o");
  const cases: [string[], RegExp][] = [
    [["--output", output, "--scale", "huge"], /"huge".*\n.*tiny, small or large/],
    [["--output", output, "--snapshots", "100"], /1 to 99/],
    [["--output", output, "--patients", "0"], /at least 1/],
    [["--output", folder.at("file")], /is no folder/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await chorus(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, message);
  }
  assert.deepEqual(await treeOf(folder.path), ["file"]);
});
