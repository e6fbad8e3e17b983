import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { copyTables } from "../../src/journal/compact_database.ts";
import { copyJournal } from "../../src/journal/copy_journal.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { PATH_INDEX } from "../../src/journal/schema.ts";
import {
  added,
  allRows,
  FIXTURE_NOTE,
  FIXTURES_ABSENT,
  md5Of,
  newRow,
  NOW_US,
  TemporaryFolder,
  writable,
} from "./journal_files.ts";

function makeJournal(path: string, files: number): void {
  using journal = writable(path);
  journal.beginCommand({
    startedMs: 0,
    commonParams: "",
    command: "journal update",
    params: "",
    sourcePaths: undefined,
    destinationPath: undefined,
  });
  const ids = ["00123", "9007199254740993", "José_4", undefined];
  const rows = Array.from({ length: files }, (_, at) =>
    added(
      `p${at % 7}/Röntgen`,
      newRow(`日本 ${at}`, { personId: ids[at % ids.length], md5: md5Of(at) }),
    ));
  journal.writePage(rows, NOW_US);
  journal.markUploaded([{ fileId: 1, level: "service" }], {
    stamp: "20260101000000",
    checkedUs: 1,
    checkedBy: "test",
  });
  journal.writePage([{ kind: "deleted", fileId: files }], NOW_US);
}

/** Every table's rows, as text, without help from our code. */
function contentOf(path: string): string {
  using database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
  ).all().map(({ name }) => String(name));
  return tables.map((table) => {
    const statement = database.prepare(`SELECT * FROM "${table}"`);
    statement.setReadBigInts(true);
    return `${table}\n${statement.all().map((row) => Object.values(row).join("|")).join("\n")}`;
  }).join("\n\n");
}

function schemaOf(path: string): string[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database.prepare(
    "SELECT type || ' ' || name || ' ' || sql AS line FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1",
  )
    .all().map(({ line }) => String(line));
}

Deno.test("a copy holds the same, without the extra index, and is smaller for it", async () => {
  using folder = new TemporaryFolder();
  const [from, to] = [folder.at("journal.db"), folder.at("copy.db")];
  makeJournal(from, 3_000);
  await copyJournal(from, to);
  assert.equal(contentOf(to), contentOf(from));
  assert.deepEqual(
    schemaOf(to),
    schemaOf(from).filter((line) => !line.includes(PATH_INDEX)),
  );
  assert.ok(Deno.statSync(to).size < 0.9 * Deno.statSync(from).size);
  assert.deepEqual(folder.names(), ["copy.db", "journal.db"]);
  using copy = openJournal(to, { access: "read" });
  assert.deepEqual(copy.integrityCheck(), []);
});

Deno.test("a program that may not attach databases makes the same copy", async () => {
  using folder = new TemporaryFolder("disk");
  const [from, to] = [folder.at("journal.db"), folder.at("copy.db")];
  makeJournal(from, 3_000);
  const module = new URL("../../src/journal/copy_journal.ts", import.meta.url).href;
  const script = folder.at("copy.ts");
  Deno.writeTextFileSync(
    script,
    `import { copyJournal } from ${JSON.stringify(module)};
     await copyJournal(${JSON.stringify(from)}, ${JSON.stringify(to)});`,
  );
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      `--allow-read=${folder.path}`,
      `--allow-write=${folder.path}`,
      script,
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.equal(contentOf(to), contentOf(from));
  assert.ok(Deno.statSync(to).size < 0.9 * Deno.statSync(from).size);
  using copy = openJournal(to, { access: "read" });
  assert.deepEqual(copy.integrityCheck(), []);
});

Deno.test("a text that is no Unicode is not copied row by row", () => {
  using folder = new TemporaryFolder();
  const from = folder.at("journal.db");
  makeJournal(from, 10);
  {
    using database = new DatabaseSync(from);
    database.exec("UPDATE journal_v2 SET FILENAME = CAST(X'61FF62' AS TEXT) WHERE FILE_ID = 3");
  }
  assert.equal(copyTables(from, folder.at("copy.db")), false);
});

