import assert from "node:assert/strict";
import { ManifestSite, waveform } from "./manifest_site.ts";

const VISITS =
  `visit_occurrence_id,person_id,visit_start_date,visit_start_datetime,visit_end_date,visit_end_datetime
1001,123,2024-01-05,2024-01-05 08:00:00,2024-01-07,2024-01-07 12:00:00
1002,123,2024-01-07,2024-01-07 11:00:00,2024-01-09,2024-01-09 00:00:00
1003,123,2024-02-01,,2024-02-02,
2001.0,900.0,2024-01-05,2024-01-05T08:00:00Z,2024-01-06,2024-01-06T08:00:00.000Z
3001,7,2024-01-01,2024-01-01 00:00:00,,
`;
const PERSONS = `person_id,person_source_value\n123,00123\n900,p_02\n7,7\n8,p_03\n55,7\n`;

async function sessionsOf(files: readonly string[], omop: Record<string, string>) {
  using site = new ManifestSite({
    ...Object.fromEntries(files.map((path) => [path, path])),
    ...omop,
  });
  const summary = await site.updateAndGenerate("v1", "--sessions", "visits");
  const rows = site.rows(
    "SELECT k.Record_key, g.Session_id, u.Reason FROM registry g JOIN record_keys k USING (Record_id) LEFT JOIN unassigned_records u USING (Record_id)",
  );
  assert.equal(rows.filter((row) => row.Reason !== null).length, summary.counts.unassigned);
  assert.equal((await site.cli("manifest", "check", "--manifest", site.manifest)).code, 0);
  return (path: string) => {
    const row = rows.find((each) => each.Record_key === path.replace(/\.dat$/, ""));
    return row?.Session_id ?? row?.Reason;
  };
}

Deno.test("a record belongs to the visit in which it starts, and is listed when there is none or more than one", async () => {
  const at = (start: string, person = "00123") => waveform(person, start);
  const paths = {
    first: at("20240105_080000"),
    before: at("20240105_075959"),
    both: at("20240107_113000"),
    second: at("20240107_120001"),
    lastDay: at("20240109_235959"),
    after: at("20240110_000000"),
    dates: at("20240202_233000"),
    source: at("20240105_090000", "p_02"),
    sourceLate: at("20240106_080001", "p_02"),
    nobody: at("20240105_090000", "p_99"),
    noVisits: at("20240105_090000", "p_03"),
    ambiguous: at("20240105_090000", "7"),
  };
  const session = await sessionsOf(Object.values(paths), {
    "OMOP/visit_occurrence.csv": VISITS,
    "OMOP/person.csv": PERSONS,
  });
  assert.equal(session(paths.first), "1001");
  assert.equal(session(paths.before), "it starts in none of the person's visits");
  assert.equal(session(paths.both), "it starts in 2 visits, among them 1001 and 1002");
  assert.equal(session(paths.second), "1002");
  assert.equal(session(paths.lastDay), "1002", "an end at midnight is a day without a time");
  assert.equal(session(paths.after), "it starts in none of the person's visits");
  assert.equal(session(paths.dates), "1003", "dates do where there are no times");
  assert.equal(session(paths.source), "2001", "by person_source_value");
  assert.equal(session(paths.sourceLate), "it starts in none of the person's visits");
  assert.equal(session(paths.nobody), 'no person "p_99" in the visit or person table');
  assert.equal(session(paths.noVisits), "it starts in none of the person's visits");
  assert.equal(
    session(paths.ambiguous),
    'person "7" is one by person_id and another by person_source_value',
  );
});

Deno.test("without a person table the person is the person_id, and a visit without an end goes on", async () => {
  const path = waveform("0007", "20300101_000000");
  const other = waveform("p_02", "20240105_090000");
  const session = await sessionsOf([path, other], { "OMOP/Visit_Occurrence.CSV": VISITS });
  assert.equal(session(path), "3001");
  assert.equal(session(other), 'no person "p_02" in the visit or person table');
});

Deno.test("sessions follow the visits from run to run, under the same record ids", async () => {
  const path = waveform("123", "20240301_100000");
  using site = new ManifestSite({ [path]: "signal", "OMOP/visit_occurrence.csv": VISITS });
  const first = await site.updateAndGenerate("v1", "--sessions", "visits");
  assert.equal(first.counts.unassigned, 1);
  const [before] = site.rows("SELECT Record_id, Session_id FROM registry");
  assert.equal(before.Session_id, null);
  site.write("OMOP/visit_occurrence.csv", VISITS + "1004,123,2024-03-01,,2024-03-01,\n");
  const second = await site.generate();
  assert.equal(second.sessions, "visits", "the rule is remembered");
  assert.equal(second.counts.unassigned, 0);
  assert.deepEqual(site.rows("SELECT Record_id, Session_id FROM registry"), [
    { Record_id: before.Record_id, Session_id: "1004" },
  ]);
});

Deno.test("rows of the visit table that can't be used are told with line and column, the others count", async () => {
  using site = new ManifestSite({ [waveform("123", "20240105_100000")]: "signal" });
  const visits = site.at("visits.csv");
  Deno.writeTextFileSync(
    visits,
    VISITS +
      "1005,123,soon,,2024-01-05,\n,123,2024-01-05,,2024-01-05,\n1006,123,2024-01-05,,2024-13-05,\n",
  );
  await site.json("journal", "update");
  const ran = await site.cli(
    "manifest",
    "generate",
    "--output",
    site.manifest,
    "--sessions",
    "visits",
    "--visits",
    visits,
  );
  assert.equal(ran.code, 0, ran.stderr);
  const said = ran.stderr;
  assert.match(said, /3 rows can't be used/);
  assert.match(said, /line 7, column 3 \(visit_start_date\): "soon" is no moment/);
  assert.match(said, /line 8, column 1 \(visit_occurrence_id\)/);
  assert.match(said, /line 9, column 5 \(visit_end_date\): "2024-13-05"/);
  assert.equal(site.rows("SELECT Session_id FROM registry")[0].Session_id, "1001");
});

Deno.test("visits that can't be found or read stop the run before anything is changed", async () => {
  using site = new ManifestSite({ [waveform("123", "20240105_100000")]: "signal" });
  await site.json("journal", "update");
  const run = (...options: string[]) =>
    site.cli("manifest", "generate", "--output", site.manifest, "--sessions", "visits", ...options);
  const none = await run();
  assert.equal(none.code, 2);
  assert.match(none.stderr, /--visits/);
  assert.match((await run("--visits", site.at("absent.csv"))).stderr, /does not exist/);
  Deno.writeTextFileSync(site.at("other.csv"), "a,b\n1,2\n");
  const other = await run("--visits", site.at("other.csv"));
  assert.equal(other.code, 2);
  assert.match(
    other.stderr,
    /line 1: it has no column visit_occurrence_id/,
  );
  assert.deepEqual(site.rows("SELECT * FROM runs"), []);
});
