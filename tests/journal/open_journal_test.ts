import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type ErrorCode, isChorusError } from "../../src/errors/chorus_error.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { PATH_INDEX } from "../../src/journal/schema.ts";
import {
  added,
  allRows,
  FIXTURE_NOTE,
  FIXTURES_ABSENT,
  newRow,
  NOW_US,
  TemporaryFolder,
  writable,
} from "./journal_files.ts";

function assertRefused(action: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(action, (error) => {
    assert.ok(isChorusError(error, code), `${error} has not the code ${code}`);
    assert.match(error.message, message);
    return true;
  });
}

const BOTH = ["read", "write"] as const;

for (const access of BOTH) {
  Deno.test(`a file that is not SQLite is refused for ${access}`, () => {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    Deno.writeTextFileSync(path, "patient,file\n".repeat(1_000));
    assertRefused(() => openJournal(path, { access }), "journal_damaged", /is not a journal/);
    assert.deepEqual(folder.names(), ["journal.db"]);
  });

  Deno.test(`a journal that is cut short is refused for ${access}`, () => {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    {
      using journal = writable(path);
      journal.writePage([added("p1/Images", newRow("a"))], NOW_US);
    }
    const whole = Deno.readFileSync(path);
    for (const length of [whole.length - 1, whole.length / 2, 4_096, 600, 50]) {
      Deno.writeFileSync(path, whole.slice(0, length));
      assertRefused(
        () => openJournal(path, { access }),
        "journal_damaged",
        /damaged or cut short|is not a journal/,
      );
    }
  });

  Deno.test(`a database with other tables is refused for ${access}`, () => {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    runSql(path, "CREATE TABLE registry (Record_id INTEGER)");
    assertRefused(() => openJournal(path, { access }), "journal_damaged", /table "registry"/);
  });

  Deno.test(`a journal table without a needed column is refused for ${access}`, () => {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    writable(path)[Symbol.dispose]();
    runSql(path, "ALTER TABLE journal_v2 DROP COLUMN MD5");
    assertRefused(() => openJournal(path, { access }), "journal_damaged", /no column "MD5"/);
  });

  Deno.test(`a journal without a lookup table is refused for ${access}`, () => {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    writable(path)[Symbol.dispose]();
    runSql(path, "DROP TABLE versions");
    assertRefused(() => openJournal(path, { access }), "journal_damaged", /"versions" is missing/);
  });

  Deno.test(`an absent or empty journal is not there yet for ${access}`, () => {
    using folder = new TemporaryFolder();
    const path = folder.at("journal.db");
    assertRefused(() => openJournal(path, { access }), "not_found", /There is no journal/);
    Deno.writeFileSync(path, new Uint8Array());
    assertRefused(() => openJournal(path, { access }), "not_found", /There is no journal/);
    assert.deepEqual(folder.names(), ["journal.db"], "nothing was made");
  });

  Deno.test(`a folder in place of a journal is refused for ${access}`, () => {
    using folder = new TemporaryFolder();
    assertRefused(() => openJournal(folder.path, { access }), "io", /is a folder/);
  });
}

Deno.test("an empty file becomes a journal when it is opened to be created", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  Deno.writeFileSync(path, new Uint8Array());
  using journal = openJournal(path, { access: "write", create: true });
  assert.deepEqual(allRows(journal), []);
  assert.deepEqual(journal.summary(), []);
});

Deno.test("a folder that does not exist is named", () => {
  using folder = new TemporaryFolder();
  assertRefused(() => writable(folder.at("none/journal.db")), "io", /does not exist/);
});

Deno.test({
  name: `version 1 is read, and refused for writing with the remedy${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  fn() {
    using folder = new TemporaryFolder();
    const path = folder.fixture("journal_v1.db");
    const before = Deno.readFileSync(path);
    {
      using journal = openJournal(path, { access: "read" });
      assertRefused(() => journal.countActive("OMOP"), "journal_version", /version-1/);
      assertRefused(() => journal.setPendingVersion("v"), "journal_version", /version-1/);
    }
    assert.throws(
      () => openJournal(path, { access: "write", create: true }),
      (error) =>
        isChorusError(error, "journal_version") &&
        /journal upgrade/.test(error.remedy ?? ""),
    );
    assert.deepEqual(Deno.readFileSync(path), before);
    assert.deepEqual(folder.names(), ["journal.db"]);
  },
});

Deno.test("a journal opened for reading can't be written", () => {
  using folder = new TemporaryFolder();
  writable(folder.at("journal.db"))[Symbol.dispose]();
  using journal = openJournal(folder.at("journal.db"), { access: "read" });
  assertRefused(() => journal.writePage([], NOW_US), "io", /for reading only/);
});

Deno.test("an aborted signal stops the opening", () => {
  using folder = new TemporaryFolder();
  const signal = AbortSignal.abort();
  assert.throws(
    () => openJournal(folder.at("journal.db"), { access: "write", create: true, signal }),
    { name: "AbortError" },
  );
  assert.deepEqual(folder.names(), []);
});

Deno.test({
  name:
    `opening the predecessor's journal for writing indexes it once, with progress${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  fn() {
    using folder = new TemporaryFolder();
    const path = folder.fixture("journal_v2_second.db");
    const calls: number[][] = [];
    const onIndexing = (...call: number[]) => calls.push(call);
    openJournal(path, { access: "write", onIndexing })[Symbol.dispose]();
    openJournal(path, { access: "write", onIndexing })[Symbol.dispose]();
    assert.deepEqual(calls, [[0, 42], [42, 42]]);
    assert.ok(indexes(path).includes(PATH_INDEX));
  },
});

