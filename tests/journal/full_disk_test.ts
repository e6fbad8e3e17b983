import assert from "node:assert/strict";
import { join } from "node:path";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { copyJournal } from "../../src/journal/copy_journal.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { added, allRows, newRow, NOW_US, TemporaryFolder, writable } from "./journal_files.ts";

/** A small or a read-only file system, unmounted when disposed. */
class Mount implements Disposable {
  constructor(readonly path: string, options: string) {
    Deno.mkdirSync(path, { recursive: true });
    mountCommand("mount", ["-t", "tmpfs", "-o", options, "chorus-test", path]);
  }

  remount(options: string): void {
    mountCommand("mount", ["-o", `remount,${options}`, this.path]);
  }

  [Symbol.dispose](): void {
    mountCommand("umount", ["-l", this.path]);
  }
}

function mountCommand(command: string, args: string[]): void {
  const { success, stderr } = new Deno.Command(command, { args }).outputSync();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}

/** Mounting takes an account that may. */
function canMount(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    using folder = new TemporaryFolder();
    using _mount = new Mount(folder.at("mount"), "size=64k");
    return true;
  } catch {
    return false;
  }
}

const ignore = !canMount();
const note = ignore ? " (skipped: mounting is not allowed here)" : "";

function page(number: number) {
  return Array.from({ length: 200 }, (_, at) => added(`p${number}/Images`, newRow(`f${at}`)));
}

function fill(journal: Journal): number {
  for (let number = 0;; number++) {
    try {
      journal.writePage(page(number), NOW_US);
    } catch (error) {
      assert.ok(isChorusError(error, "disk_full"), String(error));
      return number;
    }
  }
}

Deno.test({
  name: `a full disk stops the writer; whole pages are kept and writing goes on with space${note}`,
  ignore,
  fn() {
    using folder = new TemporaryFolder();
    using mount = new Mount(folder.at("mount"), "size=600k");
    const path = join(mount.path, "journal.db");
    let pages = 0;
    {
      using journal = writable(path);
      pages = fill(journal);
      assert.ok(pages > 0);
      assert.equal(allRows(journal).length, pages * 200);
      mount.remount("size=4m");
      journal.writePage(page(pages), NOW_US);
    }
    using journal = openJournal(path, { access: "read" });
    assert.deepEqual(journal.integrityCheck(), []);
    assert.equal(allRows(journal).length, (pages + 1) * 200);
  },
});

Deno.test({
  name: `a copy that doesn't fit leaves the old file as it was${note}`,
  ignore,
  async fn() {
    using folder = new TemporaryFolder();
    using mount = new Mount(folder.at("mount"), "size=400k");
    const from = folder.at("journal.db");
    {
      using journal = writable(from);
      for (let number = 0; number < 20; number++) journal.writePage(page(number), NOW_US);
    }
    const to = join(mount.path, "copy.db");
    Deno.writeTextFileSync(to, "old");
    await assert.rejects(
      copyJournal(from, to, { overwrite: true }),
      (error) => isChorusError(error, "disk_full"),
    );
    assert.equal(Deno.readTextFileSync(to), "old");
    assert.deepEqual([...Deno.readDirSync(mount.path)].map(({ name }) => name), ["copy.db"]);
  },
});

Deno.test({
  name: `a journal in a read-only place is read, and refused for writing${note}`,
  ignore,
  fn() {
    using folder = new TemporaryFolder();
    using mount = new Mount(folder.at("mount"), "size=4m");
    const path = join(mount.path, "journal.db");
    {
      using journal = writable(path);
      journal.writePage(page(1), NOW_US);
    }
    mount.remount("ro");
    {
      using journal = openJournal(path, { access: "read" });
      assert.equal(allRows(journal).length, 200);
      assert.equal(journal.summary()[0]?.rows, 200);
      assert.equal([...journal.folders()].flat().length, 1);
    }
    assert.throws(
      () => openJournal(path, { access: "write" }),
      (error) => isChorusError(error, "io") && /can't be written|read-only/.test(error.message),
    );
  },
});

Deno.test({
  name: `an interrupted write is undone by a reader, or named where that is impossible${note}`,
  ignore,
  fn() {
    using folder = new TemporaryFolder();
    using mount = new Mount(folder.at("mount"), "size=4m");
    const path = join(mount.path, "journal.db");
    {
      using journal = writable(path);
      journal.writePage(page(1), NOW_US);
    }
    const script = `
      import { DatabaseSync } from "node:sqlite";
      const database = new DatabaseSync(${JSON.stringify(path)});
      database.exec("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE journal_v2 SET MD5 = 'x' || MD5");
      Deno.kill(Deno.pid, "SIGKILL");`;
    new Deno.Command(Deno.execPath(), { args: ["eval", script] }).outputSync();
    assert.ok(Deno.statSync(`${path}-journal`).size > 0, "the rollback file is hot");
    mount.remount("ro");
    assert.throws(
      () => openJournal(path, { access: "read" }),
      (error) => isChorusError(error, "io") && /interrupted write/.test(error.message),
    );
    mount.remount("rw");
    using journal = openJournal(path, { access: "read" });
    assert.equal(allRows(journal).filter(({ md5 }) => md5.startsWith("x")).length, 0);
    assert.deepEqual(journal.integrityCheck(), []);
  },
});
