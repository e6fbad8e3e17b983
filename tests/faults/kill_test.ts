import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { TestSite } from "../cli/site.ts";

const FILES = 400;
const PAGE = 20;

/** A site of many small files, and a journal that is written in small pages. */
async function manyFiles(): Promise<TestSite> {
  const files: Record<string, string> = {};
  for (let n = 0; n < FILES; n++) files[`p_${n % 17}/Images/${n}.dcm`] = `content of ${n}`;
  return await TestSite.make(files, {
    extra: `[configuration]\npage_size = ${PAGE}\nsupported_modalities = "Images"`,
    journal: "store/journal.db",
  });
}

/** Starts a command and kills it after so long; true when it was killed before its end. */
async function killed(site: TestSite, args: readonly string[], afterMs: number): Promise<boolean> {
  const process = site.start(args);
  const timer = setTimeout(() => {
    try {
      process.kill("SIGKILL");
    } catch {
      // It ended before.
    }
  }, afterMs);
  const { signal } = await process.output();
  clearTimeout(timer);
  return signal === "SIGKILL";
}

function rowsOf(path: string): { active: number; uploaded: number; paths: number } {
  try {
    using journal = new DatabaseSync(path);
    const row = journal.prepare(
      "SELECT count(*) AS active, count(UPLOAD_DT_ID) AS uploaded, count(DISTINCT SRC_PATH_ID || '/' || FILENAME) AS paths FROM journal_v2 WHERE TIME_INVALID_us IS NULL",
    ).get();
    return {
      active: Number(row?.active),
      uploaded: Number(row?.uploaded),
      paths: Number(row?.paths),
    };
  } catch {
    return { active: 0, uploaded: 0, paths: 0 };
  }
}

/** Moments spread over a run, so that some fall into every part of it. */
function* moments(count: number, fromMs: number, toMs: number): Generator<number> {
  for (let n = 0; n < count; n++) {
    yield fromMs + (toMs - fromMs) * (n + Math.random()) / count;
  }
}

Deno.test("an update killed at any moment loses nothing that was journaled, and the next finishes it", async () => {
  await using site = await manyFiles();
  await Deno.mkdir(site.at("store"));
  assert.equal((await site.run(["journal", "checkout"])).code, 0);
  let before = 0;
  let hits = 0;
  for (const moment of moments(8, 150, 600)) {
    if (await killed(site, ["journal", "update"], moment)) hits++;
    const { active, paths } = rowsOf(site.at("journal.db"));
    assert.equal(active, paths, "a path is journaled twice");
    assert.ok(active >= before, `${before} rows became ${active}`);
    before = active;
  }
  assert.ok(hits > 0, "no kill came in time");
  const last = await site.json(["journal", "update"]);
  assert.equal(last.code, 0, last.stderr);
  const images = last.value.update.modalities[0];
  assert.equal(images.added, FILES - before, "files that were journaled were hashed again");
  assert.equal(images.kept + images.confirmed, before);
  assert.equal(rowsOf(site.at("journal.db")).active, FILES);
  const versions = (await site.json(["journal", "list"])).value.versions;
  assert.equal(versions.length, 1, "an interrupted update is continued under its version");
});

Deno.test("an upload killed at any moment marks nothing that is not there, and the next sends the rest", async () => {
  await using site = await manyFiles();
  await Deno.mkdir(site.at("store"));
  await site.run(["journal", "checkout"]);
  await site.run(["journal", "update", "--version", "v1"]);
  let hits = 0;
  for (const moment of moments(8, 200, 900)) {
    if (await killed(site, ["file", "upload"], moment)) hits++;
    using journal = new DatabaseSync(site.at("journal.db"));
    const marked = journal.prepare(
      "SELECT p.SRC_PATH || '/' || j.FILENAME AS path FROM journal_v2 j JOIN srcpaths p ON p.id = j.SRC_PATH_ID WHERE j.UPLOAD_DT_ID IS NOT NULL",
    ).all();
    for (const { path } of marked) {
      const [original, stored] = await Promise.all([
        Deno.readTextFile(site.at("site", String(path))),
        Deno.readTextFile(site.at("central/v1", String(path))),
      ]);
      assert.equal(stored, original, String(path));
    }
  }
  assert.ok(hits > 0, "no kill came in time");
  const before = rowsOf(site.at("journal.db")).uploaded;
  const last = await site.json(["file", "upload"]);
  assert.equal(last.code, 0, last.stderr);
  const { created, present, failed } = last.value.upload.modalities[0];
  assert.equal(created + present, FILES - before);
  assert.equal(failed, 0);
  const verify = await site.json(["file", "verify", "--deep"]);
  assert.equal(verify.code, 0, verify.stderr);
  assert.equal(verify.value.verify.tally.equal, FILES);
  assert.equal(verify.value.verify.tally.unknown, 0);
});

Deno.test("a check-out and a check-in killed at any moment are finished by the same command", async () => {
  await using site = await manyFiles();
  await Deno.mkdir(site.at("store"));
  await site.run(["journal", "checkout"]);
  await site.run(["journal", "update", "--version", "v1"]);
  for (const moment of moments(5, 120, 400)) {
    await killed(site, ["journal", "checkin"], moment);
    const checkin = await site.run(["journal", "checkin"]);
    assert.equal(checkin.code, 0, checkin.stderr);
    assert.equal(rowsOf(site.at("store/journal.db")).active, FILES);
    await killed(site, ["journal", "checkout"], moment);
    const checkout = await site.run(["journal", "checkout"]);
    assert.equal(checkout.code, 0, checkout.stderr);
    assert.equal(rowsOf(site.at("journal.db")).active, FILES);
  }
});

Deno.test("Ctrl-C and SIGTERM stop cleanly, with their exit codes, and record what is done", async () => {
  await using site = await manyFiles();
  await Deno.mkdir(site.at("store"));
  await site.run(["journal", "checkout"]);
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    // A rate limit keeps the upload busy until the signal comes.
    await site.run(["journal", "update", "--version", `v_${code}`]);
    const process = site.start(["file", "upload", "--max-rate", "500"]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    process.kill(signal);
    const { code: found, stderr } = await process.output();
    assert.equal(found, code, new TextDecoder().decode(stderr));
  }
  const rest = await site.json(["file", "upload"]);
  assert.equal(rest.code, 0, rest.stderr);
  assert.equal(rowsOf(site.at("journal.db")).uploaded, FILES);
});
