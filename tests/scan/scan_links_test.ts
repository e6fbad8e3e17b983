import assert from "node:assert/strict";
import { scanTree } from "../../src/scan/scan_tree.ts";
import { collect, modality, SampleTree, STANDARD } from "./sample_tree.ts";

const ignore = Deno.build.os === "windows";

Deno.test("links to files and folders inside the root are followed", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("store/ct/a", "store/one")
    .link("p1/Images/series", "../../store/ct")
    .link("p1/Images/one.dcm", "../../store/one");
  const items = await Array.fromAsync(scanTree(tree.root, STANDARD));
  const files = items.flatMap((item) =>
    item.kind === "files" ? item.files.map((file) => [item.folder, file.name, file.size]) : []
  );
  assert.deepEqual(files, [
    ["p1/Images", "one.dcm", "store/one".length],
    ["p1/Images/series", "a", "store/ct/a".length],
  ]);
});

Deno.test("a link's file has the size and time of what it leads to", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("store/long name of a file").link("OMOP/a", "../store/long name of a file");
  Deno.utimeSync(`${tree.root}/store/long name of a file`, 1_000, 1_000);
  const [item] = await Array.fromAsync(scanTree(tree.root, STANDARD));
  assert.ok(item.kind === "files");
  assert.deepEqual([item.files[0].size, item.files[0].mtimeMs], [
    "store/long name of a file".length,
    1_000_000,
  ]);
});

Deno.test("two patients that link to one folder both keep it", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("store/a").link("p1/Images", "../store").link("p2/Images", "../store");
  const { files, problems } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(files, ["Images p1/Images/a", "Images p2/Images/a"]);
  assert.deepEqual(problems, []);
});

Deno.test("a link to one of its own ancestors is a loop", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/deep/a")
    .link("p1/Images/deep/here", ".")
    .link("p1/Images/deep/parent", "..")
    .link("p1/Images/deep/root", tree.root);
  const { files, problems } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(files, ["Images p1/Images/deep/a"]);
  assert.deepEqual(problems, [
    "p1/Images/deep/here: link_loop (Images)",
    "p1/Images/deep/parent: link_loop (Images)",
    "p1/Images/deep/root: link_loop (Images)",
  ]);
});

Deno.test("two links that lead to each other's folders end as a loop", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/x/a", "p2/Images/y/b")
    .link("p1/Images/x/over", "../../../p2/Images/y")
    .link("p2/Images/y/back", "../../../p1/Images/x");
  const { files, problems } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(files, [
    "Images p1/Images/x/a",
    "Images p1/Images/x/over/b",
    "Images p2/Images/y/b",
    "Images p2/Images/y/back/a",
  ]);
  assert.deepEqual(problems, [
    "p1/Images/x/over/back: link_loop (Images)",
    "p2/Images/y/back/over: link_loop (Images)",
  ]);
});

Deno.test("a sibling whose name begins like an ancestor's is no loop", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a/x", "p1/Images/ab/y").link("p1/Images/ab/to", "../a");
  const { files, problems } = await collect(scanTree(tree.root, STANDARD));
  assert.deepEqual(problems, []);
  assert.ok(files.includes("Images p1/Images/ab/to/x"));
});

Deno.test("a link that leaves the root is reported and not read", { ignore }, async () => {
  await using elsewhere = new SampleTree();
  elsewhere.write("secret/a", "file");
  await using tree = new SampleTree();
  tree.write("p1/Images/a")
    .link("p1/Images/out", `${elsewhere.root}/secret`)
    .link("p1/Images/file", `${elsewhere.root}/file`)
    .link("p1/Notes", elsewhere.root);
  const read: string[] = [];
  const { files, problems, reasons, unmatched } = await collect(
    scanTree(tree.root, STANDARD, { onFolder: (folder) => read.push(folder) }),
  );
  assert.deepEqual(files, ["Images p1/Images/a"]);
  assert.deepEqual(problems, [
    "p1/Images/file: link_outside (Images)",
    "p1/Images/out: link_outside (Images)",
  ]);
  assert.ok(reasons.get("p1/Images/out")?.reason.includes(`${elsewhere.root}/secret`));
  assert.deepEqual(read, [".", "p1", "p1/Images"]);
  assert.deepEqual(unmatched, { p1: 1 });
});

