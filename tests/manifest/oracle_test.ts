import assert from "node:assert/strict";
import { applySnapshot } from "../../testdata/site/apply_snapshot.ts";
import type { ChangeEntry } from "../../testdata/site/changes.ts";
import { ManifestSite } from "./manifest_site.ts";

/** What the oracle says of one content of one file. */
interface ExpectedVersion {
  md5: string | null;
  validIn: number;
  invalidIn: number | undefined;
  person: string;
  record: string;
}

/** The record of a waveform file as the manifest names it: folder and name without extension. */
function recordKey(path: string, name: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) + name;
}

Deno.test("two snapshots of a synthetic site of 2,000 records: every row agrees with changes.json", async () => {
  using site = new ManifestSite();
  const stamps: number[] = [];
  const entries: (ChangeEntry & { snapshot: number })[] = [];
  for (const snapshot of [1, 2]) {
    // The entries are those of changes.json; the tree is changed in place, as it is at a site.
    const specification = { scale: "small", patients: 172, seed: "oracle" } as const;
    applySnapshot(site.at("site"), specification, snapshot, (entry) => {
      entries.push({ ...entry, snapshot });
    });
    const modalities = ["--modalities", "Waveforms"];
    await site.json("journal", "update", "--version", `v${snapshot}`, ...modalities);
    await site.json("file", "upload", ...modalities);
    stamps.push((await site.generate("--sessions", "visits")).stampUs);
  }

  const versions = new Map<string, ExpectedVersion[]>();
  const unfit = new Set<string>();
  const records = new Map<string, { entry: ChangeEntry; files: Map<string, string> }>();
  const lastSession = new Map<string, number | null>();
  for (const entry of entries) {
    if (entry.modality !== "Waveforms") continue;
    const { path, snapshot, action, md5, record, person } = entry;
    if (record === undefined) {
      if (action === "gone") unfit.delete(path);
      else unfit.add(path);
      continue;
    }
    const key = recordKey(path, record.name);
    const known = versions.get(path) ?? [];
    versions.set(path, known);
    const last = known.at(-1);
    const expected = records.get(key) ?? { entry, files: new Map<string, string>() };
    records.set(key, expected);
    if (action === "gone" || action === "changed") {
      assert.ok(last !== undefined && last.invalidIn === undefined, path);
      last.invalidIn = snapshot;
      expected.files.delete(path);
    }
    if (action === "added" || action === "changed") {
      known.push({
        md5,
        validIn: snapshot,
        invalidIn: undefined,
        person: person ?? "",
        record: key,
      });
      expected.files.set(path, `v${snapshot}`);
    }
    if (action !== "gone") lastSession.set(key, record.visit);
  }
  assert.ok(records.size >= 2000, `the site has only ${records.size} records`);

  let compared = 0;
  const ids = new Map<string, string | number | null>();
  for (
    const row of site.rows(
      "SELECT s.*, k.Record_key, f.Version, f.Central_path, f.Uploaded FROM source_files s JOIN record_keys k USING (Record_id) JOIN file_submissions f USING (File_id) ORDER BY s.Srcfile, s.Time_Valid",
    )
  ) {
    const path = String(row.Srcfile);
    const expected = versions.get(path)?.shift();
    assert.ok(expected !== undefined, `${path} has a row too many`);
    assert.deepEqual({
      md5: row.MD5,
      validIn: stamps.indexOf(Number(row.Time_Valid)) + 1,
      invalidIn: row.Time_Invalid === null
        ? undefined
        : stamps.indexOf(Number(row.Time_Invalid)) + 1,
      person: row.Person_id,
      record: row.Record_key,
    }, expected);
    assert.equal(row.Version, `v${expected.validIn}`);
    assert.equal(row.Central_path, `v${expected.validIn}/${path}`);
    assert.match(String(row.Uploaded), /^\d{14}$/);
    ids.set(String(row.Record_key), row.Record_id);
    compared++;
  }
  for (const [path, rest] of versions) assert.deepEqual(rest, [], `${path} lacks rows`);
  assert.ok(compared > 3000);

  const registry = site.rows(
    "SELECT g.*, k.Record_key FROM registry g JOIN record_keys k USING (Record_id)",
  );
  assert.equal(registry.length, records.size);
  for (const row of registry) {
    const key = String(row.Record_key);
    const expected = records.get(key);
    assert.ok(expected?.entry.record !== undefined, `${key} is a record too many`);
    const { entry: { record, person }, files } = expected;
    const visit = lastSession.get(key);
    assert.deepEqual(row, {
      Record_id: ids.get(key),
      Record_key: key,
      Person_id: person,
      Session_id: visit === null ? null : String(visit),
      Date: record.start.slice(0, 10),
      Time: record.start.slice(11),
      // Of a record that is gone, the version that had carried it.
      Uploaddir: files.size === 0 ? "v1" : [...files.values()].sort().at(-1),
      IsActive: files.size > 0 ? 1 : 0,
    }, key);
  }
  assert.deepEqual(
    site.rows("SELECT Srcfile FROM unfit_files ORDER BY Srcfile").map((row) => row.Srcfile),
    [...unfit].sort(),
  );
  assert.equal((await site.cli("manifest", "check", "--manifest", site.manifest)).code, 0);
});
