import assert from "node:assert/strict";
import { ManifestSite, waveform } from "./manifest_site.ts";

const RECORD_1 = waveform("00123", "20240105_101500");
const HEADER_1 = waveform("00123", "20240105_101500", "hea");
const RECORD_2 = waveform("p_02", "20240106_000000", "edf", "night/");
const UNFIT = "p_02/Waveforms/p_02_20230229_101500_60.dat";

function files(site: ManifestSite) {
  return site.rows(
    "SELECT Srcfile, MD5, Time_Valid, Time_Invalid FROM source_files ORDER BY File_id",
  );
}

function registry(site: ManifestSite) {
  return site.rows("SELECT * FROM registry ORDER BY Person_id, Date, Time");
}

Deno.test("three states of a site: new, changed, gone and back, with one stamp per run and the same ids", async () => {
  using site = new ManifestSite({
    [RECORD_1]: "signal",
    [HEADER_1]: "header",
    [RECORD_2]: "night",
    [UNFIT]: "no such day",
    "OMOP/person.csv": "not a waveform",
  });
  const first = await site.updateAndGenerate("v1");
  assert.deepEqual(first.counts, {
    files: { added: 3, changed: 0, gone: 0, kept: 0 },
    records: { added: 2, back: 0, ended: 0, active: 2, uploaded: 0 },
    unfit: 1,
    unassigned: 0,
  });
  assert.equal(first.hashed, 0, "the journal's digests were not used");
  const [one, two] = registry(site);
  assert.deepEqual(one, {
    Record_id: one.Record_id,
    Person_id: "00123",
    Session_id: String(one.Record_id),
    Date: "2024-01-05",
    Time: "10:15:00",
    Uploaddir: null,
    IsActive: 1,
  });
  assert.deepEqual([two.Person_id, two.Date, two.Time], ["p_02", "2024-01-06", "00:00:00"]);
  for (const row of files(site)) {
    assert.equal(row.Time_Valid, first.stampUs);
    assert.equal(row.Time_Invalid, null);
  }
  assert.deepEqual(site.rows("SELECT Srcfile, Reason FROM unfit_files"), [
    { Srcfile: UNFIT, Reason: 'there is no day "20230229" (YYYYMMDD)' },
  ]);

  await site.json("file", "upload");
  await site.generate();
  assert.deepEqual(registry(site).map((row) => row.Uploaddir), ["v1", "v1"]);

  // One file changes, a record vanishes, a name is mended.
  site.write(RECORD_1, "signal, longer", new Date("2024-03-01T00:00:00.5Z"));
  site.remove(RECORD_2);
  site.remove(UNFIT);
  site.write(waveform("p_02", "20230228_101500"), "a day that is");
  const second = await site.updateAndGenerate("v2");
  assert.deepEqual(second.counts.files, { added: 1, changed: 1, gone: 1, kept: 1 });
  assert.deepEqual(second.counts.records, { added: 1, back: 0, ended: 1, active: 2, uploaded: 0 });
  assert.deepEqual(site.rows("SELECT * FROM unfit_files"), []);
  const versions = site.rows(
    "SELECT Time_Valid, Time_Invalid FROM source_files WHERE Srcfile = ? ORDER BY File_id",
    RECORD_1,
  );
  assert.deepEqual(versions, [
    { Time_Valid: first.stampUs, Time_Invalid: second.stampUs },
    { Time_Valid: second.stampUs, Time_Invalid: null },
  ]);
  const [changed, , ended] = registry(site);
  assert.deepEqual([changed.Record_id, changed.Uploaddir], [one.Record_id, null], "not sent yet");
  assert.deepEqual([ended.Record_id, ended.IsActive], [two.Record_id, 0]);

  await site.json("file", "upload");
  site.write(RECORD_2, "night");
  const third = await site.updateAndGenerate("v3");
  assert.deepEqual(third.counts.records, { added: 0, back: 1, ended: 0, active: 3, uploaded: 2 });
  const back = registry(site).find((row) => row.Record_id === two.Record_id);
  assert.deepEqual([back?.IsActive, back?.Uploaddir], [1, null], "it comes back under its id");
  assert.equal(registry(site)[0].Uploaddir, "v2", "the version of its newest file");
  assert.equal((await site.cli("manifest", "check", "--manifest", site.manifest)).code, 0);
});

Deno.test("a run without changes writes no row but its own", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night", [UNFIT]: "x" });
  await site.updateAndGenerate("v1");
  const before = ["registry", "source_files", "unfit_files", "record_keys", "file_submissions"]
    .map((table) => site.rows(`SELECT * FROM ${table} ORDER BY 1`));
  const { counts } = await site.generate();
  assert.deepEqual(counts.files, { added: 0, changed: 0, gone: 0, kept: 2 });
  const after = ["registry", "source_files", "unfit_files", "record_keys", "file_submissions"]
    .map((table) => site.rows(`SELECT * FROM ${table} ORDER BY 1`));
  assert.deepEqual(after, before);
  assert.equal(site.rows("SELECT * FROM runs").length, 2);
});

