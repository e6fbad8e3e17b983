import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { decide } from "../../src/journal/change_rules.ts";
import type { Journal } from "../../src/journal/journal.ts";
import type { ActiveRow } from "../../src/journal/journal_row.ts";
import {
  added,
  allRows,
  md5Of,
  newRow,
  NOW_US,
  OLD_US,
  pathsOf,
  TemporaryFolder,
  writable,
} from "./journal_files.ts";

const FOLDER = "p1/Images";

function only(journal: Journal, name: string): ActiveRow {
  const rows = journal.activeRows("Images", FOLDER, [name]).filter((row) => row.name === name);
  assert.equal(rows.length, 1);
  const [row] = rows;
  assert.ok(row);
  return row;
}

Deno.test("an added file becomes an active row that is not uploaded", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const { fileIds } = journal.writePage([added(FOLDER, newRow("a", { personId: "p1" }))], NOW_US);
  assert.deepEqual(fileIds, [1]);
  assert.deepEqual(allRows(journal), [{
    fileId: 1,
    personId: "p1",
    folder: FOLDER,
    name: "a",
    modality: "Images",
    mtimeUs: OLD_US,
    size: 10,
    md5: md5Of(1),
    validUs: NOW_US,
    invalidUs: null,
    uploaded: null,
    version: "v1",
  }]);
});

Deno.test("an updated file gets a new row of the current version; the old one ends", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage([added(FOLDER, newRow("a"))], NOW_US);
  journal.markUploaded([{ fileId: 1, level: "service" }], mark("20260101000000"));
  const file = newRow("a", { md5: md5Of(2), version: "v2", size: 11 });
  journal.writePage(
    [{
      kind: "updated",
      modality: "Images",
      folder: FOLDER,
      file,
      old: only(journal, "a"),
    }],
    NOW_US + 5,
  );
  const [old, now] = allRows(journal);
  assert.deepEqual([old?.version, old?.invalidUs, old?.uploaded], [
    "v1",
    NOW_US + 5,
    "20260101000000",
  ]);
  assert.deepEqual([now?.version, now?.invalidUs, now?.uploaded, now?.validUs], [
    "v2",
    null,
    null,
    NOW_US + 5,
  ]);
});

Deno.test("a moved file keeps the old version and the old upload stamp", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage([added(FOLDER, newRow("a"))], NOW_US);
  journal.markUploaded([{ fileId: 1, level: "service" }], mark("20260101000000"));
  const file = newRow("a", { mtimeUs: OLD_US + 9_000, version: "v2" });
  journal.writePage(
    [{ kind: "moved", modality: "Images", folder: FOLDER, file, old: only(journal, "a") }],
    NOW_US + 5,
  );
  const [old, now] = allRows(journal);
  assert.equal(old?.invalidUs, NOW_US + 5);
  assert.deepEqual([now?.version, now?.uploaded, now?.mtimeUs], [
    "v1",
    "20260101000000",
    OLD_US + 9_000,
  ]);
  assert.deepEqual(journal.versions().map(({ version }) => version), ["v1"]);
});

Deno.test("a version is created with its first row, and an id is never used twice", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  assert.equal(journal.newestVersion(), undefined);
  journal.writePage([added(FOLDER, newRow("a"))], NOW_US);
  journal.writePage([{ kind: "deleted", fileId: 1 }], NOW_US);
  assert.deepEqual(journal.versions(), [{ id: 1, version: "v1" }]);
  const { fileIds } = journal.writePage([added(FOLDER, newRow("b", { version: "v0" }))], NOW_US);
  assert.deepEqual(fileIds, [2]);
  assert.equal(journal.newestVersion()?.version, "v0", "the newest is the last one created");
});

