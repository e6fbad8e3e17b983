import assert from "node:assert/strict";
import { parse } from "csv-parse/sync";
import { ManifestSite, waveform } from "./manifest_site.ts";

const RECORD_1 = waveform("00123", "20240105_101500");
const RECORD_2 = waveform("p_02", "20240106_000000", "edf", 'a "b", c/');
const UNFIT = "p_02/Waveforms/line\nbreak.dat";

async function made(): Promise<ManifestSite> {
  const site = new ManifestSite({ [RECORD_1]: "signal", [RECORD_2]: "night", [UNFIT]: "x" });
  await site.updateAndGenerate("v1");
  return site;
}

Deno.test("the registry is listed as a table, by person, and as JSON", async () => {
  using site = await made();
  const list = (...options: string[]) =>
    site.plain("manifest", "list", "--manifest", site.manifest, ...options);
  const table = await list();
  assert.match(table.stdout, /00123 +its own +2024-01-05 10:15:00 +1/);
  assert.match(table.stdout, /2 active records with 2 files of 2 persons, 0 uploaded/);
  assert.match(table.stdout, /1 file without a record/);
  const person = await list("--person", "p_02");
  assert.ok(person.stdout.includes("p_02") && !person.stdout.includes("00123"));
  const { registry, totals } = JSON.parse((await list("--person", "00123", "--json")).stdout);
  assert.deepEqual(registry.map((row: { personId: string }) => row.personId), ["00123"]);
  assert.equal(totals.activeFiles, 1);
  const nobody = await list("--person", "123");
  assert.match(nobody.stdout, /^0 active records/);
  const unfit = await list("--unfit");
  assert.equal(
    unfit.stdout,
    "p_02/Waveforms/line\\nbreak.dat: the name is not PERSONID_STARTDATE_STARTTIME_LENGTH.extension\n",
  );
  site.remove(RECORD_1);
  await site.updateAndGenerate("v2");
  assert.match((await list()).stdout, /00123.* gone/);
  assert.ok(!(await list("--active")).stdout.includes("00123"));
});

Deno.test("a registry longer than a page is listed whole, in order", async () => {
  using site = new ManifestSite();
  const expected: string[] = [];
  for (let n = 0; n < 1203; n++) {
    const time = String(Math.floor(n / 60)).padStart(2, "0") + String(n % 60).padStart(2, "0");
    const person = `p_${n % 2}`;
    site.write(waveform(person, `20240105_${time}00`), `${n}`);
    expected.push(`${person} ${time}`);
  }
  await site.updateAndGenerate("v1");
  const { stdout } = await site.plain("manifest", "list", "--manifest", site.manifest, "--json");
  const found = JSON.parse(stdout).registry.map((row: { personId: string; time: string }) =>
    `${row.personId} ${row.time.slice(0, 5).replace(":", "")}`
  );
  assert.deepEqual(found, expected.sort());
});

Deno.test("the export is CSV that reads back to the very rows, and replaces nothing unasked", async () => {
  using site = await made();
  const output = site.at("csv");
  const exportTo = (...options: string[]) =>
    site.plain(
      "manifest",
      "export",
      "--format",
      "csv",
      "--manifest",
      site.manifest,
      "--output",
      output,
      ...options,
    );
  const first = await exportTo();
  assert.equal(first.code, 0, first.stderr);
  for (
    const table of [
      "registry",
      "source_files",
      "file_submissions",
      "unfit_files",
      "unassigned_records",
    ]
  ) {
    const text = Deno.readTextFileSync(`${output}/${table}.csv`);
    const rows = parse(text, { columns: true }) as Record<string, string>[];
    const expected = site.rows(`SELECT * FROM ${table} ORDER BY 1`).map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value ?? "")]))
    );
    assert.deepEqual(rows, expected, table);
  }
  assert.equal(
    Deno.readTextFileSync(`${output}/registry.csv`).split("\n")[0],
    "Record_id,Person_id,Session_id,Date,Time,Uploaddir,IsActive",
  );
  const second = await exportTo();
  assert.equal(second.code, 5);
  assert.match(second.stderr, /exists already.*--overwrite/s);
  Deno.writeTextFileSync(`${output}/registry.csv`, "something else");
  assert.equal((await exportTo("--overwrite")).code, 0);
  assert.match(Deno.readTextFileSync(`${output}/registry.csv`), /^Record_id/);
  assert.deepEqual([...Deno.readDirSync(output)].length, 5, "nothing is left beside");
});
