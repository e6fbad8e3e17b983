import assert from "node:assert/strict";
import { ManifestSite, OLD, waveform } from "./manifest_site.ts";

const RECORD_1 = waveform("00123", "20240105_101500");
const RECORD_2 = waveform("p_02", "20240106_000000", "edf", "night/");
const LATER = new Date("2024-03-01T00:00:00.5Z");

/** A run over a plain folder, without any configuration. */
async function walk(site: ManifestSite, ...options: string[]) {
  const ran = await site.plain(
    "manifest",
    "generate",
    "--output",
    site.manifest,
    "--path",
    site.at("site"),
    "--json",
    ...options,
  );
  return { ...ran, summary: ran.code <= 1 ? JSON.parse(ran.stdout).manifest : undefined };
}

function active(site: ManifestSite) {
  return site.rows(
    "SELECT Srcfile, MD5 FROM source_files WHERE Time_Invalid IS NULL ORDER BY Srcfile",
  );
}

Deno.test("a folder is registered without configuration or journal, and each content is hashed once", async () => {
  using site = new ManifestSite({
    [RECORD_1]: "signal",
    [RECORD_2]: "night",
    "x.txt": "no record",
  });
  const first = await walk(site);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual([first.summary.files, first.summary.hashed], [3, 2]);
  const second = await walk(site);
  assert.deepEqual([second.summary.files, second.summary.hashed], [3, 0]);
  assert.equal(second.summary.counts.files.kept, 2);

  site.write(RECORD_1, "other!", LATER);
  site.remove("x.txt");
  const third = await walk(site);
  assert.deepEqual([third.summary.hashed, third.summary.counts.files.changed], [1, 1]);
  assert.equal(third.summary.counts.unfit, 0);
  // MD5 of "other!" and "night", taken with another program.
  assert.deepEqual(active(site).map((row) => row.MD5), [
    "7722206ad141bc143d2152cee6ededdc",
    "93a04b066fd81a1017825f2dcda313b2",
  ]);
  assert.equal((await site.plain("manifest", "check", "--manifest", site.manifest)).code, 0);
});

Deno.test("what the journal knows unchanged is not hashed, and walk and journal give the same registry", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night" });
  await site.json("journal", "update", "--version", "v1");
  await site.json("file", "upload");
  const both = [];
  for (const source of [[], ["--path", site.at("site")]]) {
    const summary = await site.generate("--output", site.at(`${source.length}.db`), ...source);
    assert.equal(summary.hashed, 0);
    assert.equal(summary.counts.records.uploaded, 2);
    Deno.renameSync(site.at(`${source.length}.db`), site.manifest);
    both.push(
      site.rows("SELECT * FROM registry ORDER BY 1"),
      site.rows("SELECT File_id, Record_id, Person_id, Srcfile, MD5 FROM source_files"),
      site.rows("SELECT * FROM file_submissions"),
    );
  }
  assert.deepEqual(both.slice(3), both.slice(0, 3));
});

Deno.test("a content that the journal has not got is not taken for uploaded", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal" });
  await site.json("journal", "update", "--version", "v1");
  await site.json("file", "upload");
  site.write(RECORD_1, "SIGNAL", LATER);
  const summary = await site.generate("--path", site.at("site"));
  assert.deepEqual([summary.hashed, summary.counts.records.uploaded], [1, 0]);
  assert.deepEqual(site.rows("SELECT * FROM file_submissions"), []);
});

Deno.test("a run without a journal keeps what is known of uploads, except of what has changed", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night" });
  await site.json("journal", "update", "--version", "v1");
  await site.json("file", "upload");
  await site.generate();
  site.write(RECORD_1, "SIGNAL", LATER);
  await walk(site, "--pattern", "{patient_id}/Waveforms/{filepath}");
  assert.deepEqual(site.rows("SELECT Person_id, Uploaddir FROM registry ORDER BY 1"), [
    { Person_id: "00123", Uploaddir: null },
    { Person_id: "p_02", Uploaddir: "v1" },
  ]);
});

Deno.test("a file written within the clock's tick is hashed again, and its change is found", async () => {
  using site = new ManifestSite();
  site.write(RECORD_1, "signal", new Date());
  assert.equal((await walk(site)).summary.hashed, 1);
  const { mtime } = Deno.statSync(site.at("site", RECORD_1));
  site.write(RECORD_1, "SIGNAL", mtime ?? OLD);
  const second = await walk(site);
  assert.equal(second.summary.counts.files.changed, 1);
});

Deno.test("an unmounted share looks empty, and nothing is taken for gone without a yes", async () => {
  using site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night" });
  await walk(site);
  Deno.removeSync(site.at("site"), { recursive: true });
  Deno.mkdirSync(site.at("site"));
  const { code, summary } = await walk(site);
  assert.equal(code, 1);
  assert.deepEqual(summary.leftAlone, { files: 2, reason: "not confirmed" });
  assert.equal(active(site).length, 2);
  const yes = await walk(site, "--yes");
  assert.equal(yes.code, 0);
  assert.deepEqual(active(site), []);
  Deno.removeSync(site.at("site"));
  const absent = await walk(site, "--yes");
  assert.equal(absent.code, 5);
  assert.match(absent.stderr, /does not exist/);
});

Deno.test("where something can't be read nothing is taken for gone, and the exit code says so", async () => {
  using site = new ManifestSite({
    [RECORD_1]: "signal",
    [RECORD_2]: "night",
    [waveform("7", "20240105_101500")]: "third",
    [waveform("7", "20240106_101500")]: "fourth",
  });
  await walk(site);
  site.remove(RECORD_2);
  site.remove(RECORD_1);
  Deno.symlinkSync("nowhere", site.at("site", RECORD_1));
  const { code, summary, stderr } = await walk(site);
  assert.equal(code, 1);
  assert.match(stderr, /failed:.*00123_20240105/);
  assert.equal(summary.leftAlone.reason, "not everything could be read");
  assert.equal(active(site).length, 4);
  Deno.removeSync(site.at("site", RECORD_1));
  const mended = await walk(site);
  assert.equal(mended.code, 0);
  assert.equal(mended.summary.counts.files.gone, 2);
});

Deno.test("options that contradict each other are refused", async () => {
  using site = new ManifestSite();
  const both = await site.cli("manifest", "generate", "--from-journal", "--path", "x");
  assert.equal(both.code, 2);
  assert.match(both.stderr, /exclude each other/);
  const pattern = await site.cli("manifest", "generate", "--pattern", "{filepath}");
  assert.equal(pattern.code, 2);
  const broken = await walk(site, "--pattern", "{nothing}");
  assert.equal(broken.code, 2);
  const unknown = await site.cli("manifest", "generate", "--grouping", "person");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /file, folder, mapping/);
});
