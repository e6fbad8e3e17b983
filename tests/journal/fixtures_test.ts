import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decide } from "../../src/journal/change_rules.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import {
  allRows,
  FIXTURE_NOTE,
  FIXTURES,
  FIXTURES_ABSENT,
  TemporaryFolder,
} from "./journal_files.ts";

const ignore = FIXTURES_ABSENT;

const EXPECTED = [
  { name: "journal_v1", schema: 1, rows: 38, active: 28, toUpload: 8, commands: 4 },
  { name: "journal_v2_first", schema: 2, rows: 27, active: 27, toUpload: 27, commands: 1 },
  { name: "journal_v2_uploaded", schema: 2, rows: 27, active: 27, toUpload: 0, commands: 2 },
  { name: "journal_v2_second", schema: 2, rows: 42, active: 32, toUpload: 10, commands: 3 },
  { name: "journal_v2_full", schema: 2, rows: 42, active: 28, toUpload: 10, commands: 3 },
] as const;

for (const expected of EXPECTED) {
  Deno.test({
    name: `the predecessor's ${expected.name} opens and lists its rows${FIXTURE_NOTE}`,
    ignore,
    fn() {
      using journal = openJournal(join(FIXTURES, `${expected.name}.db`), { access: "read" });
      assert.equal(journal.schema, expected.schema);
      assert.equal(allRows(journal).length, expected.rows);
      assert.equal(allRows(journal, { active: true }).length, expected.active);
      assert.equal(
        allRows(journal, { active: true, uploaded: false }).length,
        expected.toUpload,
      );
      assert.equal(journal.history().length, expected.commands);
      assert.deepEqual(journal.integrityCheck(), []);
    },
  });

  Deno.test({
    name: `every row of ${expected.name} says what its dump says${FIXTURE_NOTE}`,
    ignore,
    fn() {
      const dump = readDump(join(FIXTURES, `${expected.name}.sql`));
      using journal = openJournal(join(FIXTURES, `${expected.name}.db`), { access: "read" });
      const rows = allRows(journal);
      assert.deepEqual(
        rows.map((row) => [
          row.fileId,
          row.folder === "." ? row.name : `${row.folder}/${row.name}`,
          row.modality,
          row.mtimeUs,
          row.size,
          row.md5,
          row.validUs,
          row.invalidUs,
          row.uploaded,
          row.version,
          row.personId,
        ]),
        expected.schema === 1 ? rowsOfVersion1(dump) : rowsOfVersion2(dump),
      );
    },
  });

  Deno.test({
    name: `reading ${expected.name} leaves no trace${FIXTURE_NOTE}`,
    ignore,
    fn() {
      using folder = new TemporaryFolder();
      const path = folder.fixture(`${expected.name}.db`);
      const before = Deno.readFileSync(path);
      {
        using journal = openJournal(path, { access: "read" });
        allRows(journal);
        journal.summary();
        [...journal.folders()];
      }
      assert.deepEqual(Deno.readFileSync(path), before);
      assert.deepEqual(folder.names(), ["journal.db"]);
    },
  });
}

Deno.test({
  name: `summaries count the predecessor's rows by version and modality${FIXTURE_NOTE}`,
  ignore,
  fn() {
    using journal = openJournal(join(FIXTURES, "journal_v2_second.db"), { access: "read" });
    const [first, second] = journal.summary();
    assert.deepEqual(
      [first?.version, first?.rows, first?.persons, first?.files, first?.active, first?.toUpload],
      ["20250101000000", 32, 4, 27, 22, 0],
    );
    assert.deepEqual(
      [second?.version, second?.rows, second?.persons, second?.files, second?.active],
      ["20250201000000", 10, 4, 10, 10],
    );
    assert.deepEqual(second?.modalities, [
      { modality: "OMOP", files: 2, active: 2, toUpload: 2, toUploadBytes: 477 },
      { modality: "Images", files: 4, active: 4, toUpload: 4, toUploadBytes: 6045 },
      { modality: "Waveforms", files: 2, active: 2, toUpload: 2, toUploadBytes: 767 },
      { modality: "Metadata", files: 2, active: 2, toUpload: 2, toUploadBytes: 41 },
    ]);
    const [onlyImages] = journal.summary({ version: "20250101000000", modalities: ["Images"] });
    assert.deepEqual([onlyImages?.rows, onlyImages?.files, onlyImages?.persons], [12, 10, 4]);
  },
});

