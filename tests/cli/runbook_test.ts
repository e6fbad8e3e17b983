import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { RUNBOOK, TestSite } from "./site.ts";

Deno.test("the runbook, word for word, sends a site's files and gives the journal back", async () => {
  await using site = await TestSite.make(undefined, { journal: "store/journal.db" });
  await Deno.mkdir(site.at("store"));
  for (const step of RUNBOOK) {
    const { code, stderr } = await site.run(["-c", "config.toml", ...step.split(" ")]);
    assert.equal(code, 0, `${step}: ${stderr}`);
  }
  using journal = new DatabaseSync(site.at("store/journal.db"), { readOnly: true });
  const rows = journal.prepare(
    "SELECT p.SRC_PATH || '/' || j.FILENAME AS path, v.VERSION AS version FROM journal_v2 j JOIN srcpaths p ON p.id = j.SRC_PATH_ID JOIN versions v ON v.id = j.VERSION_ID WHERE j.UPLOAD_DT_ID IS NOT NULL AND j.TIME_INVALID_us IS NULL ORDER BY path",
  ).all();
  assert.deepEqual(rows.map(({ path }) => path), [
    "00123/Images/scan 1.dcm",
    "00123/Waveforms/00123_20240105_101500_60.dat",
    "Metadata/about.md",
    "OMOP/person.csv",
    "p_02/Images/O'Brien $5 100%.dcm",
    "p_02/waveforms/deep/er/x.dat",
  ]);
  const version = String(rows[0].version);
  assert.equal(
    await Deno.readTextFile(site.at("central", version, "p_02/Waveforms/deep/er/x.dat")),
    "wave two",
  );
  assert.equal((await Deno.stat(site.at("central", version, "journal.db"))).isFile, true);
});

Deno.test("a second submission sends what is new and changed, and nothing else", async () => {
  await using site = await TestSite.make(undefined, { mode: "full" });
  await site.run(["journal", "update", "--version", "v1"]);
  await site.run(["file", "upload"]);
  await site.write("OMOP/person.csv", "person_id\n1\n2\n3\n", new Date("2024-02-01T00:00:00.5Z"));
  await site.write("Metadata/about.md", "# A site\n", new Date("2024-02-01T00:00:00.5Z"));
  await site.write("p_03/Images/new.dcm", "image three");
  await Deno.remove(site.at("site/00123/Images/scan 1.dcm"));
  const update = await site.json(["journal", "update", "--version", "v2"]);
  assert.equal(update.code, 0, update.stderr);
  // deno-lint-ignore no-explicit-any
  const of = (name: string) => update.value.update.modalities.find((m: any) => m.modality === name);
  assert.deepEqual([of("OMOP").updated, of("OMOP").kept], [1, 0]);
  assert.deepEqual([of("Metadata").moved, of("Metadata").updated], [1, 0]);
  assert.deepEqual([of("Images").added, of("Images").deleted, of("Images").kept], [1, 1, 1]);
  assert.equal(of("Waveforms").kept, 2);
  const upload = await site.json(["file", "upload"]);
  assert.equal(upload.code, 0, upload.stderr);
  const sent: string[] = [];
  for (const entry of ["OMOP/person.csv", "p_03/Images/new.dcm"]) {
    sent.push(await Deno.readTextFile(site.at("central/v2", entry)));
  }
  assert.deepEqual(sent, ["person_id\n1\n2\n3\n", "image three"]);
  await assert.rejects(Deno.stat(site.at("central/v2/Metadata")), Deno.errors.NotFound);
  const again = await site.json(["file", "upload"]);
  // deno-lint-ignore no-explicit-any
  assert.equal(again.value.upload.modalities.every((m: any) => m.created === 0), true);
});

Deno.test("an amended version replaces its own file in the central store", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "first" });
  await site.run(["journal", "update", "--version", "v1"]);
  await site.run(["file", "upload"]);
  await site.write("OMOP/a.csv", "second", new Date("2024-03-01T00:00:00.5Z"));
  await site.run(["journal", "update", "--amend"]);
  const upload = await site.json(["file", "upload"]);
  assert.equal(upload.code, 0, upload.stderr);
  assert.equal(upload.value.upload.modalities[0].replaced, 1);
  assert.equal(await Deno.readTextFile(site.at("central/v1/OMOP/a.csv")), "second");
});

