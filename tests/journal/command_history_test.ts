import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../src/journal/open_journal.ts";
import { FIXTURE_NOTE, FIXTURES_ABSENT, TemporaryFolder, writable } from "./journal_files.ts";

const ENTRY = {
  startedMs: Date.UTC(2026, 10, 22, 15, 53, 14, 999),
  commonParams: "--config config.toml",
  command: "journal update",
  params: "--version 20250101000000",
  sourcePaths: { OMOP: "/data/site", Images: 'D:\\Röntgen "x"' },
  destinationPath: undefined,
};

Deno.test("a command is recorded in the predecessor's words", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using journal = writable(path);
    const id = journal.beginCommand(ENTRY);
    journal.finishCommand(id, 0.475);
  }
  using database = new DatabaseSync(path);
  assert.deepEqual(
    Object.values(database.prepare("SELECT * FROM command_history_v2").get() ?? {}),
    [
      1,
      "2026-11-22 15:53:14 UTC",
      "--config config.toml",
      "journal update",
      "--version 20250101000000",
      String.raw`{"OMOP": "/data/site", "Images": "D:\\R\u00f6ntgen \"x\""}`,
      "None",
      0.475,
    ],
  );
});

Deno.test("a command that did not end has no duration", () => {
  using folder = new TemporaryFolder();
  using journal = writable(folder.at("journal.db"));
  journal.beginCommand({ ...ENTRY, sourcePaths: undefined, destinationPath: "az://c/" });
  const [record] = journal.history();
  assert.deepEqual([record?.seconds, record?.sourcePaths, record?.destinationPath], [
    undefined,
    "None",
    "az://c/",
  ]);
});

Deno.test({
  name: `histories of both schemas are read, with durations as numbers${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  fn() {
    using folder = new TemporaryFolder();
    for (const name of ["journal_v1.db", "journal_v2_second.db"]) {
      using journal = openJournal(folder.fixture(name), { access: "read" });
      for (const { seconds } of journal.history()) assert.equal(typeof seconds, "number");
      assert.equal(journal.history()[0]?.command, "journal update");
    }
  },
});

Deno.test({
  name: `a journal stems from another when its history begins with the other's${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  fn() {
    using folder = new TemporaryFolder();
    const open = (name: string) => openJournal(folder.fixture(name, name), { access: "read" });
    using first = open("journal_v2_first.db");
    using uploaded = open("journal_v2_uploaded.db");
    using second = open("journal_v2_second.db");
    using full = open("journal_v2_full.db");
    assert.equal(second.historyBeginsWith(first), true);
    assert.equal(second.historyBeginsWith(second), true);
    assert.equal(full.historyBeginsWith(uploaded), true);
    assert.equal(first.historyBeginsWith(second), false);
    assert.equal(second.historyBeginsWith(full), false);
  },
});

Deno.test("a duration that was filled in later does not make another history", () => {
  using folder = new TemporaryFolder();
  using ours = writable(folder.at("ours.db"));
  using theirs = writable(folder.at("theirs.db"));
  ours.finishCommand(ours.beginCommand(ENTRY), 3);
  theirs.beginCommand(ENTRY);
  assert.equal(ours.historyBeginsWith(theirs), true);
  theirs.beginCommand({ ...ENTRY, command: "file upload" });
  assert.equal(ours.historyBeginsWith(theirs), false);
});