Deno.test({
  name: `the predecessor's journals of both versions are copied${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  async fn() {
    using folder = new TemporaryFolder();
    for (const name of ["journal_v1.db", "journal_v2_second.db"]) {
      const from = folder.fixture(name, name);
      const to = folder.at(`copy_${name}`);
      await copyJournal(from, to);
      assert.equal(contentOf(to), contentOf(from));
      assert.equal(copyTables(from, folder.at(`tables_${name}`)), true);
      assert.equal(contentOf(folder.at(`tables_${name}`)), contentOf(from));
    }
  },
});

Deno.test("an existing file is replaced only when that is asked for", async () => {
  using folder = new TemporaryFolder();
  const [from, to] = [folder.at("journal.db"), folder.at("copy.db")];
  makeJournal(from, 10);
  Deno.writeTextFileSync(to, "old");
  await assert.rejects(copyJournal(from, to), (error) => isChorusError(error, "already_exists"));
  assert.equal(Deno.readTextFileSync(to), "old");
  await copyJournal(from, to, { overwrite: true });
  assert.equal(contentOf(to), contentOf(from));
  assert.deepEqual(folder.names(), ["copy.db", "journal.db"]);
});

Deno.test("a hot rollback file of the replaced journal does not reach the new one", async () => {
  using folder = new TemporaryFolder();
  const [from, to] = [folder.at("journal.db"), folder.at("copy.db")];
  makeJournal(from, 10);
  makeJournal(to, 500);
  killInTransaction(to);
  assert.ok(Deno.statSync(`${to}-journal`).size > 0);
  await copyJournal(from, to, { overwrite: true });
  assert.equal(contentOf(to), contentOf(from));
  assert.deepEqual(folder.names(), ["copy.db", "journal.db"]);
});

Deno.test("an interrupted transaction is undone before the copy is made", async () => {
  using folder = new TemporaryFolder();
  const [from, to] = [folder.at("journal.db"), folder.at("copy.db")];
  makeJournal(from, 500);
  const before = contentOf(from);
  killInTransaction(from);
  await copyJournal(from, to);
  assert.equal(contentOf(to), before);
  assert.equal(contentOf(from), before);
});

Deno.test("a journal in WAL mode is copied whole, and the copy is not in that mode", async () => {
  using folder = new TemporaryFolder();
  const [from, to] = [folder.at("journal.db"), folder.at("copy.db")];
  makeJournal(from, 10);
  using writer = new DatabaseSync(from);
  writer.exec("PRAGMA journal_mode = WAL; UPDATE journal_v2 SET SIZE = 4711");
  await copyJournal(from, to);
  assert.deepEqual(folder.names().filter((name) => name.startsWith("copy")), ["copy.db"]);
  using copy = openJournal(to, { access: "read" });
  assert.deepEqual([...new Set(allRows(copy).map(({ size }) => size))], [4711]);
  using database = new DatabaseSync(to);
  assert.equal(database.prepare("PRAGMA journal_mode").get()?.journal_mode, "delete");
});

Deno.test("a cancelled copy leaves nothing", async () => {
  using folder = new TemporaryFolder();
  const from = folder.at("journal.db");
  makeJournal(from, 10);
  await assert.rejects(
    copyJournal(from, folder.at("copy.db"), { signal: AbortSignal.abort() }),
    { name: "AbortError" },
  );
  assert.deepEqual(folder.names(), ["journal.db"]);
});

Deno.test("what is not a journal file is not copied", async () => {
  using folder = new TemporaryFolder();
  const from = folder.at("journal.db");
  Deno.writeTextFileSync(from, "no database ".repeat(1_000));
  await assert.rejects(
    copyJournal(from, folder.at("copy.db")),
    (error) => isChorusError(error, "journal_damaged"),
  );
  assert.deepEqual(folder.names(), ["journal.db"]);
});

/** Leaves the database as a process does that dies in the middle of a transaction. */
function killInTransaction(path: string): void {
  const script = `
    import { DatabaseSync } from "node:sqlite";
    const database = new DatabaseSync(${JSON.stringify(path)});
    database.exec("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE journal_v2 SET MD5 = 'x' || MD5");
    Deno.kill(Deno.pid, "SIGKILL");`;
  new Deno.Command(Deno.execPath(), { args: ["eval", script] }).outputSync();
}
