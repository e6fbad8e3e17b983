/** The lock's promises, on the sample driver. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { checkIn } from "../../src/checkout/check_in.ts";
import { checkOut } from "../../src/checkout/check_out.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { addVersion, Bench, type BenchPlace, versionsOf } from "./lock_bench.ts";
import { fails, lockSuite, stopAfter } from "./lock_suite.ts";

const folder = Deno.makeTempDirSync({ prefix: "lock-shelf-" });
let count = 0;

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function freshPlace(auth: Record<string, string> = {}): BenchPlace {
  return {
    driver: new URL("../../testdata/drivers/shelf.ts", import.meta.url).href,
    location: `shelf://${folder}/${++count}.shelf/site`,
    auth,
    environment: {},
  };
}

lockSuite("shelf", () => Promise.resolve(freshPlace()));

Deno.test("a large journal goes up in parts, over those of an earlier try too", async () => {
  await using bench = new Bench(freshPlace({ shelf_max_write_bytes: "100000" }));
  const ada = await bench.machine("ada");
  await checkOut(ada.context());
  addVersion(ada.workingCopy, "v1");
  fatten(ada.workingCopy, 20);
  await stopAfter(ada, "journal_written", checkIn);
  addVersion(ada.workingCopy, "v2");
  const { size } = await checkIn(ada.context());
  assert.ok((size ?? 0) > 20 << 20);
  assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
  const ben = await bench.machine("ben");
  await checkOut(ben.context());
  assert.deepEqual(versionsOf(ben.workingCopy), ["v1", "v2"]);
});

Deno.test("what is checked in is without our index", async () => {
  await using bench = new Bench(freshPlace());
  const ada = await bench.machine("ada");
  await checkOut(ada.context());
  addVersion(ada.workingCopy, "v1");
  const local = indexesOf(Deno.readFileSync(ada.workingCopy));
  await checkIn(ada.context());
  const { bytes } = await ada.store.readAll("journal.db", { maxBytes: 1 << 20 });
  assert.ok(local.includes("journal_v2_path_idx"));
  assert.ok(!indexesOf(bytes).includes("journal_v2_path_idx"));

  /** The statements that made a database, in its first page. */
  function indexesOf(database: Uint8Array): string {
    return new TextDecoder("latin1").decode(database.subarray(0, 16384));
  }
});

Deno.test("a journal that is being written is neither checked in nor replaced", async () => {
  await using bench = new Bench(freshPlace());
  const ada = await bench.machine("ada");
  await checkOut(ada.context());
  addVersion(ada.workingCopy, "v1");
  using _writer = openJournal(ada.workingCopy, { access: "write" });
  await assert.rejects(checkIn(ada.context()), fails("locked", /writing/));
  await assert.rejects(checkOut(ada.context()), fails("locked", /writing/));
});

Deno.test("a working copy that is checked out from elsewhere is left alone", async () => {
  await using first = new Bench(freshPlace());
  await using second = new Bench(freshPlace());
  await second.putJournal(["other"]);
  const ada = await first.machine("ada");
  await checkOut(ada.context());
  addVersion(ada.workingCopy, "v1");
  const { source } = (await second.machine("x")).context();
  await assert.rejects(checkOut(ada.context({ source })), fails("locked", /checked out from/));
  await assert.rejects(checkIn(ada.context({ source })), fails("locked", /checked out from/));
  await checkIn(ada.context());
  const { kept } = await checkOut(ada.context({ source }));
  assert.deepEqual(versionsOf(kept ?? ""), ["v1"]);
  assert.deepEqual(versionsOf(ada.workingCopy), ["other"]);
});

Deno.test("a stopped check-out ends with the signal's reason and goes on later", async () => {
  await using bench = new Bench(freshPlace());
  await bench.putJournal(["v1"]);
  const ada = await bench.machine("ada");
  const stop = new AbortController();
  const reason = new DOMException("stopped by SIGINT", "AbortError");
  await assert.rejects(
    checkOut(ada.context({
      signal: stop.signal,
      reached: (step) => {
        if (step === "lock_created") stop.abort(reason);
      },
    })),
    reason,
  );
  await bench.requireWholeInCloud(["v1"], "stopped");
  assert.equal((await checkOut(ada.context())).outcome, "checked_out");
});

/** Makes a journal large with a table that nobody knows. */
function fatten(path: string, mebibytes: number): void {
  const script = `
    import { DatabaseSync } from "node:sqlite";
    const db = new DatabaseSync(${JSON.stringify(path)});
    db.exec("CREATE TABLE ballast (x)");
    for (let n = 0; n < ${mebibytes}; n++) db.exec("INSERT INTO ballast VALUES (randomblob(1048576))");
    db.close();
  `;
  const { success, stderr } = new Deno.Command(Deno.execPath(), { args: ["eval", script] })
    .outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.ok(Deno.statSync(join(path)).size > mebibytes << 20);
}