Deno.test({
  name:
    `rows are looked up by path also where there is no index and none may be made${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  fn() {
    using folder = new TemporaryFolder();
    const path = folder.fixture("journal_v2_second.db");
    const before = Deno.readFileSync(path);
    using journal = openJournal(path, { access: "read" });
    assert.deepEqual(
      journal.activeRows("Images", "7/Images").map(({ fileId }) => fileId).sort((a, b) => a - b),
      [8, 31, 33],
    );
    const version = "20250201000000";
    const names = ["empty.dcm", "Röntgen_eins.png", "absent"];
    const found = () => journal.activeInVersion(version, "Images", "7/Images", names);
    assert.deepEqual(found(), [{ fileId: 31, name: "empty.dcm" }]);
    assert.deepEqual(Deno.readFileSync(path), before);
    runSql(path, "UPDATE journal_v2 SET VERSION_ID = 5 WHERE FILE_ID = 33");
    runSql(path, "UPDATE journal_v2 SET TIME_INVALID_us = 1 WHERE FILE_ID = 31");
    runSql(path, "UPDATE journal_v2 SET FILENAME = 'absent' WHERE FILE_ID = 8");
    assert.deepEqual(found(), [{ fileId: 33, name: "Röntgen_eins.png" }], "others may write");
  },
});

Deno.test("after closing, only the journal is left in the folder", () => {
  using folder = new TemporaryFolder();
  {
    using journal = writable(folder.at("journal.db"));
    journal.writePage([added("p1/Images", newRow("a"))], NOW_US);
  }
  assert.deepEqual(folder.names(), ["journal.db"]);
});

Deno.test("no SQL in a journal's names is run", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  const name = `x'); DROP TABLE journal_v2; --"`;
  journal.writePage([added(name, newRow(name, { version: name }), name)], NOW_US);
  assert.deepEqual(journal.activeRows(name, name, [name]).map((row) => row.name), [name]);
  assert.equal(journal.summary({ version: name, modalities: [name] })[0]?.rows, 1);
});

Deno.test("damage inside the file is found by the check", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using journal = writable(path);
    const names = Array.from({ length: 2_000 }, (_, at) => `f${at}`);
    journal.writePage(names.map((name) => added("p1/Images", newRow(name))), NOW_US);
  }
  const bytes = Deno.readFileSync(path);
  bytes.fill(0xa5, bytes.length - 40_960, bytes.length - 36_864);
  Deno.writeFileSync(path, bytes);
  using journal = openJournal(path, { access: "read" });
  assert.ok(journal.damage().length > 0);
});

Deno.test("a row that refers to nothing is found by the check", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using journal = writable(path);
    journal.writePage([added("p1/Images", newRow("a"))], NOW_US);
  }
  runSql(path, "PRAGMA foreign_keys = OFF; UPDATE journal_v2 SET UPLOAD_DT_ID = 99");
  using journal = openJournal(path, { access: "read" });
  assert.deepEqual(journal.integrityCheck(), ["1 rows of journal_v2 refer to nothing in uploads"]);
});

Deno.test("a number that is too large is damage, not a crash", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using journal = writable(path);
    journal.writePage([added("p1/Images", newRow("a"))], NOW_US);
  }
  runSql(path, "UPDATE journal_v2 SET SIZE = 9223372036854775807");
  using journal = openJournal(path, { access: "read" });
  assertRefused(() => allRows(journal), "journal_damaged", /number that is too large/);
});

function indexes(path: string): string[] {
  using database = new DatabaseSync(path);
  return database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").all()
    .map(({ name }) => String(name));
}

function runSql(path: string, sql: string): void {
  using database = new DatabaseSync(path);
  database.exec(sql);
}
