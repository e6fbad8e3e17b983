import assert from "node:assert/strict";
import { ManifestSite, waveform } from "./manifest_site.ts";

const FILES = {
  "a/Waveforms/x1.bin": "one",
  "a/Waveforms/x2.bin": "two",
  'b/Waveforms/y,1 "q".bin': "three",
  "b/Waveforms/new.bin": "four",
};
const HEAD = "file,person,session,record,start\n";

async function generate(site: ManifestSite, mapping: string | Uint8Array, ...options: string[]) {
  const path = site.at("mapping.csv");
  if (typeof mapping === "string") Deno.writeTextFileSync(path, mapping);
  else Deno.writeFileSync(path, mapping);
  const wanted = options.length > 0 ? options : ["--grouping", "mapping", "--sessions", "mapping"];
  return await site.cli(
    "manifest",
    "generate",
    "--output",
    site.manifest,
    "--mapping",
    path,
    ...wanted,
  );
}

async function journaled(files: Record<string, string> = FILES): Promise<ManifestSite> {
  const site = new ManifestSite(files);
  await site.json("journal", "update", "--version", "v1");
  return site;
}

Deno.test("a mapping file gives person, session, record and start, whatever its dialect", async () => {
  using site = await journaled();
  const mapping = "\ufeffSTART\tFile\textra\tRecord\tPerson\tSession\r\n" +
    "2024-01-05 10:15\ta/Waveforms/x1.bin\t\tR1\tP1\tS1\r\n" +
    "2024-01-05T10:14:59.5\ta\\Waveforms\\x2.bin\tz\tR1\tP1\tS1\r\n" +
    "\r\n" +
    '20240106\t"b/Waveforms/y,1 ""q"".bin"\t\tR1\tP1\tS2\r\n' +
    "2024-01-07 00:00:00\tnot/there.bin\t\tR9\tP9\tS9\r\n";
  const ran = await generate(site, mapping);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(
    site.rows(
      "SELECT Person_id, Session_id, Date, Time, (SELECT count(*) FROM source_files s WHERE s.Record_id = g.Record_id) AS Files FROM registry g ORDER BY Session_id",
    ),
    [
      { Person_id: "P1", Session_id: "S1", Date: "2024-01-05", Time: "10:14:59", Files: 2 },
      { Person_id: "P1", Session_id: "S2", Date: "2024-01-06", Time: null, Files: 1 },
    ],
  );
  assert.deepEqual(site.rows("SELECT Srcfile, Reason FROM unfit_files"), [
    { Srcfile: "b/Waveforms/new.bin", Reason: "the mapping file doesn't have it" },
  ]);
  assert.match(ran.stdout, /1 line .*not\/there\.bin \(line 6\)/);
  // Mended: it comes off that table.
  const mended = mapping + "\tb/Waveforms/new.bin\t\tR2\tP1\tS2\r\n";
  assert.equal((await generate(site, mended)).code, 0);
  assert.deepEqual(site.rows("SELECT * FROM unfit_files"), []);
  assert.equal(site.rows("SELECT * FROM registry").length, 3);
  assert.equal((await site.cli("manifest", "check", "--manifest", site.manifest)).code, 0);
});

