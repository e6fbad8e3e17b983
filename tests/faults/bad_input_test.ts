import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { OLD, TestSite } from "../cli/site.ts";

Deno.test("a configuration with several errors names all of them and is exit code 2", async () => {
  await using site = await TestSite.make();
  await Deno.writeTextFile(
    site.at("config.toml"),
    `[configuration]\npage_size = "many"\n[journal]\njournaling_mode = "sometimes"\n` +
      `[central_path]\npath = "az://{CONTAINER}/"\n[site_path.default]\npath = "site"\ncolour = 1\n`,
  );
  const { code, stderr } = await site.run(["journal", "update"]);
  assert.equal(code, 2);
  for (const key of ["configuration.page_size", "journal.journaling_mode", "central_path.path"]) {
    assert.match(stderr, new RegExp(key.replace(".", "\\.")));
  }
  assert.match(stderr, /\{CONTAINER\}/);
});

Deno.test("a TOML syntax error gives line and column", async () => {
  await using site = await TestSite.make();
  await Deno.writeTextFile(site.at("config.toml"), `[journal]\nmode = = 1\n`);
  const { code, stderr } = await site.run(["file", "list"]);
  assert.equal(code, 2);
  assert.match(stderr, /line 2/);
  assert.match(stderr, /column/);
});

Deno.test("a journal that is none, or cut short, stops the command and stays as it is", async () => {
  await using site = await TestSite.make();
  await site.run(["journal", "update"]);
  const whole = await Deno.readFile(site.at("journal.db"));
  const broken: [string, Uint8Array][] = [
    ["text", new TextEncoder().encode("this is no database at all, but long enough\n".repeat(30))],
    ["cut", whole.slice(0, whole.length - 4096)],
  ];
  for (const [name, bytes] of broken) {
    await Deno.writeFile(site.at("journal.db"), bytes);
    for (const args of [["journal", "update"], ["file", "upload"], ["journal", "list"]]) {
      const { code, stderr } = await site.run(args);
      assert.equal(code, 5, `${name} ${args.join(" ")}: ${stderr}`);
      assert.match(stderr, /journal\.db/);
    }
    assert.deepEqual(await Deno.readFile(site.at("journal.db")), bytes, name);
  }
});

Deno.test("a database of something else is not taken for a journal", async () => {
  await using site = await TestSite.make();
  {
    using other = new DatabaseSync(site.at("journal.db"));
    other.exec("CREATE TABLE recipes (name TEXT)");
  }
  const { code, stderr } = await site.run(["journal", "update"]);
  assert.equal(code, 5);
  assert.match(stderr, /not a journal/);
});

Deno.test("a second writer is refused at once, with exit code 3; readers are free", async () => {
  const files: Record<string, string> = {};
  for (let n = 0; n < 30; n++) files[`OMOP/${n}.csv`] = "x".repeat(100);
  await using site = await TestSite.make(files);
  await site.run(["journal", "update"]);
  // Slow enough that only the signal ends it.
  const first = site.start(["file", "upload", "--max-rate", "20"]);
  await appears(site.at("central"));
  const second = await site.run(["file", "upload"]);
  assert.equal(second.code, 3, second.stderr);
  const reader = await site.run(["journal", "list"]);
  assert.equal(reader.code, 0, reader.stderr);
  first.kill("SIGTERM");
  assert.equal((await first.output()).code, 143);
});

/** Waits until something is in a folder. */
async function appears(folder: string): Promise<void> {
  while ([...Deno.readDirSync(folder)].length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("a central folder that can't be written fails without marking anything", async () => {
  await using site = await TestSite.make();
  await site.run(["journal", "update"]);
  await Deno.remove(site.at("central"), { recursive: true });
  await Deno.writeTextFile(site.at("central"), "a file where the folder should be");
  const { code, stderr } = await site.run(["file", "upload"]);
  assert.notEqual(code, 0, stderr);
  const list = await site.json(["journal", "list"]);
  assert.equal(list.value.versions[0].toUpload, 6);
});

Deno.test("a site folder that is not there stops the update and deletes nothing", async () => {
  await using site = await TestSite.make(undefined, { mode: "full" });
  await site.run(["journal", "update"]);
  await Deno.rename(site.at("site"), site.at("unmounted"));
  const { code, stderr } = await site.run(["journal", "update", "--yes"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /site/);
  const list = await site.json(["journal", "list"]);
  assert.equal(list.value.versions[0].active, 6);
});

Deno.test("what can't be read is listed, counted, not journaled and not taken for gone", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "a", "OMOP/b.csv": "b" }, {
    mode: "full",
  });
  await site.run(["journal", "update", "--version", "v1"]);
  await Deno.remove(site.at("site/OMOP/a.csv"));
  await Deno.symlink("nowhere", site.at("site/OMOP/dangling.csv"));
  await Deno.symlink(site.at("config.toml"), site.at("site/OMOP/outside.csv"));
  const update = await site.json(["journal", "update", "--yes"]);
  assert.equal(update.code, 1, update.stderr);
  assert.equal(update.value.update.scanProblems, 2);
  assert.deepEqual(update.value.update.deletionsSkipped, [
    { modality: "OMOP", reason: "not everything could be read", rows: 1 },
  ]);
  const list = await site.json(["file", "list"]);
  // deno-lint-ignore no-explicit-any
  assert.deepEqual(list.value.files.map((file: any) => file.path).sort(), [
    "OMOP/a.csv",
    "OMOP/b.csv",
  ]);
  assert.match(
    await Deno.readTextFile(site.at("journal_update_failures.txt")),
    /OMOP\/outside\.csv/,
  );
});

