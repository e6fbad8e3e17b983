import assert from "node:assert/strict";
import { Connection } from "../../src/journal/connection.ts";
import { CentralKeyIndex } from "../../src/journal/central_key_index.ts";
import {
  added,
  allRows,
  md5Of,
  newRow,
  NOW_US,
  OLD_US,
  TemporaryFolder,
  writable,
} from "./journal_files.ts";

const FOLDER = "p1/Images";
const MARK = { stamp: "20260102030405", checkedUs: NOW_US, checkedBy: "ann@host" };

Deno.test("only rows that are active and not uploaded get the stamp", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage(["a", "b", "c", "d"].map((name) => added(FOLDER, newRow(name))), NOW_US);
  journal.writePage([{ kind: "deleted", fileId: 2 }], NOW_US);
  journal.markUploaded([{ fileId: 3, level: "service" }], { ...MARK, stamp: "20250101000000" });
  const items = [1, 2, 3, 99].map((fileId) => ({ fileId, level: "sender" as const }));
  assert.equal(journal.markUploaded(items, MARK), 1);
  assert.deepEqual(allRows(journal).map(({ name, uploaded }) => [name, uploaded]), [
    ["a", MARK.stamp],
    ["b", null],
    ["c", "20250101000000"],
    ["d", null],
  ]);
  assert.equal(journal.markUploaded(items, MARK), 0, "a second time marks nothing");
});

Deno.test("a row whose file was found changed is not trusted until it is hashed again", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage(["a", "b"].map((name) => added(FOLDER, newRow(name))), NOW_US);
  journal.writePage([{ kind: "deleted", fileId: 2 }], NOW_US);
  journal.distrust([1, 2]);
  using again = new Connection(folder.at("journal.db"), { readOnly: true, busyTimeoutMs: 0 });
  assert.deepEqual(
    again.all("SELECT FILE_ID FROM hash_time").map(([fileId]) => fileId),
    [1],
    "invalidated rows are left alone",
  );
  journal.writePage([{ kind: "confirmed", fileId: 1, hashedUs: NOW_US }], NOW_US);
  assert.equal(again.number("SELECT HASHED_us FROM hash_time WHERE FILE_ID = 1"), NOW_US);
});

Deno.test("the proof of an upload is remembered with the mark, and only with it", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage(["a", "b"].map((name) => added(FOLDER, newRow(name))), NOW_US);
  journal.writePage([{ kind: "deleted", fileId: 2 }], NOW_US);
  journal.markUploaded([{ fileId: 1, level: "service" }, { fileId: 2, level: "sender" }], MARK);
  assert.deepEqual(journal.verificationsOf(1), [{
    fileId: 1,
    checkedUs: NOW_US,
    level: "service",
    result: "equal",
    checkedBy: "ann@host",
  }]);
  assert.deepEqual(journal.verificationsOf(2), []);
});

Deno.test("the last check of a level counts, and only a good one proves", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage(["a", "b"].map((name) => added(FOLDER, newRow(name))), NOW_US);
  const check = { level: "deep" as const, checkedBy: "test" };
  journal.recordVerifications([
    { ...check, fileId: 1, checkedUs: 10, result: "equal" },
    { ...check, fileId: 2, checkedUs: 10, result: "equal" },
    { ...check, fileId: 2, checkedUs: 20, result: "md5_differs" },
  ]);
  assert.deepEqual(journal.provenRows([1, 2, 3], "deep"), new Set([1]));
  assert.deepEqual(journal.provenRows([1, 2, 3], "deep", 11), new Set());
  assert.deepEqual(journal.provenRows([1, 2, 3], "service"), new Set());
});

