import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { TestSite } from "./site.ts";

const FIXTURES = fileURLToPath(new URL("../../../shared/fixtures/", import.meta.url));

function fixturesPresent(): boolean {
  try {
    Deno.statSync(join(FIXTURES, "mtimes.json"));
    return true;
  } catch {
    // deno-lint-ignore no-console
    console.log("skipped: the predecessor's fixtures are not beside this checkout");
    return false;
  }
}

const ignore = !fixturesPresent();

/** Puts a state of the fixture site in place, with its modification times to the microsecond. */
async function placeSite(site: TestSite, state: "site_v1" | "site_v2"): Promise<void> {
  const times: Record<string, number> = JSON.parse(
    await Deno.readTextFile(join(FIXTURES, "mtimes.json")),
  );
  await Deno.remove(site.at("site"), { recursive: true });
  for (const [path, us] of Object.entries(times)) {
    if (!path.startsWith(`${state}/`)) continue;
    const target = site.at("site", path.slice(state.length + 1));
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(join(FIXTURES, path), target);
    await Deno.utime(target, us / 1e6, us / 1e6);
  }
}

/** What a journal says of every row, without ids and times of the run. */
function rowsOf(path: string): string[] {
  using journal = new DatabaseSync(path, { readOnly: true });
  return journal.prepare(
    `SELECT m.MODALITY || ' ' || p.SRC_PATH || '/' || j.FILENAME || ' ' || j.SIZE || ' ' || j.MD5
       || ' ' || v.VERSION || ' ' || CASE WHEN j.TIME_INVALID_us IS NULL THEN 'active' ELSE 'invalid' END
       || ' ' || coalesce(u.UPLOAD_DT, 'unsent') || ' ' || coalesce(CAST(j.PERSON_ID AS TEXT), 'none') AS line
     FROM journal_v2 j JOIN srcpaths p ON p.id = j.SRC_PATH_ID JOIN modalities m ON m.id = j.MODALITY_ID
     JOIN versions v ON v.id = j.VERSION_ID LEFT JOIN uploads u ON u.id = j.UPLOAD_DT_ID`,
  ).all().map(({ line }) => String(line)).sort();
}

for (
  const [mode, expected] of [
    ["append", "journal_v2_second.db"],
    ["full", "journal_v2_full.db"],
  ] as const
) {
  Deno.test(`an update of the predecessor's journal in ${mode} mode gives the predecessor's rows`, {
    ignore,
  }, async () => {
    await using site = await TestSite.make({}, { mode });
    await placeSite(site, "site_v2");
    await Deno.copyFile(join(FIXTURES, "journal_v2_uploaded.db"), site.at("journal.db"));
    const { code, value, stderr } = await site.json([
      "journal",
      "update",
      "--version",
      "20250201000000",
    ]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(rowsOf(site.at("journal.db")), rowsOf(join(FIXTURES, expected)));
    // Nothing that the predecessor journaled and that is unchanged was read.
    const hashed = value.update.modalities
      .map((each: { added: number; updated: number; moved: number; confirmed: number }) =>
        each.added + each.updated + each.moved + each.confirmed
      )
      .reduce((sum: number, each: number) => sum + each, 0);
    assert.equal(hashed, 15);
  });
}

Deno.test("a first update of the fixture site gives the predecessor's first journal", {
  ignore,
}, async () => {
  await using site = await TestSite.make({});
  await placeSite(site, "site_v1");
  const { code, stderr } = await site.run(["journal", "update", "--version", "20250101000000"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    rowsOf(site.at("journal.db")),
    rowsOf(join(FIXTURES, "journal_v2_first.db")),
  );
});

Deno.test("an upload puts every file where the predecessor put it", { ignore }, async () => {
  await using site = await TestSite.make({});
  await placeSite(site, "site_v1");
  await Deno.copyFile(join(FIXTURES, "journal_v2_first.db"), site.at("journal.db"));
  const { code, stderr } = await site.run(["file", "upload"]);
  assert.equal(code, 0, stderr);
  const listing: { blobs: { name: string; size: number }[] } = JSON.parse(
    await Deno.readTextFile(join(FIXTURES, "central_listing_after_upload.json")),
  );
  for (const { name, size } of listing.blobs) {
    if (/journal\.db/.test(name)) continue;
    assert.equal((await Deno.stat(site.at("central", name))).size, size, name);
  }
  const verify = await site.json(["file", "verify", "--deep"]);
  assert.equal(verify.code, 0, verify.stderr);
  assert.equal(verify.value.verify.tally.equal, 27);
  assert.equal(verify.value.verify.tally.unknown, 0);
});

Deno.test("a journal of version 1 can be listed and read, and is not written", {
  ignore,
}, async () => {
  await using site = await TestSite.make({});
  await Deno.copyFile(join(FIXTURES, "journal_v1.db"), site.at("journal.db"));
  const before = await Deno.readFile(site.at("journal.db"));
  const list = await site.json(["journal", "list"]);
  assert.equal(list.code, 0, list.stderr);
  // deno-lint-ignore no-explicit-any
  assert.deepEqual(list.value.versions.map((each: any) => [each.version, each.rows]), [
    ["20241201000000", 30],
    ["20241215000000", 8],
  ]);
  const history = await site.json(["history"]);
  assert.equal(history.value.history.length, 4);
  const files = await site.json(["file", "list"]);
  assert.equal(files.value.totals.files, 8);
  const update = await site.run(["journal", "update"]);
  assert.equal(update.code, 2);
  assert.match(update.stderr, /journal upgrade/);
  assert.deepEqual(await Deno.readFile(site.at("journal.db")), before);
});
