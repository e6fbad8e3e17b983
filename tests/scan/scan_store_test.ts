import assert from "node:assert/strict";
import fc from "fast-check";
import { scanStore } from "../../src/scan/scan_store.ts";
import { scanTree } from "../../src/scan/scan_tree.ts";
import type { ListEntry, ListOptions, ObjectInfo } from "../../src/storage/driver.ts";
import { openStore } from "../../src/storage/registry.ts";
import { collect, modality, SampleTree, STANDARD } from "./sample_tree.ts";

/** A store that lists what it is given, as services do: keys ascending, folders once. */
class Listing {
  /** Prefixes that were listed; `…` marks one listed with everything below. */
  readonly listed: string[] = [];
  readonly #objects: readonly ObjectInfo[];

  constructor(keys: readonly (string | Partial<ObjectInfo> & { key: string })[]) {
    this.#objects = keys.map((key) => ({
      size: 1,
      etag: "e",
      modifiedMs: 1_000,
      ...(typeof key === "string" ? { key } : key),
    })).sort((a, b) => a.key < b.key ? -1 : 1);
  }

  async *list(prefix: string, { recursive }: ListOptions): AsyncGenerator<ListEntry> {
    this.listed.push(prefix + (recursive ? "…" : ""));
    const folders = new Set<string>();
    for (const object of this.#objects) {
      if (!object.key.startsWith(prefix)) continue;
      const slash = object.key.indexOf("/", prefix.length);
      if (recursive || slash < 0) yield { kind: "object", object };
      else {
        const key = object.key.slice(0, slash + 1);
        if (!folders.has(key)) yield { kind: "folder", key };
        folders.add(key);
      }
      await Promise.resolve();
    }
  }
}

Deno.test("a store is listed level by level until the pattern is decided, then whole", async () => {
  const store = new Listing([
    "p1/Images/ct/a",
    "p1/Images/ct/deep/b",
    "p1/Notes/n",
    "p 2/Images/x",
    "p3/Images/c",
    "stray",
  ]);
  const { files, unmatched, skipped } = await collect(scanStore(store, [modality("Images")]));
  assert.deepEqual(files, [
    "Images p1/Images/ct/a",
    "Images p1/Images/ct/deep/b",
    "Images p3/Images/c",
  ]);
  assert.deepEqual(unmatched, { ".": 1 });
  assert.deepEqual(skipped, ["p 2", "p1/Notes"]);
  assert.deepEqual(store.listed.toSorted(), ["", "p1/", "p1/Images/…", "p3/", "p3/Images/…"]);
});

Deno.test("objects come with size, time, patient and version", async () => {
  const store = new Listing([{ key: "v1/p1/Images/ct/a", size: 5, modifiedMs: 1_234 }]);
  const trees = [modality("Images", { pattern: "{version}/{patient_id}/Images/{filepath}" })];
  assert.deepEqual(await Array.fromAsync(scanStore(store, trees)), [{
    kind: "files",
    modality: "Images",
    folder: "v1/p1/Images/ct",
    files: [{ name: "a", size: 5, mtimeMs: 1_234, personId: "p1", version: "v1" }],
  }]);
});

Deno.test("excluded objects are left out, and excluded folders are not listed", async () => {
  const store = new Listing(["OMOP/a", "OMOP/tmp/b", "OMOP/x/.DS_Store", "OMOP/x/c"]);
  const { files, unmatched, skipped } = await collect(
    scanStore(store, [modality("OMOP", { exclude: ["OMOP/tmp", "**/.DS_Store"] })]),
  );
  assert.deepEqual(files, ["OMOP OMOP/a", "OMOP OMOP/x/c"]);
  assert.deepEqual([unmatched, skipped], [{}, []]);
  assert.ok(!store.listed.includes("OMOP/tmp/"));
});

Deno.test("empty objects that stand for folders are no files", async () => {
  const store = new Listing([
    { key: "OMOP/", size: 0 },
    { key: "OMOP/x/", size: 0 },
    { key: "OMOP/y", size: 0, metadata: { hdi_isfolder: "true" } },
    { key: "OMOP/empty.csv", size: 0 },
  ]);
  const { files, problems, unmatched } = await collect(scanStore(store, STANDARD));
  assert.deepEqual([files, problems, unmatched], [["OMOP OMOP/empty.csv"], [], {}]);
});

