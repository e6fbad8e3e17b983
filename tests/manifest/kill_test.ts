import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ManifestSite, waveform } from "./manifest_site.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const FILES = 1000;

/** Runs the program as a process of its own, killed after so long; true when the kill came in time. */
async function killed(site: ManifestSite, args: readonly string[], afterMs: number) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    cwd: site.folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => {
    try {
      process.kill("SIGKILL");
    } catch {
      // It ended before.
    }
  }, afterMs);
  const { signal } = await process.status;
  clearTimeout(timer);
  return signal === "SIGKILL";
}

function startOf(n: number): string {
  const time = new Date(Date.UTC(2024, 0, 1) + n * 60_000).toISOString();
  return time.slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
}

/** What every run changes; undefined where there is no manifest with tables yet. */
function content(site: ManifestSite) {
  try {
    return {
      records: site.rows("SELECT Record_id, IsActive FROM registry ORDER BY 1"),
      files: site.rows(
        "SELECT Record_id, Srcfile, MD5, Time_Invalid IS NULL AS Active FROM source_files ORDER BY Srcfile, MD5",
      ),
      runs: site.rows("SELECT count(*) AS Count FROM runs")[0].Count,
    };
  } catch (error) {
    if (error instanceof Error && /no such table|unable to open/.test(error.message)) return;
    throw error;
  }
}

Deno.test("a run killed at any moment leaves the manifest as it was, and the next one finishes", async () => {
  using site = new ManifestSite();
  for (let n = 0; n < FILES; n++) site.write(waveform(`p_${n % 7}`, startOf(n)), `signal ${n}`);
  const args = ["manifest", "generate", "--path", "site", "--output", "manifest.db", "--yes"];
  let hits = 0;
  for (const state of [1, 2]) {
    const before = content(site);
    let latest = 700;
    for (let kill = 0; kill < 4; kill++) {
      // The first comes before any machine is done.
      const moment = kill === 0 ? 100 : latest * (0.3 + 0.7 * Math.random());
      const hit = await killed(site, args, moment);
      if (hit) hits++;
      const now = content(site);
      if (now?.runs === Number(before?.runs ?? 0) + 1) {
        // The kill came after the commit: then everything is there, which is seen below.
        latest = moment;
        break;
      }
      assert.ok(hit, "a run ended without its result");
      assert.deepEqual(now?.files ?? [], before?.files ?? [], "half a run is there");
      assert.deepEqual(now?.records ?? [], before?.records ?? []);
    }
    const last = await site.plain(
      ...args.map((each) => each === "site" || each === "manifest.db" ? site.at(each) : each),
    );
    assert.equal(last.code, 0, last.stderr);
    const check = await site.plain("manifest", "check", "--manifest", site.manifest);
    assert.equal(check.code, 0, check.stdout);
    const active = content(site)?.files.filter((row) => row.Active === 1) ?? [];
    assert.equal(active.length, state === 1 ? FILES : FILES - 100);
    if (state === 2) break;
    for (let n = 0; n < 100; n++) site.remove(waveform(`p_${n % 7}`, startOf(n)));
    for (let n = 100; n < 400; n++) {
      site.write(waveform(`p_${n % 7}`, startOf(n)), `changed ${n}`, new Date(1_710_000_000_500));
    }
  }
  assert.ok(hits > 0, "no kill came in time");
});

Deno.test("a manifest whose writer was killed within its transaction is whole for the next reader", async () => {
  using site = new ManifestSite();
  for (let n = 0; n < 1000; n++) site.write(waveform("7", startOf(n)), `signal ${n}`);
  await site.plain("manifest", "generate", "--path", site.at("site"), "--output", site.manifest);
  const before = content(site);
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", fileURLToPath(new URL("dying_writer.ts", import.meta.url)), site.manifest],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = writer.stdout.getReader();
  await reader.read();
  writer.kill("SIGKILL");
  await writer.status;
  await reader.cancel();
  assert.ok(Deno.statSync(`${site.manifest}-journal`).size > 0, "nothing was under way");
  const list = await site.plain("manifest", "list", "--manifest", site.manifest, "--json");
  assert.equal(list.code, 0, list.stderr);
  assert.equal(JSON.parse(list.stdout).totals.activeFiles, 1000);
  assert.deepEqual(content(site), before);
  const check = await site.plain("manifest", "check", "--manifest", site.manifest);
  assert.equal(check.code, 0, check.stdout);
});
