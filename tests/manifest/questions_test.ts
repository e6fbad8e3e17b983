import assert from "node:assert/strict";
import { ManifestSite, waveform } from "./manifest_site.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/manifest.md", import.meta.url));

/** The page's snippets: each question with its SQL. */
const QUESTIONS = new Map(
  [...PAGE.matchAll(/^([^\n]+\?)\n\n```sql\n([^`]+)```/gm)].map((
    [, question, sql],
  ) => [question, sql]),
);

const CHANGED = waveform("00123", "20240105_101500");
const GONE = waveform("00123", "20240106_101500");
const KEPT = waveform("p_02", "20240105_101500");
const NEW = waveform("p_02", "20240107_101500");
const UNSENT = waveform("p_02", "20240108_101500");

/** Two submissions, and what came after the second. */
async function made(): Promise<ManifestSite> {
  const site = new ManifestSite({ [CHANGED]: "signal", [GONE]: "going", [KEPT]: "kept" });
  // Before and after the moment that one of the questions is about.
  site.clock = () => new Date("2026-06-29T12:00:00Z");
  await site.updateAndGenerate("v1");
  await site.json("file", "upload");
  site.clock = () => new Date("2026-07-01T12:00:00Z");
  site.write(CHANGED, "another signal", new Date("2024-03-01T00:00:00.5Z"));
  site.write(NEW, "new");
  await site.updateAndGenerate("v2");
  await site.json("file", "upload");
  site.clock = () => new Date("2026-07-08T12:00:00Z");
  site.remove(GONE);
  site.write(UNSENT, "unsent");
  await site.updateAndGenerate("v3");
  return site;
}

const ANSWERS: Record<string, (rows: Record<string, unknown>[]) => void> = {
  "Which records of a person are active?": (rows) =>
    assert.deepEqual(rows.map((row) => [row.Date, row.Uploaddir]), [["2024-01-05", "v2"]]),
  "Which files does a record have now, and which did it have before?": (rows) => {
    assert.ok(rows.length >= 1 && rows.length <= 2);
    for (const row of rows) assert.match(String(row.Since), /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/);
  },
  "What changed in the last submission?": (rows) =>
    assert.deepEqual(rows.map((row) => [row.Srcfile, row.Change]), [[CHANGED, "changed"], [
      NEW,
      "new",
    ]]),
  "Which files went where?": (rows) =>
    assert.deepEqual(
      rows.map((row) => [row.Srcfile, row.Central_path]),
      [[CHANGED, "v1"], [CHANGED, "v2"], [GONE, "v1"], [KEPT, "v1"], [NEW, "v2"]]
        .map(([path, version]) => [path, `${version}/${path}`]),
    ),
  "What is still to be sent?": (rows) => assert.deepEqual(rows.map((row) => row.Srcfile), [UNSENT]),
  "What did the last run find gone, and which records ended with it?": (rows) =>
    assert.deepEqual(rows.map((row) => [row.Srcfile, row.IsActive]), [[GONE, 0]]),
  "What was there at a moment, such as the day of an analysis?": (rows) =>
    assert.deepEqual(rows.map((row) => row.Srcfile), [CHANGED, GONE, KEPT]),
  "How many records does each session have, and which have none?": (rows) => {
    assert.equal(rows.length, 4);
    for (const row of rows) assert.deepEqual([row.Records, row.Reason], [1, null]);
  },
};

Deno.test("every SQL snippet of docs/manifest.md answers its question", async (test) => {
  using site = await made();
  assert.deepEqual([...QUESTIONS.keys()].sort(), Object.keys(ANSWERS).sort());
  for (const [question, sql] of QUESTIONS) {
    await test.step(question, () => ANSWERS[question](site.rows(sql)));
  }
});

Deno.test("docs/manifest.md names every table and every column", async () => {
  using site = await made();
  for (
    const { table, name } of site.rows(
      "SELECT m.name AS 'table', c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'",
    )
  ) {
    assert.ok(PAGE.includes(`\`${table}`), `${table} is not explained`);
    if (table === "runs" || table === "known_hashes") continue;
    assert.ok(new RegExp(`\\b${name}\\b`).test(PAGE), `${table}.${name} is not explained`);
  }
});