Deno.test(
  "a name that breaks lines is shown escaped",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using site = await TestSite.make({ "OMOP/two\nlines\u001b[31m.csv": "x" });
    await site.run(["journal", "update"]);
    const { stdout } = await site.run(["file", "list"]);
    assert.match(stdout, /OMOP\/two\\nlines\\u001b\[31m\.csv/);
  },
);

Deno.test("a file that grows all the time is reported, and journaled once it rests", async () => {
  await using site = await TestSite.make({ "OMOP/quiet.csv": "quiet" });
  const growing = site.at("site/OMOP/growing.csv");
  await Deno.writeFile(growing, new Uint8Array(60_000_000));
  const writer = new Deno.Command("sh", {
    args: ["-c", `while :; do echo more >> '${growing}'; done`],
  }).spawn();
  try {
    const update = await site.json(["journal", "update", "--version", "v1"]);
    assert.equal(update.code, 1, update.stderr);
    assert.match(update.value.failures.first[0].path, /growing/);
    assert.equal(update.value.update.modalities[0].added, 1);
  } finally {
    writer.kill("SIGKILL");
    await writer.status;
  }
  await Deno.utime(growing, OLD, OLD);
  const again = await site.json(["journal", "update", "--amend"]);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(again.value.update.modalities[0].added, 1);
});

/** Mounts a small tmpfs; undefined where that is not allowed. */
async function smallDisk(folder: string, bytes: number): Promise<AsyncDisposable | undefined> {
  await Deno.mkdir(folder, { recursive: true });
  try {
    const { success } = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder],
      stderr: "null",
    }).output();
    if (!success) return undefined;
  } catch {
    return undefined;
  }
  return {
    async [Symbol.asyncDispose]() {
      await new Deno.Command("umount", { args: [folder] }).output();
    },
  };
}

Deno.test("a disk that fills up under the journal is exit code 5, and nothing written is lost", async (t) => {
  const files: Record<string, string> = {};
  for (let n = 0; n < 3000; n++) files[`p_${n % 9}/Images/${"long ".repeat(20)}${n}.dcm`] = `${n}`;
  await using site = await TestSite.make(files, {
    extra: `[configuration]\npage_size = 100`,
  });
  await using disk = await smallDisk(site.at("disk"), 400_000);
  await t.step({
    name: "on a small tmpfs",
    ignore: disk === undefined,
    async fn() {
      const config = await Deno.readTextFile(site.at("config.toml"));
      await Deno.writeTextFile(
        site.at("config.toml"),
        config.replaceAll('"journal.db"', '"disk/journal.db"'),
      );
      const full = await site.run(["journal", "update"]);
      assert.equal(full.code, 5, full.stderr);
      assert.match(full.stderr, /space|full/i);
      using journal = new DatabaseSync(site.at("disk/journal.db"), { readOnly: true });
      assert.equal(journal.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
      const rows = Number(journal.prepare("SELECT count(*) AS n FROM journal_v2").get()?.n);
      assert.ok(rows > 0 && rows < 3000 && rows % 100 === 0, `${rows} rows`);
    },
  });
});

Deno.test("no output is written over the journal, whatever option names it", async () => {
  await using site = await TestSite.make();
  await site.run(["journal", "update"]);
  await site.run(["file", "upload"]);
  const before = await Deno.readFile(site.at("journal.db"));
  for (
    const args of [
      ["file", "verify", "--combined", "journal.db"],
      ["file", "list", "--output-file", "journal.db"],
      ["file", "list", "--log-file", "journal.db"],
      ["file", "upload", "--receipts", "journal.db"],
    ]
  ) {
    const { code, stderr } = await site.run(args);
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /journal\.db/);
    assert.deepEqual(await Deno.readFile(site.at("journal.db")), before, args.join(" "));
  }
});
