import assert from "node:assert/strict";
import { RULE_COUNT } from "../../src/manifest/check_manifest.ts";
import { ManifestSite, waveform } from "./manifest_site.ts";

const RECORD_1 = waveform("00123", "20240105_101500");
const RECORD_2 = waveform("p_02", "20240106_000000");
const FIRST = "(SELECT min(File_id) FROM source_files)";

/** A manifest of two records, of which one file was replaced. */
async function sound(): Promise<ManifestSite> {
  const site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night", "7/Waveforms/x": "" });
  await site.updateAndGenerate("v1");
  site.write(RECORD_1, "changed", new Date("2024-03-01T00:00:00.5Z"));
  await site.updateAndGenerate("v2");
  return site;
}

/** How to break each rule, and what the check must say of it. */
const DEFECTS: readonly [rule: string, sql: string, says: RegExp][] = [
  [
    "record has files",
    "INSERT INTO registry VALUES (5, 'x', 's', NULL, NULL, NULL, 0); INSERT INTO record_keys VALUES (5, 'k')",
    /record 5: it has no files/,
  ],
  [
    "file has a record",
    `UPDATE source_files SET Record_id = 99 WHERE File_id = 2`,
    /file 2 .*record 99 is not in the registry/,
  ],
  [
    "IsActive is right",
    "UPDATE registry SET IsActive = 0 WHERE Person_id = 'p_02'",
    /IsActive is 0, but it has 1 active files/,
  ],
  [
    "IsActive is right",
    "UPDATE source_files SET Time_Invalid = (SELECT max(Started) FROM runs) WHERE Person_id = 'p_02'",
    /IsActive is 1, but it has 0 active files/,
  ],
  [
    "same person",
    `UPDATE source_files SET Person_id = 'y' WHERE File_id = ${FIRST}`,
    /it is of person "y", its record of "00123"/,
  ],
  [
    "times in order",
    `UPDATE source_files SET Time_Invalid = Time_Valid WHERE File_id = ${FIRST}`,
    /Time_Invalid is not after Time_Valid/,
  ],
  [
    "one version at a time",
    "UPDATE source_files SET Time_Valid = (SELECT min(Started) FROM runs) WHERE Time_Valid > (SELECT min(Started) FROM runs)",
    /it begins before file \d+ of the same path has ended/,
  ],
  [
    "times are those of runs",
    `UPDATE source_files SET Time_Valid = 7 WHERE File_id = ${FIRST}`,
    /no run has the time/,
  ],
  [
    "dates exist",
    "UPDATE registry SET Date = '2023-02-29' WHERE Person_id = 'p_02'",
    /it starts at "2023-02-29/,
  ],
  [
    "dates exist",
    "UPDATE registry SET Time = '25:00:00' WHERE Person_id = 'p_02'",
    /it starts at ".*25:00:00"/,
  ],
  [
    "session or reason",
    "UPDATE registry SET Session_id = NULL WHERE Person_id = 'p_02'",
    /it has no session/,
  ],
  [
    "record has a key",
    "DELETE FROM record_keys WHERE Record_key LIKE 'p_02%'",
    /what its id was derived from/,
  ],
  [
    "unfit files have no record",
    "INSERT INTO unfit_files SELECT Srcfile, 'x', 1 FROM source_files WHERE Person_id = 'p_02'",
    /listed as unfit, and active/,
  ],
  ["digest", `UPDATE source_files SET MD5 = upper(MD5) WHERE File_id = ${FIRST}`, /is no MD5/],
];

Deno.test("a sound manifest is found sound, and every rule is tested here", async () => {
  using site = await sound();
  const ran = await site.plain("manifest", "check", "--manifest", site.manifest);
  assert.equal(ran.code, 0, ran.stdout);
  assert.match(ran.stdout, /sound \(2 records, 2 active files/);
  assert.equal(new Set(DEFECTS.map(([rule]) => rule)).size, RULE_COUNT);
});

Deno.test("whatever contradicts itself is listed, with exit code 1", async (test) => {
  using site = await sound();
  const whole = Deno.readFileSync(site.manifest);
  for (const [rule, sql, says] of DEFECTS) {
    await test.step(`${rule}: ${says.source}`, async () => {
      Deno.writeFileSync(site.manifest, whole);
      site.spoil(sql);
      const ran = await site.plain("manifest", "check", "--manifest", site.manifest);
      assert.equal(ran.code, 1, ran.stdout);
      assert.match(ran.stdout, says);
      const json = await site.plain("manifest", "check", "--manifest", site.manifest, "--json");
      const { problems, count } = JSON.parse(json.stdout);
      assert.equal(problems.length, count);
      assert.ok(problems.some((each: { rule: string }) => each.rule === rule), json.stdout);
    });
  }
});

Deno.test("more problems than a page holds are all listed", async () => {
  using site = await sound();
  site.spoil(
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1234) INSERT INTO registry SELECT i, 'x', 's', NULL, NULL, NULL, 0 FROM n; INSERT INTO record_keys SELECT Record_id, 'k' || Record_id FROM registry WHERE Person_id = 'x'",
  );
  const ran = await site.plain("manifest", "check", "--manifest", site.manifest);
  assert.equal(ran.stdout.match(/it has no files/g)?.length, 1234);
  assert.match(ran.stdout, /1,234 problems/);
});