Deno.test("keys that can't be journaled are problems", async () => {
  const store = new Listing(["OMOP//a", "OMOP/../b", "OMOP/ok", { key: "OMOP/full/", size: 3 }]);
  const { files, problems } = await collect(scanStore(store, [modality("OMOP")]));
  assert.deepEqual(files, ["OMOP OMOP/ok"]);
  assert.deepEqual(problems, [
    "OMOP/../b: name (OMOP)",
    "OMOP//a: name (OMOP)",
    "OMOP/full/: name (OMOP)",
  ]);
});

Deno.test("a version that is none is reported, not journaled", async () => {
  const store = new Listing(["v 1/OMOP/a", "v2/OMOP/b"]);
  const trees = [modality("OMOP", { pattern: "{version}/OMOP/{filepath}" })];
  const { files, problems } = await collect(scanStore(store, trees));
  assert.deepEqual(files, ["OMOP v2/OMOP/b"]);
  assert.deepEqual(problems, ["v 1: version (OMOP)"]);
});

Deno.test("a listing that fails ends the walk with its error", async () => {
  const store = {
    async *list(prefix: string): AsyncGenerator<ListEntry> {
      await Promise.resolve();
      if (prefix !== "") throw new Error("the line was cut");
      yield { kind: "folder", key: "OMOP/" };
    },
  };
  await assert.rejects(collect(scanStore(store, STANDARD)), /the line was cut/);
});

Deno.test("a walk of a store that is aborted stops its listings", async () => {
  let stopped = 0;
  const stop = new AbortController();
  const store = {
    async *list(prefix: string, { signal }: ListOptions): AsyncGenerator<ListEntry> {
      if (prefix === "") yield { kind: "folder", key: "OMOP/" };
      else {
        await new Promise<void>((_, reject) =>
          signal?.addEventListener("abort", () => reject(new Error(`stopped ${++stopped}`)))
        );
      }
    },
  };
  const { signal } = stop;
  const onFolder = (folder: string) => folder === "OMOP" && setTimeout(() => stop.abort("ended"));
  await assert.rejects(
    collect(scanStore(store, STANDARD, { signal, onFolder })),
    (reason) => reason === "ended",
  );
  assert.equal(stopped, 1);
});

Deno.test("an endless store is not read further than a bound ahead of its consumer", async () => {
  let listed = 0;
  const store = {
    async *list(): AsyncGenerator<ListEntry> {
      for (;;) {
        const key = `OMOP/${String(++listed).padStart(9, "0")}`;
        yield { kind: "object", object: { key, size: 1, etag: "e", modifiedMs: 1 } };
        if (listed % 5_000 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
  };
  const scan = scanStore(store, [modality("OMOP", { pattern: "{filepath}" })]);
  const first = await scan.next();
  assert.ok(!first.done && first.value.kind === "files");
  let before = -1;
  while (before !== listed) {
    before = listed;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  assert.ok(listed < 200_000, `${listed} objects were listed while one batch was looked at`);
  for (let batch = 0; batch < 300; batch++) await scan.next();
  assert.ok(listed > 300_000);
  await scan.return();
});

Deno.test("a folder scanned as a store gives the same files as scanned as a tree", async () => {
  await using tree = new SampleTree();
  const name = fc.constantFrom("p1", "p2", "Images", "IMAGES", "OMOP", "Metadata", "x", "é", "a b");
  const paths = fc.sample(fc.array(name, { minLength: 1, maxLength: 5 }), 150);
  for (const path of paths) {
    try {
      tree.write(path.join("/"));
    } catch {
      // A file stands where a folder would be needed, or the reverse.
    }
  }
  await using store = await openStore({ path: tree.root, auth: {} }, {
    drivers: {},
    environment: {},
  });
  const local = await collect(scanTree(tree.root, STANDARD));
  const stored = await collect(scanStore(store, STANDARD));
  assert.deepEqual(stored.files.toSorted(), local.files.toSorted());
  assert.deepEqual(stored.unmatched, local.unmatched);
  assert.deepEqual(stored.skipped, local.skipped);
});
