import assert from "node:assert/strict";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { scanTree } from "../../src/scan/scan_tree.ts";
import { collect, modality, SampleTree, STANDARD } from "./sample_tree.ts";

const IMAGES = [modality("Images")];

/** 200 patients with two files each: enough for workers to be started. */
function manyPatients(tree: SampleTree): string[] {
  const paths = Array.from(
    { length: 200 },
    (_, index) => [`p${index}/Images/a`, `p${index}/Images/ct/b`],
  ).flat();
  tree.write(...paths);
  return paths;
}

/** A worker that runs `onRead` when it is told to read folders. */
function strangeWorker(onRead: string): Worker {
  const source = `self.onmessage = ({ data }) => {
    if (data.kind === "read") { ${onRead} }
  }`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  URL.revokeObjectURL(url);
  return worker;
}

Deno.test("a tree read by workers comes in the same order as one read here", async () => {
  await using tree = new SampleTree();
  manyPatients(tree);
  tree.write("p7/Notes/n", "p9/stray", "OMOP/x/y").link("p5/Images/gone", "absent");
  let workers = 0;
  const threaded = await collect(scanTree(tree.root, STANDARD, {
    newWorker() {
      workers++;
      return new Worker(new URL("../../src/scan/scan_worker.ts", import.meta.url), {
        type: "module",
      });
    },
  }));
  assert.ok(workers > 0, "no worker was started");
  assert.equal(threaded.files.length, 401);
  const alone = await collect(scanTree(tree.root, STANDARD, {
    newWorker: () => strangeWorker("throw new Error('not needed')"),
    numThreads: 0,
  }));
  assert.deepEqual(threaded, alone);
});

Deno.test("a small tree starts no worker", async () => {
  await using tree = new SampleTree();
  tree.write("p1/Images/a", "p2/Images/b");
  const { files } = await collect(scanTree(tree.root, IMAGES, {
    newWorker: () => assert.fail("a worker was started"),
  }));
  assert.equal(files.length, 2);
});

Deno.test("a worker that dies ends the walk with an error", async () => {
  await using tree = new SampleTree();
  manyPatients(tree);
  await assert.rejects(
    collect(scanTree(tree.root, IMAGES, {
      newWorker: () => strangeWorker("throw new Error('out of memory')"),
    })),
    (error) => isChorusError(error, "io") && /out of memory/.test(error.message),
  );
});

Deno.test("a worker that can't even start ends the walk with an error", async () => {
  await using tree = new SampleTree();
  manyPatients(tree);
  await assert.rejects(
    collect(scanTree(tree.root, IMAGES, {
      newWorker: () =>
        new Worker(new URL("./no_such_worker.ts", import.meta.url), { type: "module" }),
    })),
    (error) => isChorusError(error, "io"),
  );
});

Deno.test("a walk that is aborted ends with the signal's reason", async () => {
  await using tree = new SampleTree();
  manyPatients(tree);
  for (const numThreads of [0, undefined]) {
    const stop = new AbortController();
    const reason = new Error("enough");
    let seen = 0;
    await assert.rejects(async () => {
      const { signal } = stop;
      for await (const item of scanTree(tree.root, IMAGES, { signal, numThreads })) {
        if (item.kind === "files" && ++seen === 3) stop.abort(reason);
      }
    }, reason);
    assert.equal(seen, 3);
  }
});

Deno.test("an abort while the walk waits for a worker ends it too", async () => {
  await using tree = new SampleTree();
  manyPatients(tree);
  const stop = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    collect(scanTree(tree.root, IMAGES, {
      signal: stop.signal,
      // It says that it was told to read, in a way that means nothing, and reads nothing.
      newWorker() {
        const worker = strangeWorker(`self.postMessage({ kind: "answers", answers: [] })`);
        worker.addEventListener("message", () => stop.abort(reason));
        return worker;
      },
    })),
    reason,
  );
});

Deno.test("an aborted signal prevents the walk from beginning", async () => {
  await using tree = new SampleTree();
  const signal = AbortSignal.abort(new Error("before"));
  await assert.rejects(scanTree(tree.root, IMAGES, { signal }).next(), /before/);
});

Deno.test("a consumer that leaves early leaves nothing behind", async () => {
  await using tree = new SampleTree();
  manyPatients(tree);
  for (const numThreads of [0, undefined]) {
    let seen = 0;
    for await (const _item of scanTree(tree.root, IMAGES, { numThreads })) {
      if (++seen === 250) break;
    }
    assert.equal(seen, 250);
  }
  // Open folders and running workers would fail this test.
});

Deno.test("the tree is read ahead of a slow consumer, but not without bound", async () => {
  await using tree = new SampleTree();
  for (let patient = 0; patient < 120; patient++) tree.folder(`p${patient}/Images`);
  // One file, linked hard, is as good as many and much quicker to make.
  tree.write("x");
  for (let patient = 0; patient < 120; patient++) {
    for (let file = 0; file < 40; file++) {
      Deno.linkSync(`${tree.root}/x`, `${tree.root}/p${patient}/Images/${file}`);
    }
  }
  const begun: string[] = [];
  const scan = scanTree(tree.root, IMAGES, { onFolder: (folder) => begun.push(folder) });
  await scan.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const ahead = begun.length;
  assert.ok(ahead < 40, `${ahead} folders were begun while the first was looked at`);
  let files = 0;
  for await (const item of scan) files += item.kind === "files" ? item.files.length : 0;
  assert.equal(files, 120 * 40);
});
