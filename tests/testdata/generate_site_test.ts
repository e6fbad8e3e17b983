import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { applySnapshot } from "../../testdata/site/apply_snapshot.ts";
import { type ChangeEntry, readChanges, type SnapshotEntry } from "../../testdata/site/changes.ts";
import { generateSite, measureSite, OutputNotEmpty } from "../../testdata/site/generate_site.ts";
import { ACTIONS } from "../../testdata/site/planned_file.ts";
import { specify } from "../../testdata/site/site_options.ts";
import { writeSnapshot } from "../../testdata/site/write_snapshot.ts";
import { generated, TemporaryFolder, treeOf } from "./generated.ts";

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** What a seed gives, without writing it. */
function entriesOf(seed: string, snapshot: number): ChangeEntry[] {
  return [...writeSnapshot(specify({ seed }), snapshot, { kind: "nowhere", digests: true })];
}

Deno.test("a seed gives these bytes and times, on every platform and in every release", () => {
  const digest = createHash("md5");
  for (const snapshot of [1, 2, 3]) {
    for (const entry of entriesOf("golden", snapshot)) {
      digest.update(`${entry.path} ${entry.action} ${entry.md5} ${entry.mtimeMs}\n`);
    }
  }
  // A generator that was changed on purpose gives another one: then write it here.
  assert.equal(digest.digest("hex"), "9c83674712c43acf66104d962b5b50e5");
});

Deno.test("the same seed gives the same files twice, another seed gives others", async () => {
  await using first = new TemporaryFolder();
  await using second = new TemporaryFolder();
  await generated(first, { seed: "a" });
  await generated(second, { seed: "a" });
  const paths = await treeOf(first.at("out"));
  assert.deepEqual(await treeOf(second.at("out")), paths);
  for (const path of paths) {
    const bytes = await Deno.readFile(first.at("out", path));
    assert.equal(md5(bytes), md5(await Deno.readFile(second.at("out", path))), path);
    if (path === "changes.json") continue;
    const [one, other] = [
      await Deno.stat(first.at("out", path)),
      await Deno.stat(second.at("out", path)),
    ];
    assert.equal(one.mtime?.getTime(), other.mtime?.getTime(), path);
  }
  const digests = new Set(entriesOf("a", 1).map((entry) => entry.md5));
  const same = entriesOf("b", 1).filter((entry) => digests.has(entry.md5));
  // What says the same of every site, and files of the first patients with odd names.
  assert.ok(same.length < 25, `${same.length} files are the same under another seed`);
});

Deno.test("changes.json tells the truth about every file of every snapshot", async () => {
  await using folder = new TemporaryFolder();
  const entries = await generated(folder, { snapshots: 3 });
  for (const snapshot of [1, 2, 3]) {
    const present = entries.filter((entry) =>
      entry.snapshot === snapshot && entry.action !== "gone"
    );
    const root = folder.at("out", `snapshot_${snapshot}`);
    assert.deepEqual(await treeOf(root), present.map(({ path }) => path).sort());
    for (const entry of present) {
      const file = `${root}/${entry.path}`;
      const { size, mtime } = await Deno.stat(file);
      assert.equal(size, entry.size, entry.path);
      assert.equal(mtime?.getTime(), entry.mtimeMs, entry.path);
      assert.equal(md5(await Deno.readFile(file)), entry.md5, entry.path);
    }
  }
});

/** What is true of a file between two snapshots, by its two entries alone. */
function actionBetween(old: SnapshotEntry | undefined, entry: SnapshotEntry): string {
  if (old === undefined || old.action === "gone") return "added";
  if (entry.md5 === null) return "gone";
  if (entry.md5 !== old.md5) return "changed";
  return entry.mtimeMs === old.mtimeMs ? "kept" : "touched";
}

Deno.test("each action is what really happened, and none is left out", () => {
  for (const seed of ["a", "b"]) {
    let before = new Map<string, SnapshotEntry>();
    for (let snapshot = 1; snapshot <= 8; snapshot++) {
      const now = new Map<string, SnapshotEntry>();
      for (const entry of entriesOf(seed, snapshot)) {
        assert.ok(!now.has(entry.path), `${entry.path} is there twice`);
        now.set(entry.path, { snapshot, ...entry });
      }
      for (const entry of now.values()) {
        assert.equal(entry.action, actionBetween(before.get(entry.path), entry), entry.path);
        const old = before.get(entry.path);
        if (entry.action === "changed") assert.notEqual(entry.mtimeMs, old?.mtimeMs, entry.path);
      }
      for (const [path, { action }] of before) {
        if (action !== "gone") assert.ok(now.has(path), `${path} vanished without a word`);
      }
      before = now;
    }
  }
});

Deno.test("the second snapshot has every action, changes that keep the size, in each modality some", () => {
  for (const seed of ["chorus", "1", "2", "3"]) {
    const first = new Map(entriesOf(seed, 1).map((entry) => [entry.path, entry]));
    const second = entriesOf(seed, 2);
    for (const action of ACTIONS) {
      assert.ok(second.some((entry) => entry.action === action), `${seed}: ${action}`);
    }
    for (const modality of ["OMOP", "Images", "Waveforms", "Metadata"]) {
      const actions = new Set(
        second.filter((each) => each.modality === modality).map(({ action }) => action),
      );
      assert.ok(actions.size >= 4, `${seed}, ${modality}: ${[...actions]}`);
    }
    const changed = second.filter(({ action }) => action === "changed");
    const sameSize = changed.filter(({ path, size }) => first.get(path)?.size === size);
    assert.ok(sameSize.length > 0 && sameSize.length < changed.length, seed);
  }
});

