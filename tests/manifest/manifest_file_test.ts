import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openManifest, openManifestForWriting } from "../../src/manifest/manifest.ts";
import { ManifestSite, waveform } from "./manifest_site.ts";

const RECORD = waveform("00123", "20240105_101500");

async function journaled(): Promise<ManifestSite> {
  const site = new ManifestSite({ [RECORD]: "signal" });
  await site.json("journal", "update", "--version", "v1");
  return site;
}

Deno.test("what is no manifest is never written, and every command says so", async () => {
  using site = await journaled();
  const other = site.at("other.db");
  {
    using database = new DatabaseSync(other);
    database.exec("CREATE TABLE registry (Record_id)");
  }
  const text = site.at("text.db");
  Deno.writeTextFileSync(text, "This is a text of more than sixteen characters.\n".repeat(50));
  for (
    const [path, why] of [
      [other, /an SQLite database of another kind/],
      [site.at("journal.db"), /an SQLite database of another kind/],
      [text, /no SQLite database/],
      [site.at("site"), /it is a folder/],
      [`${text}/manifest.db`, /its folder is a file/],
    ] as const
  ) {
    const before = path.endsWith(".db") && !path.includes("text.db/")
      ? Deno.readFileSync(path)
      : undefined;
    const generate = await site.cli("manifest", "generate", "--output", path);
    assert.equal(generate.code, 2, `${path}: ${generate.stderr}`);
    assert.match(generate.stderr, why);
    for (const command of ["list", "check", "export"]) {
      const ran = await site.cli("manifest", command, "--manifest", path);
      assert.equal(ran.code, 2, `${command} ${path}: ${ran.stderr}`);
      assert.match(ran.stderr, why);
    }
    if (before !== undefined) assert.deepEqual(Deno.readFileSync(path), before);
  }
  const names = [...Deno.readDirSync(site.folder)].map(({ name }) => name);
  assert.deepEqual(names.filter((name) => /writer|-journal|partial/.test(name)), []);
});

Deno.test("a manifest that is absent, cut short or of a later format is told from each other", async () => {
  using site = await journaled();
  const list = () => site.cli("manifest", "list", "--manifest", site.manifest);
  const absent = await list();
  assert.equal(absent.code, 5);
  assert.match(absent.stderr, /no manifest at.*manifest generate/s);
  await site.generate();
  const whole = Deno.readFileSync(site.manifest);
  site.spoil("PRAGMA user_version = 9");
  assert.match((await list()).stderr, /its format is 9/);
  Deno.writeFileSync(site.manifest, whole.subarray(0, 20_000));
  const check = await site.cli("manifest", "check", "--manifest", site.manifest);
  assert.ok(check.code === 1 || check.code === 5, String(check.code));
  assert.match(check.stdout + check.stderr, /damaged|cut short|malformed/);
});

Deno.test("an output folder that is not there, or not ours, is an error that says so", async () => {
  using site = await journaled();
  const ran = await site.cli("manifest", "generate", "--output", site.at("no", "manifest.db"));
  assert.equal(ran.code, 5);
  assert.match(ran.stderr, /its folder does not exist/);
});

Deno.test("one writer at a time; readers see what was there before", async () => {
  using site = await journaled();
  await site.generate();
  using writer = openManifestForWriting(site.manifest);
  writer.connection.execute("BEGIN IMMEDIATE; UPDATE registry SET IsActive = 0;");
  const second = await site.cli("manifest", "generate", "--output", site.manifest);
  assert.equal(second.code, 3);
  assert.match(second.stderr, /Another chorus-upload is writing the manifest/);
  using reader = openManifest(site.manifest);
  assert.equal(reader.connection.number("SELECT IsActive FROM registry"), 1);
  writer.connection.execute("ROLLBACK");
});

Deno.test("a run that fails in the middle leaves the manifest as it was", async () => {
  using site = await journaled();
  await site.generate();
  const before = site.rows("SELECT * FROM source_files");
  // The last thing that a run writes.
  site.spoil("CREATE TRIGGER stop BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'stopped'); END");
  site.write(RECORD, "changed!", new Date("2024-03-01T00:00:00.5Z"));
  await site.json("journal", "update", "--version", "v2");
  const ran = await site.cli("manifest", "generate", "--output", site.manifest);
  assert.equal(ran.code, 5);
  assert.match(ran.stderr, /stopped/);
  assert.deepEqual(site.rows("SELECT * FROM source_files"), before);
  site.spoil("DROP TRIGGER stop");
  assert.equal((await site.generate()).counts.files.changed, 1);
});