const BROKEN: readonly [string, string | Uint8Array, RegExp][] = [
  ["no columns", "a,b\n1,2\n", /line 1: it has no column file, person, session, record, start/],
  ["an empty file", "", /line 1: it has no column file/],
  ["a cell too few", HEAD + "x,p,s,r,\ny,p,s\n", /line 3: it has another number of columns/],
  ["no person", HEAD + "x,,s,r,\n", /line 2, column 2 \(person\): nothing is there/],
  ["no record", HEAD + "x,p,s,,\n", /line 2, column 4 \(record\): nothing is there/],
  [
    "no such day",
    HEAD + "x,p,s,r,2023-02-29 10:00\n",
    /line 2, column 5 \(start\): "2023-02-29 10:00"/,
  ],
  ["no such time", HEAD + "x,p,s,r,2023-02-28 24:00:00\n", /column 5 \(start\)/],
  [
    "one file twice",
    HEAD + "x,p,s,r,\ny,p,s,r,\nx,p,s,q,\n",
    /line 4, column 1 \(file\): "x" is on line 2 already/,
  ],
  ["an open quote", HEAD + 'x,p,s,r,\n"y,p,s,r,\n', /line 3.*a quote is never closed/],
  ["a stray quote", HEAD + 'x,p,"s"t,r,\n', /line 2, column 3/],
  [
    "another encoding",
    new Uint8Array([
      ...new TextEncoder().encode(HEAD + "x,p"),
      0xe9,
      ...new TextEncoder().encode(",s,r,\n"),
    ]),
    /line 2, column 2 \(person\): not UTF-8/,
  ],
  ["a line after a cell of two lines", HEAD + '"x\n",p,s,r,\ny,p,s,r,soon\n', /line 4, column 5/],
];

for (const [what, mapping, message] of BROKEN) {
  Deno.test(`a mapping file with ${what} is refused, with its place, and nothing is changed`, async () => {
    using site = await journaled();
    const ran = await generate(site, mapping);
    assert.equal(ran.code, 2, ran.stdout);
    assert.match(ran.stderr, message);
    assert.deepEqual(site.rows("SELECT * FROM runs"), []);
  });
}

Deno.test("many faults of a mapping file are listed together, and the rest counted", async () => {
  using site = await journaled();
  const ran = await generate(site, HEAD + ",p,s,r,\n".repeat(25));
  assert.match(ran.stderr, /line 2, column 1[^]*line 11, column 1[^]*and 15 more/);
});

Deno.test("sessions by mapping with records by file list what the mapping leaves open or contradicts", async () => {
  const path = (start: string, extension = "dat") => waveform("7", start, extension);
  using site = await journaled({
    [path("20240105_100000")]: "a",
    [path("20240105_100000", "hea")]: "b",
    [path("20240106_100000")]: "c",
    [path("20240107_100000")]: "d",
    [path("20240107_100000", "hea")]: "e",
    [path("20240108_100000")]: "f",
  });
  const mapping = HEAD +
    `${path("20240105_100000")},7,S1,r,\n` +
    `${path("20240105_100000", "hea")},7,S1,r,\n` +
    `${path("20240107_100000")},7,S1,r,\n` +
    `${path("20240107_100000", "hea")},7,S2,r,\n` +
    `${path("20240108_100000")},8,S3,r,\n`;
  const ran = await generate(site, mapping, "--sessions", "mapping");
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(
    site.rows(
      "SELECT Date, Session_id, Reason FROM registry LEFT JOIN unassigned_records USING (Record_id) ORDER BY Date",
    ),
    [
      { Date: "2024-01-05", Session_id: "S1", Reason: null },
      { Date: "2024-01-06", Session_id: null, Reason: "the mapping file gives it no session" },
      {
        Date: "2024-01-07",
        Session_id: null,
        Reason: 'the mapping file gives its files several sessions: "S1" and "S2"',
      },
    ],
  );
  const [unfit] = site.rows("SELECT Reason FROM unfit_files");
  assert.equal(unfit.Reason, 'the name says person "7", the mapping file "8" (line 6)');
});

Deno.test("a mapping file that is missing, or of no use, is said", async () => {
  using site = await journaled();
  const run = (...options: string[]) =>
    site.cli("manifest", "generate", "--output", site.manifest, ...options);
  assert.match((await run("--grouping", "mapping")).stderr, /--mapping FILE/);
  assert.match((await run("--mapping", "x.csv")).stderr, /nothing is taken from it/);
  const absent = await run("--grouping", "mapping", "--mapping", site.at("absent.csv"));
  assert.equal(absent.code, 2);
  assert.match(absent.stderr, /does not exist/);
});