Deno.test("a touched file of the same content is the same version", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  await site.updateAndGenerate("v1");
  site.write(RECORD_1, "signal", new Date("2024-03-01T00:00:00.5Z"));
  const { counts } = await site.updateAndGenerate("v2");
  assert.deepEqual(counts.files, { added: 0, changed: 0, gone: 0, kept: 1 });
});

Deno.test("Uploaddir is empty until every active file of the record is uploaded", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal", [HEADER_1]: "header" });
  await site.updateAndGenerate("v1");
  const uploaddir = () => registry(site)[0].Uploaddir;
  await site.json("file", "upload", "--max-num-files", "1");
  await site.generate();
  assert.equal(uploaddir(), null);
  await site.json("file", "upload");
  await site.generate();
  assert.equal(uploaddir(), "v1");
  site.write(HEADER_1, "another header", new Date("2024-03-01T00:00:00.5Z"));
  await site.updateAndGenerate("v2");
  assert.equal(uploaddir(), null);
  await site.json("file", "upload");
  await site.generate();
  assert.equal(uploaddir(), "v2");
  assert.deepEqual(
    site.rows(
      "SELECT Srcfile, Version, Central_path FROM source_files JOIN file_submissions USING (File_id) ORDER BY File_id",
    ).map(({ Srcfile, Version, Central_path }) => [Srcfile, Version, Central_path]),
    [
      [RECORD_1, "v1", `v1/${RECORD_1}`],
      [HEADER_1, "v1", `v1/${HEADER_1}`],
      [HEADER_1, "v2", `v2/${HEADER_1}`],
    ],
  );
});

Deno.test("a version that was uploaded and replaced between two runs is known as uploaded", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  await site.updateAndGenerate("v1");
  await site.json("file", "upload");
  site.write(RECORD_1, "other signal", new Date("2024-03-01T00:00:00.5Z"));
  await site.updateAndGenerate("v2");
  const rows = site.rows(
    "SELECT Version, Uploaded IS NOT NULL AS Uploaded FROM source_files JOIN file_submissions USING (File_id) ORDER BY File_id",
  );
  assert.deepEqual(rows, [
    { Version: "v1", Uploaded: 1 },
    { Version: "v2", Uploaded: 0 },
  ]);
});

Deno.test("stamps grow even when the clock was set back", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  const { stampUs } = await site.updateAndGenerate("v1");
  site.clock = () => new Date("2025-01-01T00:00:00Z");
  site.remove(RECORD_1);
  const second = await site.updateAndGenerate("v2", "--yes");
  assert.equal(second.stampUs, stampUs + 1);
  assert.equal((await site.cli("manifest", "check", "--manifest", site.manifest)).code, 0);
});

Deno.test("a dry run says what would be, and leaves the manifest, or its absence, as it is", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  await site.json("journal", "update", "--version", "v1");
  const { counts } = await site.generate("--dry-run");
  assert.equal(counts.records.added, 1);
  await assert.rejects(Deno.stat(site.manifest), Deno.errors.NotFound);
  await site.generate();
  const bytes = Deno.readFileSync(site.manifest);
  site.write(RECORD_2, "night");
  await site.json("journal", "update", "--version", "v2");
  assert.equal((await site.generate("--dry-run")).counts.records.added, 1);
  assert.deepEqual(Deno.readFileSync(site.manifest), bytes);
});

Deno.test("two active journal rows for one path leave what the manifest has of it, and are a failure", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night" });
  await site.updateAndGenerate("v1");
  const { DatabaseSync } = await import("node:sqlite");
  {
    using journal = new DatabaseSync(site.at("journal.db"));
    journal.exec(
      "INSERT INTO journal_v2 SELECT NULL, PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, 'ffffffffffffffffffffffffffffffff', TIME_VALID_us, NULL, NULL, VERSION_ID FROM journal_v2 WHERE FILENAME LIKE '00123%'",
    );
  }
  const before = files(site);
  const ran = await site.cli("manifest", "generate", "--output", site.manifest);
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /several active rows/);
  assert.deepEqual(files(site), before);
});

Deno.test("an empty journal declares nothing gone without a yes", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  await site.updateAndGenerate("v1");
  site.remove(RECORD_1);
  await site.json("journal", "update", "--version", "v2", "--yes");
  const ran = await site.cli("manifest", "generate", "--output", site.manifest);
  assert.equal(ran.code, 1);
  assert.match(ran.stdout + ran.stderr, /--yes/);
  assert.equal(registry(site)[0].IsActive, 1);
  await site.generate("--yes");
  assert.equal(registry(site)[0].IsActive, 0);
});

Deno.test("another grouping than the manifest's is refused, since it would change every id", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  await site.updateAndGenerate("v1", "--grouping", "folder", "--sessions", "record");
  const ran = await site.cli(
    "manifest",
    "generate",
    "--output",
    site.manifest,
    "--grouping",
    "file",
  );
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /groups files by folder/);
  assert.equal((await site.generate()).grouping, "folder", "it is remembered");
});