Deno.test("a foreign file at the central path is never overwritten", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "ours", "OMOP/b.csv": "fine" });
  await site.run(["journal", "update", "--version", "v1"]);
  await Deno.mkdir(site.at("central/v1/OMOP"), { recursive: true });
  await Deno.writeTextFile(site.at("central/v1/OMOP/a.csv"), "somebody else's");
  const { code, stdout } = await site.run(["file", "upload"]);
  assert.equal(code, 1);
  assert.match(stdout, /OMOP\/a\.csv.*not ours/);
  assert.equal(await Deno.readTextFile(site.at("central/v1/OMOP/a.csv")), "somebody else's");
  assert.equal(await Deno.readTextFile(site.at("central/v1/OMOP/b.csv")), "fine");
  const list = await site.json(["file", "list"]);
  // deno-lint-ignore no-explicit-any
  assert.deepEqual(list.value.files.map((file: any) => file.path), ["OMOP/a.csv"]);
});

Deno.test("a file that changed since the update is not marked, and the person is told", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "before" });
  await site.run(["journal", "update", "--version", "v1"]);
  await site.write("OMOP/a.csv", "after!");
  const { code, stdout } = await site.run(["file", "upload"]);
  assert.equal(code, 1);
  assert.match(stdout, /journal update/);
  await assert.rejects(Deno.stat(site.at("central/v1/OMOP/a.csv")), Deno.errors.NotFound);
});

Deno.test("--dry-run changes nothing, neither journal nor store", async () => {
  await using site = await TestSite.make();
  const update = await site.run(["journal", "update", "--dry-run"]);
  assert.equal(update.code, 0, update.stderr);
  assert.match(update.stdout, /Nothing was written/);
  await assert.rejects(Deno.stat(site.at("journal.db")), Deno.errors.NotFound);
  await site.run(["journal", "update", "--version", "v1"]);
  const upload = await site.run(["file", "upload", "--dry-run"]);
  assert.equal(upload.code, 0, upload.stderr);
  assert.deepEqual([...Deno.readDirSync(site.at("central"))], []);
  const history = await site.json(["history"]);
  assert.equal(history.value.history.length, 1);
});

Deno.test("in full mode an emptied site needs a yes before its files are declared gone", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "a", "OMOP/b.csv": "b" }, {
    mode: "full",
  });
  await site.run(["journal", "update", "--version", "v1"]);
  await Deno.remove(site.at("site/OMOP"), { recursive: true });
  const refused = await site.run(["journal", "update"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /2 of 2 OMOP files/);
  const list = await site.json(["journal", "list"]);
  assert.equal(list.value.versions[0].active, 2);
  const agreed = await site.json(["journal", "update", "--yes"]);
  assert.equal(agreed.code, 0, agreed.stderr);
  assert.equal(agreed.value.update.modalities[0].deleted, 2);
});

Deno.test("--max-num-files sends a portion, the next upload the rest", async () => {
  await using site = await TestSite.make();
  await site.run(["journal", "update"]);
  const first = await site.json(["file", "upload", "--max-num-files", "4"]);
  assert.equal(first.value.upload.leftOver, 2);
  const rest = await site.json(["file", "upload", "--receipts", "r.ndjson"]);
  assert.equal(rest.value.upload.leftOver, 0);
  const receipts = (await Deno.readTextFile(site.at("r.ndjson"))).trim().split("\n");
  assert.equal(receipts.length, 2);
});

Deno.test({
  name: "a file that the central store can't hold has a receipt too, and is no other's failure",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using site = await TestSite.make();
    await site.write("1/Images/back\\slash.dcm", "pixels");
    await site.run(["journal", "update"]);
    const { code } = await site.run(["file", "upload", "--receipts", "r.ndjson"]);
    assert.equal(code, 1);
    const lines = (await Deno.readTextFile(site.at("r.ndjson"))).trim().split("\n");
    const receipts = lines.map((line) => JSON.parse(line));
    assert.equal(receipts.length, 7);
    const [refused, ...more] = receipts.filter(({ result }) => result === "failed");
    assert.deepEqual(more, []);
    assert.equal(refused.path, "1/Images/back\\slash.dcm");
    assert.equal(refused.attempts, 0);
    assert.match(refused.reason, /backslash/);
    assert.match(refused.md5, /^[0-9a-f]{32}$/);
  },
});

Deno.test("a check-out is refused when the journal's folder is not there", async () => {
  await using site = await TestSite.make(undefined, { journal: "not mounted/journal.db" });
  const { code, stderr } = await site.run(["journal", "checkout"]);
  assert.equal(code, 5);
  assert.match(stderr, /not mounted/);
  assert.match(stderr, /journal\.source\.path/);
});

Deno.test("file list counts everything, however few it lists", async () => {
  await using site = await TestSite.make();
  await site.run(["journal", "update"]);
  const { value } = await site.json(["file", "list", "--max-num-files", "2"]);
  assert.equal(value.files.length, 2);
  assert.deepEqual([value.totals.files, value.totals.listed], [6, 2]);
});
