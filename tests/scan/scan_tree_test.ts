import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { scanTree } from "../../src/scan/scan_tree.ts";
import type { TreeModality } from "../../src/scan/tree_modality.ts";
import { collect, modality, SampleTree, STANDARD } from "./sample_tree.ts";

const fixture = new URL("../../../shared/fixtures/site_v1", import.meta.url).pathname;

Deno.test({
  name: "the predecessor's sample site has 27 files of four modalities and 3 of none",
  ignore: !existsSync(fixture),
  async fn() {
    const { files, problems, unmatched, skipped } = await collect(scanTree(fixture, STANDARD));
    assert.equal(files.length, 27);
    assert.deepEqual(problems, []);
    assert.deepEqual(unmatched, { ".": 1 });
    assert.deepEqual(skipped, ["7/Notes", "7/waveforms_old"]);
    assert.ok(files.includes("Images José_4/images/lower case dir.dcm"));
    assert.ok(files.includes("Waveforms José_4/WAVEFORMS/upper.dat"));
    assert.ok(
      files.includes("Images 7/Images/Ro\u0308ntgen_zwei.png".normalize("NFC")) !==
        files.includes("Images 7/Images/Ro\u0308ntgen_zwei.png"),
    );
  },
});

Deno.test("files come with size, time, patient and version", async () => {
  await using tree = new SampleTree();
  tree.write("v1/p_07/Images/ct/a.dcm");
  const path = `${tree.root}/v1/p_07/Images/ct/a.dcm`;
  Deno.utimeSync(path, 1_700_000_000.25, 1_700_000_000.25);
  const items = await Array.fromAsync(scanTree(tree.root, [
    modality("Images", { pattern: "{version}/{patient_id:w}/Images/{filepath}" }),
  ]));
  assert.deepEqual(items, [{
    kind: "files",
    modality: "Images",
    folder: "v1/p_07/Images/ct",
    files: [{
      name: "a.dcm",
      size: "v1/p_07/Images/ct/a.dcm".length,
      mtimeMs: 1_700_000_000_250,
      personId: "p_07",
      version: "v1",
    }],
  }]);
});

Deno.test("without stat, sizes and times are -1", async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/a.csv");
  const items = await Array.fromAsync(scanTree(tree.root, STANDARD, { stat: false }));
  assert.deepEqual(items, [{
    kind: "files",
    modality: "OMOP",
    folder: "OMOP",
    files: [{ name: "a.csv", size: -1, mtimeMs: -1, personId: undefined, version: undefined }],
  }]);
});