Deno.test(
  "a root beside which another begins like it is left all the same",
  { ignore },
  async () => {
    await using tree = new SampleTree();
    tree.write("site/OMOP/a", "site2/b").link("site/OMOP/out", "../../site2/b");
    const { problems } = await collect(scanTree(`${tree.root}/site`, STANDARD));
    assert.deepEqual(problems, ["OMOP/out: link_outside (OMOP)"]);
  },
);

Deno.test("follow_links = anywhere leaves the root, and still ends loops", { ignore }, async () => {
  await using elsewhere = new SampleTree();
  elsewhere.write("data/a").link("data/again", ".");
  await using tree = new SampleTree();
  tree.link("p1/Images/out", `${elsewhere.root}/data`);
  elsewhere.link("data/home", tree.root);
  const { files, problems } = await collect(
    scanTree(tree.root, [modality("Images", { followLinks: "anywhere" })]),
  );
  assert.deepEqual(files, ["Images p1/Images/out/a"]);
  assert.deepEqual(problems, [
    "p1/Images/out/again: link_loop (Images)",
    "p1/Images/out/home: link_loop (Images)",
  ]);
});

Deno.test("each modality follows links by its own rule", { ignore }, async () => {
  await using elsewhere = new SampleTree();
  elsewhere.write("a");
  await using tree = new SampleTree();
  tree.link("x", `${elsewhere.root}/a`).write("in/b").link("y", "in/b");
  const { files, problems } = await collect(scanTree(tree.root, [
    modality("Anywhere", { pattern: "{filepath}", followLinks: "anywhere" }),
    modality("Inside", { pattern: "{filepath}", followLinks: "inside" }),
    modality("Never", { pattern: "{filepath}", followLinks: "never" }),
  ]));
  assert.deepEqual(files.filter((file) => !file.endsWith("in/b")), [
    "Anywhere x",
    "Anywhere y",
    "Inside y",
  ]);
  assert.deepEqual(problems, ["x: link_outside (Inside)"]);
});

Deno.test("follow_links = never counts links among the unmatched", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/a").link("OMOP/b", "a");
  const { files, problems, unmatched } = await collect(
    scanTree(tree.root, [modality("OMOP", { followLinks: "never" })]),
  );
  assert.deepEqual([files, problems, unmatched], [["OMOP OMOP/a"], [], { OMOP: 1 }]);
});

Deno.test(
  "links that lead nowhere, or in circles of links, are read errors",
  { ignore },
  async () => {
    await using tree = new SampleTree();
    tree.link("OMOP/gone", "absent").link("OMOP/a", "b").link("OMOP/b", "a").link("top", "absent");
    const { problems, reasons, unmatched } = await collect(scanTree(tree.root, STANDARD));
    assert.deepEqual(problems, [
      "OMOP/a: read_error (OMOP)",
      "OMOP/b: read_error (OMOP)",
      "OMOP/gone: read_error (OMOP)",
      "top: read_error (Images,Waveforms)",
    ]);
    assert.match(reasons.get("OMOP/gone")?.reason ?? "", /nothing is there/);
    assert.deepEqual(unmatched, {});
  },
);

Deno.test("a root that is a link itself is walked where it leads", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("real/OMOP/a").link("root", "real").link("real/OMOP/in", "a");
  const { files, problems } = await collect(scanTree(`${tree.root}/root`, STANDARD));
  assert.deepEqual([files, problems], [["OMOP OMOP/a", "OMOP OMOP/in"], []]);
});

Deno.test("many links in one folder are all followed", { ignore }, async () => {
  await using tree = new SampleTree();
  tree.write("store/x");
  for (let index = 0; index < 100; index++) tree.link(`OMOP/l${index}`, "../store/x");
  const { files } = await collect(scanTree(tree.root, STANDARD));
  assert.equal(files.length, 100);
});
