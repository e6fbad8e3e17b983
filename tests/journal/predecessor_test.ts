import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../src/journal/open_journal.ts";
import {
  added,
  allRows,
  FIXTURE_NOTE,
  FIXTURES_ABSENT,
  newRow,
  NOW_US,
  pathsOf,
  TemporaryFolder,
  writable,
} from "./journal_files.ts";

/** Tables and indexes by name, with their SQL. */
function schemaOf(path: string): Map<string, string> {
  using database = new DatabaseSync(path, { readOnly: true });
  return new Map(
    database.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").all()
      .map(({ name, sql }) => [String(name), String(sql)]),
  );
}

Deno.test({
  name: `our tables are the predecessor's, letter by letter${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  fn() {
    using folder = new TemporaryFolder();
    writable(folder.at("ours.db"))[Symbol.dispose]();
    const ours = schemaOf(folder.at("ours.db"));
    for (const [name, sql] of schemaOf(folder.fixture("journal_v2_first.db"))) {
      assert.equal(ours.get(name), sql);
    }
  },
});

const python = pythonVersion();

function pythonVersion(): string | undefined {
  try {
    const { success, stdout } = new Deno.Command("python3", {
      args: ["-c", "import sqlite3; print(sqlite3.sqlite_version)"],
    }).outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The predecessor's way of reading and writing: Python's sqlite3, one connection per statement. */
const IN_PYTHON = `
import sqlite3, sys
path = sys.argv[1]
with sqlite3.connect(path) as c:
    rows = c.execute("SELECT srcpaths.SRC_PATH, FILENAME, SIZE, MD5, PERSON_ID FROM journal_v2 "
        "LEFT JOIN srcpaths ON srcpaths.rowid = journal_v2.SRC_PATH_ID ORDER BY FILE_ID").fetchall()
    print(rows)
with sqlite3.connect(path) as c:
    c.execute("INSERT OR IGNORE INTO versions (VERSION) VALUES ('python')")
    v = c.execute("SELECT rowid FROM versions WHERE VERSION = 'python'").fetchone()[0]
    c.execute("UPDATE journal_v2 SET TIME_INVALID_us = 5 WHERE FILE_ID = 1")
    c.execute("INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, "
        "TIME_VALID_us, UPLOAD_DT_ID, VERSION_ID) SELECT PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, 7, 8, MD5, 9, NULL, ? "
        "FROM journal_v2 WHERE FILE_ID = 1", (v,))
with sqlite3.connect(path) as c:
    print(c.execute("PRAGMA integrity_check").fetchone()[0])
`;

Deno.test({
  name: `Python reads what we wrote, writes in turn, and we read that${
    python === undefined ? " (skipped: python3 is absent)" : ""
  }`,
  ignore: python === undefined,
  fn() {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    {
      using journal = writable(path);
      journal.writePage([added("p/Röntgen", newRow("日本.dcm", { personId: "00123" }))], NOW_US);
    }
    const { success, stdout, stderr } = new Deno.Command("python3", {
      args: ["-c", IN_PYTHON, path],
      env: { PYTHONIOENCODING: "utf-8" },
    }).outputSync();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.deepEqual(new TextDecoder().decode(stdout).trim().split("\n"), [
      "[('p/Röntgen', '日本.dcm', 10, '00000000000000000000000000000001', 123)]",
      "ok",
    ]);
    using journal = openJournal(path, { access: "write" });
    assert.deepEqual(pathsOf(allRows(journal, { active: true })), ["p/Röntgen/日本.dcm"]);
    assert.equal(journal.newestVersion()?.version, "python");
    const { fileIds } = journal.writePage([added("p/Röntgen", newRow("next"))], NOW_US);
    assert.deepEqual(fileIds, [3]);
    assert.deepEqual(journal.integrityCheck(), []);
  },
});