Deno.test("patient and version may stand in a file's name", async () => {
  await using tree = new SampleTree();
  tree.write("W/v1_p1_x.dat", "W/v.2_p2_y.dat", "W/v 3_p3_z.dat", "W/plain");
  const trees = [modality("W", { pattern: "W/{version}_{patient_id}_{filepath}" })];
  const found = [];
  for await (const item of scanTree(tree.root, trees)) {
    if (item.kind === "files") {
      found.push(...item.files.map((f) => [f.name, f.personId, f.version]));
    }
  }
  assert.deepEqual(found, [["v.2_p2_y.dat", "p2", "v.2"], ["v1_p1_x.dat", "p1", "v1"]]);
  const { problems, unmatched, reasons } = await collect(scanTree(tree.root, trees));
  assert.deepEqual(problems, ["W/v 3_p3_z.dat: version (W)"]);
  assert.match(reasons.get("W/v 3_p3_z.dat")?.reason ?? "", /"v 3" can't be a version/);
  assert.deepEqual(unmatched, { W: 1 });
});

Deno.test("a folder whose name is no version is reported once and not read", async () => {
  await using tree = new SampleTree();
  tree.write("v 1/p1/Images/a", "v 1/p1/Images/b", "v2/p1/Images/a");
  const read: string[] = [];
  const { files, problems } = await collect(scanTree(tree.root, [
    modality("Images", { pattern: "{version}/{patient_id}/Images/{filepath}" }),
  ], { onFolder: (folder) => read.push(folder) }));
  assert.deepEqual(files, ["Images v2/p1/Images/a"]);
  assert.deepEqual(problems, ["v 1: version (Images)"]);
  assert.deepEqual(read, [".", "v2", "v2/p1", "v2/p1/Images"]);
});

Deno.test("a folder comes before those below it, and names ascend by their UTF-8 bytes", async () => {
  await using tree = new SampleTree();
  tree.write(
    ...["b/z", "a/\u{1f600}", "a/\uffee", "a/é", "a/Z", "a/_", "a/a/b", "a-b/c", "a/b", "top"],
  );
  const { files } = await collect(scanTree(tree.root, [modality("M", { pattern: "{filepath}" })]));
  assert.deepEqual(
    files,
    ["top", "a/Z", "a/_", "a/b", "a/é", "a/\uffee", "a/\u{1f600}", "a/a/b", "a-b/c", "b/z"]
      .map((path) => `M ${path}`),
  );
});

Deno.test("a large folder comes in batches whose names ascend throughout", async () => {
  await using tree = new SampleTree();
  tree.write(...Array.from({ length: 2_345 }, (_, index) => `OMOP/f${index * 7919 % 2_345}`));
  const sizes: number[] = [];
  const names: string[] = [];
  for await (const item of scanTree(tree.root, STANDARD)) {
    assert.equal(item.kind, "files");
    if (item.kind !== "files") return;
    sizes.push(item.files.length);
    names.push(...item.files.map(({ name }) => name));
  }
  assert.deepEqual(sizes, [1000, 1000, 345]);
  assert.deepEqual(names, names.toSorted());
  assert.equal(new Set(names).size, 2_345);
});

Deno.test("only folders that can lead to a wanted match are read", async () => {
  await using tree = new SampleTree();
  tree.write(
    "p1/Images/ct/a",
    "p1/Waveforms/w",
    "p1/Notes/deep/n",
    "p 2/Images/a",
    "OMOP/x/person.csv",
    "top.txt",
    "p1/patient.txt",
  );
  const read: string[] = [];
  const { files, unmatched, skipped } = await collect(scanTree(tree.root, [
    modality("Images"),
    modality("Waveforms", { wanted: false }),
    modality("OMOP", { wanted: false }),
  ], { onFolder: (folder) => read.push(folder) }));
  assert.deepEqual(files, ["Images p1/Images/ct/a"]);
  // A patient may be called OMOP: Images could lie there.
  assert.deepEqual(read, [".", "OMOP", "p1", "p1/Images", "p1/Images/ct"]);
  assert.deepEqual(unmatched, { ".": 1, p1: 1 });
  assert.deepEqual(skipped, ["p 2", "p1/Notes"]);
});

Deno.test("a folder that leads to nothing is not even opened", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a", "p1/Notes/n", "p1/Images/skip/n");
  // Reading a folder moves its access time when that lies before its modification.
  const old = new Date(2001, 1, 1);
  for (const folder of ["p1/Images", "p1/Notes", "p1/Images/skip"]) {
    Deno.utimeSync(`${tree.root}/${folder}`, old, new Date());
  }
  await collect(scanTree(tree.root, [modality("Images", { exclude: ["**/skip"] })]));
  const accessed = (folder: string) => Deno.statSync(`${tree.root}/${folder}`).atime?.getTime();
  assert.equal(accessed("p1/Notes"), old.getTime());
  assert.equal(accessed("p1/Images/skip"), old.getTime());
});

Deno.test("a file that several modalities match goes to each", async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a");
  const { files } = await collect(scanTree(tree.root, [
    modality("Images"),
    modality("All", { pattern: "{patient_id}/{filepath}" }),
  ]));
  assert.deepEqual(files, ["Images p1/Images/a", "All p1/Images/a"]);
});

