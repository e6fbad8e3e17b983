import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { WRITER_LOCK_SUFFIX, WriterLock } from "../../src/journal/writer_lock.ts";
import { added, allRows, newRow, NOW_US, TemporaryFolder, writable } from "./journal_files.ts";
import { startWriter } from "./journal_processes.ts";
import { ROWS_PER_PAGE } from "./writer_process.ts";

Deno.test("a second writer in another process is refused at once, and readers are free", async () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using journal = writable(path);
    journal.writePage([added("p1/Images", newRow("a"))], NOW_US);
  }
  await using holder = startWriter(path, "hold");
  assert.equal(await holder.line(), "open");
  assert.throws(
    () => writable(path),
    (error) =>
      isChorusError(error, "locked") && /Another chorus-upload is writing/.test(error.message),
  );
  {
    using reader = openJournal(path, { access: "read" });
    assert.equal(allRows(reader).length, 1);
  }
  await holder.kill();
  assert.ok(folder.names().includes(`journal.db${WRITER_LOCK_SUFFIX}`), "a killed one leaves it");
  writable(path)[Symbol.dispose]();
  assert.deepEqual(folder.names(), ["journal.db"]);
});

Deno.test("readers see whole pages while another process writes one after the other", async () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  await using writer = startWriter(path, "write");
  assert.equal(await writer.line(), "open");
  let last = 0;
  for (let round = 0; round < 20; round++) {
    await writer.line();
    using reader = openJournal(path, { access: "read" });
    const rows = reader.summary()[0]?.rows ?? 0;
    assert.equal(rows % ROWS_PER_PAGE, 0);
    assert.ok(rows >= last);
    last = rows;
  }
  assert.ok(last > 0);
});

Deno.test("a second writer in the same process is refused", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using _first = writable(path);
    assert.throws(() => writable(path), (error) => isChorusError(error, "locked"));
  }
  writable(path)[Symbol.dispose]();
});

Deno.test("a transaction of another program, such as the predecessor, is told of at once", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  writable(path)[Symbol.dispose]();
  using other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  assert.throws(
    () => openJournal(path, { access: "write" }),
    (error) => isChorusError(error, "locked") && /used by another program/.test(error.message),
  );
  other.exec("ROLLBACK");
  openJournal(path, { access: "write" })[Symbol.dispose]();
});

Deno.test("a journal that was left in WAL mode is taken out of it, or told of while it is in use", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  writable(path)[Symbol.dispose]();
  {
    using other = new DatabaseSync(path);
    other.exec("PRAGMA journal_mode = WAL; INSERT INTO versions (VERSION) VALUES ('w')");
    assert.throws(() => writable(path), (error) => isChorusError(error, "locked"));
  }
  {
    using journal = writable(path);
    assert.equal(journal.newestVersion()?.version, "w");
  }
  assert.deepEqual(folder.names(), ["journal.db"]);
});

Deno.test("a reader that holds its transaction does not keep a writer from opening", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  writable(path)[Symbol.dispose]();
  using reader = new DatabaseSync(path, { readOnly: true });
  reader.exec("BEGIN; SELECT count(*) FROM journal_v2;");
  using _writer = writable(path);
  reader.exec("COMMIT");
});

Deno.test("one of many simultaneous writers wins, again and again", async () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  for (let round = 0; round < 20; round++) {
    const held = await Promise.all(Array.from({ length: 4 }, () => tryLock(path)));
    const winners = held.filter((lock) => lock !== undefined);
    assert.equal(winners.length, 1);
    winners[0]?.[Symbol.dispose]();
  }
});

Deno.test("a lock whose file was taken away and made anew is not believed", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  const lockPath = path + WRITER_LOCK_SUFFIX;
  using stale = Deno.openSync(lockPath, { create: true, write: true });
  stale.lockSync(true);
  Deno.removeSync(lockPath);
  using _lock = WriterLock.take(path);
  assert.throws(() => WriterLock.take(path), (error) => isChorusError(error, "locked"));
});

Deno.test("a writer killed at any moment leaves whole pages only, and the next one goes on", async () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  let written = 0;
  for (let round = 0; round < 6; round++) {
    await using writer = startWriter(path, "write");
    assert.equal(await writer.line(), "open");
    let told = 0;
    // Killed as soon as a page was announced, the next one is somewhere on its way.
    for (let page = 0; page <= round * 3; page++) told = Number(await writer.line());
    await writer.kill();
    using journal = writable(path);
    assert.deepEqual(journal.integrityCheck(), []);
    const rows = allRows(journal).length;
    assert.equal(rows % ROWS_PER_PAGE, 0, "no page is there in part");
    assert.ok(rows >= written + told * ROWS_PER_PAGE, "no page that was announced is missing");
    written = rows;
  }
  assert.deepEqual(folder.names(), ["journal.db"]);
});

function tryLock(path: string): Promise<WriterLock | undefined> {
  try {
    return Promise.resolve(WriterLock.take(path));
  } catch (error) {
    assert.ok(isChorusError(error, "locked"));
    return Promise.resolve(undefined);
  }
}