Deno.test("a page is written as a whole or not at all, and its lookups with it", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const page = [
    added("p9/Images", newRow("a", { version: "v9" })),
    { kind: "deleted" as const, fileId: 77 },
  ];
  assert.throws(() => journal.writePage(page, NOW_US), /Row 77 .* is no longer active/);
  assert.deepEqual(allRows(journal), []);
  assert.deepEqual(journal.versions(), []);
  const again = journal.writePage([added("p9/Images", newRow("a", { version: "v9" }))], NOW_US);
  assert.deepEqual(again.fileIds, [1], "ids of the undone page were not remembered");
  assert.deepEqual(pathsOf(allRows(journal)), ["p9/Images/a"]);
  assert.deepEqual(journal.integrityCheck(), []);
});

Deno.test("a row can't be replaced twice", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage([added(FOLDER, newRow("a"))], NOW_US);
  const old = only(journal, "a");
  const update = { kind: "updated" as const, modality: "Images", folder: FOLDER, old };
  journal.writePage([{ ...update, file: newRow("a", { md5: md5Of(2) }) }], NOW_US);
  assert.throws(
    () => journal.writePage([{ ...update, file: newRow("a", { md5: md5Of(3) }) }], NOW_US),
    (error) => isChorusError(error, "journal_damaged"),
  );
  assert.equal(allRows(journal, { active: true }).length, 1);
});

Deno.test("more rows than one statement takes come out in order with the right ids", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const names = Array.from({ length: 1_000 }, (_, at) => `f${String(at).padStart(4, "0")}`);
  const { fileIds } = journal.writePage(
    names.map((name, at) => added(FOLDER, newRow(name, { size: at }))),
    NOW_US,
  );
  assert.deepEqual(
    allRows(journal).map(({ fileId, name, size }) => [fileId, name, size]),
    names.map((name, at) => [fileIds[at], name, at]),
  );
});

Deno.test("a file hashed right after it was written is not trusted until it was hashed again", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const mtimeUs = NOW_US - 4_903;
  const found = { size: 10, mtimeUs };
  journal.writePage(
    [added(FOLDER, newRow("a", { mtimeUs, hashedUs: NOW_US }))],
    NOW_US + 60_000_000,
  );
  const fresh = only(journal, "a");
  assert.equal(fresh.hashedUs, NOW_US);
  assert.equal(decide(found, [fresh]).kind, "hash");
  journal.writePage(
    [{ kind: "confirmed", fileId: fresh.fileId, hashedUs: NOW_US + 90_000_000 }],
    NOW_US + 91_000_000,
  );
  assert.equal(decide(found, [only(journal, "a")]).kind, "keep");
});

Deno.test("a file modified after the update began is trusted when its hash came late enough", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const mtimeUs = NOW_US + 60_123_000;
  const hashedUs = NOW_US + 600_000_000;
  journal.writePage([added(FOLDER, newRow("a", { mtimeUs, hashedUs }))], NOW_US);
  assert.equal(decide({ size: 10, mtimeUs }, [only(journal, "a")]).kind, "keep");
});

Deno.test("rows that the predecessor wrote are trusted by their valid time", () => {
  using folder = new TemporaryFolder();
  {
    using journal = writable(folder.at("journal.db"));
    journal.writePage([added(FOLDER, newRow("a")), added(FOLDER, newRow("b"))], NOW_US);
  }
  runSql(
    folder.at("journal.db"),
    `UPDATE journal_v2 SET SRC_MODTIME_us = TIME_VALID_us - 10000 WHERE FILENAME = 'b'`,
  );
  using journal = writable(folder.at("journal.db"));
  const [a, b] = [only(journal, "a"), only(journal, "b")];
  assert.equal(decide({ size: 10, mtimeUs: a.mtimeUs }, [a]).kind, "keep");
  assert.equal(decide({ size: 10, mtimeUs: b.mtimeUs }, [b]).kind, "hash");
});