Deno.test("what an exclude names is left out in silence, folders unread", async () => {
  await using tree = new SampleTree();
  tree.write(
    ".DS_Store",
    "p1/Images/.DS_Store",
    "p1/Images/a",
    "p1/Images/tmp/b",
    "p1/Images/x.part",
    "p1/Notes/n",
  );
  const read: string[] = [];
  const { files, unmatched, skipped, problems } = await collect(scanTree(tree.root, [
    modality("Images", { exclude: ["**/.DS_Store", "*/Images/tmp/", "**/*.part", "*/Notes/**"] }),
  ], { onFolder: (folder) => read.push(folder) }));
  assert.deepEqual(files, ["Images p1/Images/a"]);
  assert.deepEqual([unmatched, skipped, problems], [{}, [], []]);
  assert.deepEqual(read, [".", "p1", "p1/Images"]);
});

Deno.test("an exclude of one modality does not hide files from another", async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a", "p1/Images/tmp/b");
  const { files } = await collect(scanTree(tree.root, [
    modality("Images", { exclude: ["**/tmp"] }),
    modality("All", { pattern: "{filepath}" }),
  ]));
  assert.deepEqual(files, ["Images p1/Images/a", "All p1/Images/a", "All p1/Images/tmp/b"]);
});

Deno.test("a root that can't be walked is a typed error", async () => {
  await using tree = new SampleTree();
  tree.write("file");
  const first = (root: string) => scanTree(root, STANDARD).next();
  await assert.rejects(
    first(`${tree.root}/absent`),
    (error) => isChorusError(error, "not_found") && error.message.includes(`${tree.root}/absent`),
  );
  await assert.rejects(first(`${tree.root}/file`), (error) => isChorusError(error, "config"));
});

Deno.test("an empty root yields nothing", async () => {
  await using tree = new SampleTree();
  assert.deepEqual(await Array.fromAsync(scanTree(tree.root, STANDARD)), []);
});

Deno.test("a folder that vanishes before it is read is a problem and the walk goes on", async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a", "p2/Images/b");
  const { files, problems } = await collect(scanTree(tree.root, STANDARD, {
    onFolder(folder) {
      if (folder === "p1/Images") Deno.removeSync(`${tree.root}/${folder}`, { recursive: true });
    },
  }));
  assert.deepEqual(files, ["Images p2/Images/b"]);
  assert.deepEqual(problems, ["p1/Images: read_error (Images)"]);
});

Deno.test("a folder that may not be read is a problem and the walk goes on", {
  // Nothing is unreadable for root.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
}, async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a", "p2/Images/b");
  Deno.chmodSync(`${tree.root}/p1`, 0o000);
  const { files, problems, reasons } = await collect(scanTree(tree.root, STANDARD));
  Deno.chmodSync(`${tree.root}/p1`, 0o755);
  assert.deepEqual(files, ["Images p2/Images/b"]);
  assert.deepEqual(problems, ["p1: read_error (Images,Waveforms)"]);
  assert.match(reasons.get("p1")?.reason ?? "", /permission denied/);
});

Deno.test("a path too long for the system is a problem and the walk goes on", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/zzz/b");
  const chain = Array.from({ length: 11 }, () => "d".repeat(200)).join("/");
  tree.write(`OMOP/${chain}/a`, `half/${chain}/c`);
  Deno.renameSync(`${tree.root}/half`, `${tree.root}/OMOP/${chain}/half`);
  const { files, problems, reasons } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(files, [`OMOP OMOP/${chain}/a`, "OMOP OMOP/zzz/b"]);
  assert.equal(problems.length, 1);
  assert.match(problems[0], /\/half\/[d/]+: read_error \(OMOP\)$/);
  const [problem] = reasons.values();
  assert.match(problem.reason, /can't be read: file name too long/);
});

Deno.test("a listing that breaks off is a problem, and what it gave is kept", async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/a", "OMOP/b", "OMOP/c", "OMOP/sub/d");
  const { readDir } = Deno;
  Deno.readDir = async function* (path) {
    let given = 0;
    for await (const entry of readDir(path)) {
      if (String(path).endsWith("/OMOP/") && given++ === 2) {
        throw new Error("Input/output error (os error 5)");
      }
      yield entry;
    }
  };
  try {
    const { files, problems, reasons } = await collect(scanTree(tree.root, STANDARD));
    assert.equal(files.length, 2);
    assert.deepEqual(problems, ["OMOP: read_error (OMOP,Images,Waveforms)"]);
    assert.equal(reasons.get("OMOP")?.reason, "the folder can't be read: input/output error");
  } finally {
    Deno.readDir = readDir;
  }
});