Deno.test({
  name: `version 1 is summarized like version 2${FIXTURE_NOTE}`,
  ignore,
  fn() {
    using journal = openJournal(join(FIXTURES, "journal_v1.db"), { access: "read" });
    assert.deepEqual(
      journal.summary().map(({ version, rows, persons, files, active, toUpload }) => [
        version,
        rows,
        persons,
        files,
        active,
        toUpload,
      ]),
      [["20241201000000", 30, 4, 25, 20, 0], ["20241215000000", 8, 4, 8, 8, 8]],
    );
    assert.equal(journal.newestVersion()?.version, "20241215000000");
    assert.equal(journal.newestUploadedVersion()?.version, "20241201000000");
  },
});

Deno.test({
  name: `folders of a version come once each, from either schema${FIXTURE_NOTE}`,
  ignore,
  fn() {
    for (const name of ["journal_v1.db", "journal_v2_second.db"]) {
      using journal = openJournal(join(FIXTURES, name), { access: "read" });
      for (const { version } of journal.versions()) {
        const expected = new Set(
          allRows(journal, { version, active: true }).map((row) => `${row.modality} ${row.folder}`),
        );
        const folders = [...journal.folders({ version })].flat().map((each) =>
          `${each.modality} ${each.folder}`
        );
        assert.deepEqual(folders.sort(), [...expected].sort());
      }
    }
  },
});

Deno.test({
  name: `the update's decisions on the predecessor's journal are the predecessor's${FIXTURE_NOTE}`,
  ignore,
  fn() {
    using folder = new TemporaryFolder();
    const mtimes: Record<string, number> = JSON.parse(
      Deno.readTextFileSync(join(FIXTURES, "mtimes.json")),
    );
    using journal = openJournal(folder.fixture("journal_v2_uploaded.db"), { access: "write" });
    const counts = { keep: 0, new: 0, changed_time: 0, changed_size: 0, other: 0 };
    for (const [path, mtimeUs] of Object.entries(mtimes)) {
      if (!path.startsWith("site_v2/")) continue;
      const relative = path.slice("site_v2/".length);
      const modality = modalityOf(relative);
      if (modality === undefined) continue;
      const at = relative.lastIndexOf("/");
      const name = relative.slice(at + 1);
      const found = {
        size: Deno.statSync(join(FIXTURES, path)).size,
        mtimeUs: Math.floor(mtimeUs / 1000) * 1000,
      };
      const rows = journal.activeRows(modality, relative.slice(0, at), [name])
        .filter((row) => row.name === name);
      const decision = decide(found, rows);
      if (decision.kind === "keep") counts.keep++;
      else if (decision.kind === "hash" && decision.reason in counts) {
        counts[decision.reason as "new"]++;
      } else counts.other++;
    }
    assert.deepEqual(counts, { keep: 13, new: 5, changed_time: 6, changed_size: 4, other: 0 });
  },
});

function modalityOf(path: string): string | undefined {
  if (path.startsWith("OMOP/")) return "OMOP";
  if (path.startsWith("Metadata/")) return "Metadata";
  const second = path.split("/")[1]?.toLowerCase();
  return second === "images" ? "Images" : second === "waveforms" ? "Waveforms" : undefined;
}

/** The dump's own database, read without any code of ours. */
function readDump(path: string): DatabaseSync {
  const database = new DatabaseSync(":memory:", { enableForeignKeyConstraints: false });
  database.exec(
    Deno.readTextFileSync(path).replaceAll(/^(DELETE FROM|INSERT INTO) "sqlite_sequence".*$/gm, ""),
  );
  return database;
}

function rowsOfVersion2(dump: DatabaseSync): unknown[] {
  return dump.prepare(
    "SELECT FILE_ID, SRC_PATH || '/' || FILENAME, MODALITY, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, TIME_INVALID_us, UPLOAD_DT, VERSION, CAST(PERSON_ID AS TEXT) FROM journal_v2 LEFT JOIN srcpaths s ON s.id = SRC_PATH_ID LEFT JOIN modalities m ON m.id = MODALITY_ID LEFT JOIN uploads u ON u.id = UPLOAD_DT_ID LEFT JOIN versions v ON v.id = VERSION_ID ORDER BY FILE_ID",
  ).all().map((row) => Object.values(row));
}

function rowsOfVersion1(dump: DatabaseSync): unknown[] {
  return dump.prepare(
    "SELECT FILE_ID, FILEPATH, MODALITY, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, TIME_INVALID_us, UPLOAD_DTSTR, VERSION, CAST(PERSON_ID AS TEXT) FROM journal ORDER BY FILE_ID",
  ).all().map((row) => Object.values(row));
}