Deno.test("every time lies in the past, and no snapshot's before the one before it", () => {
  for (const entry of entriesOf("a", 99)) {
    if (entry.mtimeMs !== null) assert.ok(entry.mtimeMs < Date.now(), entry.path);
  }
  const times = [1, 2].map((snapshot) =>
    entriesOf("a", snapshot).filter(({ action }) => action === "added" || action === "changed")
      .map(({ mtimeMs }) => mtimeMs ?? 0)
  );
  assert.ok(Math.max(...times[0]) < Math.min(...times[1]));
});

Deno.test("a folder brought from snapshot to snapshot is the whole tree of each", async () => {
  await using folder = new TemporaryFolder();
  const options = { seed: "steps", snapshots: 4 };
  const entries = await generated(folder, options);
  const site = folder.at("site");
  await Deno.mkdir(site);
  for (let snapshot = 1; snapshot <= 4; snapshot++) {
    const told: ChangeEntry[] = [];
    applySnapshot(site, options, snapshot, (entry) => told.push(entry));
    assert.deepEqual(
      told.map((entry) => JSON.parse(JSON.stringify({ snapshot, ...entry }))),
      entries.filter((entry) => entry.snapshot === snapshot),
    );
    const whole = folder.at("out", `snapshot_${snapshot}`);
    const paths = await treeOf(whole);
    assert.deepEqual(await treeOf(site), paths);
    for (const path of paths) {
      assert.equal(
        (await Deno.stat(`${site}/${path}`)).mtime?.getTime(),
        (await Deno.stat(`${whole}/${path}`)).mtime?.getTime(),
        path,
      );
      assert.deepEqual(
        await Deno.readFile(`${site}/${path}`),
        await Deno.readFile(`${whole}/${path}`),
      );
    }
  }
});

Deno.test("measuring counts exactly what generating writes", async () => {
  await using folder = new TemporaryFolder();
  const options = { seed: "m", patients: 3 };
  const written = await generateSite({ ...options, output: folder.at("out") });
  const measured = await measureSite(options);
  assert.deepEqual(measured.snapshots, written.snapshots);
  assert.ok(written.snapshots[0].files > 30);
});

Deno.test("a folder with anything else in it is never replaced", async () => {
  await using folder = new TemporaryFolder();
  const output = folder.at("out");
  await Deno.mkdir(output);
  await Deno.writeTextFile(folder.at("out", "thesis.txt"), "two years of work");
  await assert.rejects(
    generateSite({ output, overwrite: true }),
    (error) => error instanceof OutputNotEmpty && !error.replaceable,
  );
  assert.equal(await Deno.readTextFile(folder.at("out", "thesis.txt")), "two years of work");
  await Deno.rename(folder.at("out", "thesis.txt"), folder.at("out", "changes.json"));
  await assert.rejects(generateSite({ output, overwrite: true }), OutputNotEmpty);
  assert.equal(await Deno.readTextFile(folder.at("out", "changes.json")), "two years of work");
});

Deno.test("an earlier site is replaced with a yes only, one that was interrupted too", async () => {
  await using folder = new TemporaryFolder();
  const output = folder.at("out");
  const controller = new AbortController();
  await assert.rejects(
    generateSite({
      output,
      patients: 40,
      signal: controller.signal,
      onProgress: ({ files }) => files === 300 && controller.abort(),
    }),
    { name: "AbortError" },
  );
  await assert.rejects(
    generateSite({ output }),
    (error) => error instanceof OutputNotEmpty && error.replaceable,
  );
  const { snapshots, changes } = await generateSite({ output, patients: 1, overwrite: true });
  assert.equal((await treeOf(folder.at("out/snapshot_1"))).length, snapshots[0].files);
  const entries = await Array.fromAsync(readChanges(changes));
  assert.equal(entries.filter(({ snapshot }) => snapshot === 1).length, snapshots[0].files);
  JSON.parse(await Deno.readTextFile(changes));
});

Deno.test("options out of range are refused before anything is written", async () => {
  await using folder = new TemporaryFolder();
  const output = folder.at("out");
  for (const wrong of [{ patients: 0 }, { patients: 1.5 }, { snapshots: 100 }, { snapshots: -1 }]) {
    await assert.rejects(generateSite({ output, ...wrong }), RangeError);
  }
  assert.deepEqual(await treeOf(folder.path), []);
});

Deno.test("memory does not grow with the files", async () => {
  await using folder = new TemporaryFolder();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--v8-flags=--expose-gc",
      fileURLToPath(new URL("./memory_of_generation.ts", import.meta.url)),
      folder.at("out"),
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { files, early, late } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(files > 5_000);
  // 5,000 remembered files would take more: each has a path and an entry of 300 bytes and more.
  assert.ok(late - early < 1_000_000, `${early} bytes after 500 files, ${late} at the end`);
});