Deno.test("earlier digests are those of ended rows of the same path and version", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const replace = (md5: string, version: string) => {
    const old = journal.activeRows("Images", FOLDER, ["a"])[0];
    assert.ok(old);
    journal.writePage(
      [{
        kind: "updated",
        modality: "Images",
        folder: FOLDER,
        file: newRow("a", { md5, version }),
        old,
      }],
      NOW_US,
    );
  };
  journal.writePage([added(FOLDER, newRow("a", { md5: md5Of(1) }))], NOW_US);
  replace(md5Of(2), "v1");
  replace(md5Of(3), "v2");
  replace(md5Of(4), "v2");
  const path = { modality: "Images", folder: FOLDER, name: "a" };
  assert.deepEqual(
    journal.earlierMd5s({ ...path, version: "v1" }),
    new Set([md5Of(1), md5Of(2)]),
  );
  assert.deepEqual(journal.earlierMd5s({ ...path, version: "v2" }), new Set([md5Of(3)]));
  assert.deepEqual(journal.earlierMd5s({ ...path, version: "v3" }), new Set());
  assert.deepEqual(journal.earlierMd5s({ ...path, version: "v1", name: "b" }), new Set());
  assert.deepEqual(journal.earlierMd5s({ ...path, version: "v1", modality: "OMOP" }), new Set());
});

Deno.test("rows by central key come in byte order and show keys that rows share", () => {
  using index = new CentralKeyIndex();
  const row = (fileId: number, key: string) => ({ key, fileId, size: 1, md5: md5Of(fileId) });
  index.add([row(1, "v/b"), row(2, "v/a"), row(3, "v/é"), row(4, "v/Z"), row(5, "v/\u{1F600}")]);
  index.add([row(6, "v/a"), row(7, "v/a"), row(8, "v/b"), row(9, "v/\uFFEE")]);
  assert.deepEqual([...index.rows()].flat().map(({ key }) => key), [
    "v/Z",
    "v/a",
    "v/b",
    "v/é",
    "v/\uFFEE",
    "v/\u{1F600}",
  ]);
  assert.deepEqual([...index.clashes()], [
    { key: "v/a", fileIds: [2, 6, 7] },
    { key: "v/b", fileIds: [1, 8] },
  ]);
  assert.equal(index.take("v/Z")?.fileId, 4);
  assert.equal(index.take("v/none"), undefined);
  assert.deepEqual([...index.left()].flat().map(({ fileId }) => fileId), [2, 1, 3, 9, 5]);
});

Deno.test("rows come page by page, and rows written meanwhile come too", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const names = Array.from({ length: 25 }, (_, at) => `f${at}`);
  journal.writePage(names.map((name) => added(FOLDER, newRow(name))), NOW_US);
  const sizes: number[] = [];
  for (const page of journal.rows({ active: true, uploaded: false }, { pageSize: 10 })) {
    sizes.push(page.length);
    journal.markUploaded(page.map(({ fileId }) => ({ fileId, level: "service" })), MARK);
    if (sizes.length === 1) {
      journal.writePage([added("p2/Images", newRow("late", { mtimeUs: OLD_US }))], NOW_US);
    }
  }
  assert.deepEqual(sizes, [10, 10, 6]);
  assert.deepEqual([...journal.rows({ active: true, uploaded: false })], []);
  assert.equal(allRows(journal, { uploaded: true }).length, 26);
});

Deno.test("a filter takes versions and modalities by name, also names with quotes", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage([
    added("OMOP", newRow("a", { version: "v1" }), "OMOP"),
    added("p/X", newRow("b", { version: "v2" }), "it's"),
    added(FOLDER, newRow("c", { version: "v2" })),
  ], NOW_US);
  const names = (filter: object) => allRows(journal, filter).map(({ name }) => name);
  assert.deepEqual(names({ version: "v2" }), ["b", "c"]);
  assert.deepEqual(names({ modalities: ["it's", "OMOP"] }), ["a", "b"]);
  assert.deepEqual(names({ version: "v2", modalities: ["Images"] }), ["c"]);
  assert.deepEqual(names({ version: "v3" }), []);
  assert.deepEqual(names({ modalities: [] }), []);
});