Deno.test("two active rows of a path are both given, and decided to be inconsistent", () => {
  using folder = new TemporaryFolder();
  {
    using journal = writable(folder.at("journal.db"));
    journal.writePage([added(FOLDER, newRow("a")), added(FOLDER, newRow("b"))], NOW_US);
  }
  runSql(folder.at("journal.db"), "UPDATE journal_v2 SET FILENAME = 'a'");
  using journal = writable(folder.at("journal.db"));
  const rows = journal.activeRows("Images", FOLDER, ["a"]);
  assert.equal(decide({ size: 10, mtimeUs: OLD_US }, rows).kind, "inconsistent");
});

Deno.test("patient ids of any size and shape can be read", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const ids = ["00123", "1e5", "9007199254740993", "99999999999999999999", "José_4", "7"];
  journal.writePage(
    ids.map((personId, at) => added(FOLDER, newRow(`f${at}`, { personId }))),
    NOW_US,
  );
  assert.deepEqual(allRows(journal).map(({ personId }) => personId), [
    "123",
    "100000",
    "9007199254740993",
    "1.0e+20",
    "José_4",
    "7",
  ]);
  assert.equal(journal.summary()[0]?.persons, ids.length);
});

Deno.test("a large folder is read by name and gives the same rows", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const names = Array.from({ length: 5_000 }, (_, at) => `f${at}`);
  journal.writePage(names.map((name, at) => added(FOLDER, newRow(name, { size: at }))), NOW_US);
  journal.writePage([added(FOLDER, newRow("f7", { size: 1 }), "Other")], NOW_US);
  const asked = ["f0", "f7", "f4999", "absent", "it's"];
  const rows = journal.activeRows("Images", FOLDER, asked);
  assert.deepEqual(rows.map(({ name, size }) => [name, size]).sort(), [
    ["f0", 0],
    ["f4999", 4_999],
    ["f7", 7],
  ]);
  assert.equal(journal.activeRows("Images", FOLDER).length, names.length);
});

Deno.test("rows that were not seen are exactly the ones to delete", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.writePage(
    ["a", "b", "c"].map((name) => added(FOLDER, newRow(name))),
    NOW_US,
  );
  journal.writePage([added("OMOP", newRow("d"), "OMOP")], NOW_US);
  const seen = journal.trackSeenRows();
  seen.add(only(journal, "b").fileId);
  journal.writePage([added(FOLDER, newRow("new"))], NOW_US);
  const gone = [...journal.unseenActive("Images", seen)].flat();
  assert.deepEqual(pathsOf(gone), [`${FOLDER}/a`, `${FOLDER}/c`]);
  assert.equal(journal.countActive("Images"), 4);
  assert.deepEqual([...journal.activeCounts()], [["Images", 4], ["OMOP", 1]]);
  journal.writePage(gone.map(({ fileId }) => ({ kind: "deleted", fileId })), NOW_US);
  assert.deepEqual([...journal.unseenActive("Images", seen)], []);
  assert.equal(journal.countActive("Images"), 2);
});

Deno.test("the version of an unfinished update is remembered across openings", () => {
  using folder = new TemporaryFolder();
  {
    using journal = writable(folder.at("journal.db"));
    assert.equal(journal.pendingVersion(), undefined);
    journal.setPendingVersion("v7");
    assert.deepEqual(journal.versions(), [], "no empty version is left behind");
  }
  using journal = writable(folder.at("journal.db"));
  assert.equal(journal.pendingVersion(), "v7");
  journal.clearPendingVersion();
  assert.equal(journal.pendingVersion(), undefined);
});

Deno.test("a change by another program between two pages stops the writer", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  using journal = writable(path);
  journal.writePage([added(FOLDER, newRow("a"))], NOW_US);
  runSql(path, "UPDATE journal_v2 SET TIME_INVALID_us = 1");
  assert.throws(
    () => journal.writePage([added(FOLDER, newRow("b"))], NOW_US),
    (error) => isChorusError(error, "locked") && /Another program has changed/.test(error.message),
  );
});

function runSql(path: string, sql: string): void {
  using database = new DatabaseSync(path);
  database.exec(sql);
}

function mark(stamp: string) {
  return { stamp, checkedUs: NOW_US, checkedBy: "test" };
}