Deno.test("names that are not valid UTF-8 are problems, a genuine U+FFFD is not", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/ok", "OMOP/a\ufffdb", "OMOP/c\ufffd/in");
  await tree.shell(`
    cd OMOP
    echo > "$(printf 'a\\377b')"; echo > "$(printf 'a\\376b')"; echo > "$(printf 'lone\\303')"
    mkdir "$(printf 'c\\377')"; echo > "$(printf 'c\\377')/lost"
    mkdir "$(printf '../p\\351')"`);
  const { files, problems } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(files, ["OMOP OMOP/a\ufffdb", "OMOP OMOP/ok", "OMOP OMOP/c\ufffd/in"]);
  assert.deepEqual(problems, [
    "OMOP/a\ufffdb: name (OMOP,Images,Waveforms)",
    "OMOP/a\ufffdb: name (OMOP,Images,Waveforms)",
    "OMOP/c\ufffd: name (OMOP,Images,Waveforms)",
    "OMOP/lone\ufffd: name (OMOP,Images,Waveforms)",
    "p\ufffd: name (OMOP,Images,Waveforms,Metadata)",
  ]);
});

Deno.test("pipes and sockets are reported and never opened", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/a");
  await tree.shell("mkfifo OMOP/pipe pipe");
  using _socket = Deno.listen({ transport: "unix", path: `${tree.root}/OMOP/socket` });
  const { files, problems, unmatched } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(files, ["OMOP OMOP/a"]);
  assert.deepEqual(problems, ["OMOP/pipe: not_a_file (OMOP)", "OMOP/socket: not_a_file (OMOP)"]);
  assert.deepEqual(unmatched, { ".": 1 });
});

Deno.test("odd names come through as they are", async () => {
  await using tree = new SampleTree();
  const names = ["new\nline", "tab\t", " lead", "trail ", "q'\"$`%&", "日本", "Ro\u0308", "-", "~"];
  tree.write(...names.map((name) => `OMOP/${name}`));
  const { files } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(new Set(files), new Set(names.map((name) => `OMOP OMOP/${name}`)));
});

/** What a scan must find, by the plainest means. */
function expectedFiles(root: string, trees: readonly TreeModality[]): string[] {
  const found: string[] = [];
  const visit = (folder: string) => {
    for (const entry of Deno.readDirSync(`${root}/${folder}`)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory) visit(path);
      else {
        for (const { modality, pattern } of trees) {
          if (pattern.match(path) !== undefined) found.push(`${modality} ${path}`);
        }
      }
    }
  };
  visit("");
  return found.sort();
}

Deno.test("any tree is found whole, and every file is matched, counted or below a skipped folder", async () => {
  const name = fc.constantFrom("p1", "p2", "Images", "images", "OMOP", "Metadata", "a b", "x", "é");
  const paths = fc.array(fc.array(name, { minLength: 1, maxLength: 5 }), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(paths, async (parts) => {
      await using tree = new SampleTree();
      for (const path of parts) {
        try {
          tree.write(path.join("/"));
        } catch {
          // A file stands where a folder would be needed, or the reverse.
        }
      }
      const { files, problems, unmatched, skipped } = await collect(scanTree(tree.root, STANDARD));
      assert.deepEqual(files.toSorted(), expectedFiles(tree.root, STANDARD));
      assert.deepEqual(problems, []);
      const all = modality("All", { pattern: "{filepath}" });
      const rest = expectedFiles(tree.root, [all]).map((path) => path.slice(4)).filter((path) =>
        !files.some((file) => file.endsWith(` ${path}`)) &&
        !skipped.some((folder) => path.startsWith(`${folder}/`))
      );
      const counted = Object.values(unmatched).reduce((sum, count) => sum + count, 0);
      assert.equal(counted, rest.length);
    }),
    { numRuns: 40 },
  );
});
