import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { checkIn } from "../../src/checkout/check_in.ts";
import { checkOut } from "../../src/checkout/check_out.ts";
import { locateJournal } from "../../src/checkout/journal_access.ts";
import { journalStatus } from "../../src/checkout/journal_status.ts";
import { unlock } from "../../src/checkout/unlock.ts";
import {
  addVersion,
  Bench,
  LOCK_KEY,
  type Machine,
  predecessorCheckOut,
  versionsOf,
} from "./lock_bench.ts";
import { fails, stopAfter } from "./lock_suite.ts";

const folder = Deno.makeTempDirSync({ prefix: "access-" });
let count = 0;

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function freshBench(): Bench {
  return new Bench({
    driver: new URL("../../testdata/drivers/shelf.ts", import.meta.url).href,
    location: `shelf://${folder}/${++count}.shelf/site`,
    auth: {},
    environment: {},
  });
}

/** Where a reading command finds the journal, and what it finds there. */
async function read(machine: Machine) {
  await using journal = await locateJournal(machine.context());
  return { ...journal, versions: versionsOf(journal.path), path: journal.path };
}

Deno.test("reading takes the working copy where it is checked out", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const ada = await bench.machine("ada");
  await checkOut(ada.context());
  addVersion(ada.workingCopy, "v2");
  const found = await read(ada);
  assert.deepEqual([found.from, found.versions], ["working_copy", ["v1", "v2"]]);
  assert.equal(found.path, ada.workingCopy);
  assert.equal(found.modified?.getTime(), Deno.statSync(ada.workingCopy).mtime?.getTime());
});

Deno.test("reading takes the journal where nobody has checked it out, and leaves nothing", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const ben = await bench.machine("ben");
  addVersion(ben.workingCopy, "an old one");
  const before = ben.files();
  const found = await read(ben);
  assert.deepEqual([found.from, found.versions, found.heldBy], ["journal", ["v1"], undefined]);
  assert.ok(found.modified);
  assert.deepEqual(ben.files(), before);
});

Deno.test("reading takes the lock's content where somebody else holds it, and says who", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
  await checkOut(ada.context());
  addVersion(ada.workingCopy, "v2");
  const found = await read(ben);
  assert.deepEqual([found.from, found.versions], ["lock", ["v1"]]);
  assert.match(found.heldBy ?? "", /ada on ada since/);
  assert.deepEqual(ben.files(), []);
});

Deno.test("reading before there is a journal says what to do", async () => {
  await using bench = freshBench();
  const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
  await assert.rejects(read(ben), fails("not_found", /no journal at/));
  await checkOut(ada.context());
  await assert.rejects(read(ben), fails("not_found", /no journal at.* held by ada on ada/));
  await assert.rejects(read(ada), fails("not_found", /no journal at/));
});

Deno.test("reading after an interrupted check-out takes what is in the cloud", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  for (const [step, from] of [["lock_created", "journal"], ["journal_removed", "lock"]] as const) {
    const ada = await bench.machine("ada");
    await stopAfter(ada, step, checkOut);
    const found = await read(ada);
    assert.deepEqual([found.from, found.versions], [from, ["v1"]]);
  }
});

Deno.test("reading finds the journal that moves into its lock meanwhile", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const ada = await bench.machine("ada");
  const { machine: ben, faults } = await bench.faultyMachine("ben");
  faults.add({
    call: "read",
    fault: { kind: "meanwhile", act: async () => void await checkOut(ada.context()) },
  });
  const found = await read(ben);
  assert.deepEqual([found.from, found.versions], ["lock", ["v1"]]);
  assert.deepEqual(ben.files(), []);
});

Deno.test("a holder reads on while the store is out of reach, and is warned", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const { machine: ada, faults } = await bench.faultyMachine("ada");
  await checkOut(ada.context());
  faults.add({ call: "stat", key: LOCK_KEY, times: 99, fault: { kind: "before" } });
  assert.equal((await read(ada)).from, "working_copy");
  assert.ok(ada.events.some(({ kind }) => kind === "warning"));
  const { machine: ben, faults: others } = await bench.faultyMachine("ben");
  others.add({ call: "stat", key: LOCK_KEY, times: 99, fault: { kind: "before" } });
  await assert.rejects(read(ben), (error) => /cut line/.test(String(error)));
});

Deno.test("reading needs no folder that can be written", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const ben = await bench.machine("ben");
  const workingCopy = join(bench.folder, "no", "such", "folder", "journal.db");
  const found = await locateJournal(ben.context({ workingCopy }));
  assert.deepEqual([found.from, versionsOf(found.path)], ["journal", ["v1"]]);
  await found[Symbol.asyncDispose]();
  await assert.rejects(Deno.stat(dirname(found.path)), Deno.errors.NotFound);
});

Deno.test("what a killed reader left is removed by a later check-out, what a living one uses is not", async () => {
  await using bench = freshBench();
  await bench.putJournal(["v1"]);
  const ada = await bench.machine("ada");
  const scratch = () => `${ada.workingCopy}.${crypto.randomUUID()}.tmp`;
  const [old, young] = [scratch(), scratch()];
  for (const path of [old, young]) Deno.writeTextFileSync(path, "downloaded");
  const dayBefore = new Date(Date.now() - 25 * 3_600_000);
  Deno.utimeSync(old, dayBefore, dayBefore);
  await checkOut(ada.context());
  assert.ok(!ada.files().includes(basename(old)));
  assert.ok(ada.files().includes(basename(young)));
});

Deno.test("reading takes any file that the person names", async () => {
  await using bench = freshBench();
  const ben = await bench.machine("ben");
  const file = join(ben.folder, "copy.db");
  await assert.rejects(locateJournal(ben.context(), { file }), fails("not_found", /copy\.db/));
  addVersion(file, "v9");
  await using found = await locateJournal(ben.context(), { file });
  assert.deepEqual([found.from, versionsOf(found.path)], ["file", ["v9"]]);
});

Deno.test("the status names every state, who may go on, and the next command", async () => {
  await using bench = freshBench();
  const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
  const statusOf = async (machine: Machine) => {
    const before = machine.files();
    const { phase, mayGoOn, next, lock } = await journalStatus(machine.context());
    assert.deepEqual(machine.files(), before);
    return [phase, mayGoOn, next, lock?.holder?.host];
  };
  assert.deepEqual(await statusOf(ada), ["none", false, "journal checkout", undefined]);
  await stopAfter(ada, "lock_created", checkOut);
  assert.deepEqual(await statusOf(ada), ["taking_here", false, "journal checkout", "ada"]);
  await checkOut(ada.context());
  assert.deepEqual(await statusOf(ada), ["held_here", true, "journal update", "ada"]);
  assert.deepEqual(await statusOf(ben), ["held_elsewhere", false, "journal status", "ada"]);
  addVersion(ada.workingCopy, "v1");
  await stopAfter(ada, "journal_written", checkIn);
  assert.deepEqual(await statusOf(ada), ["returning_here", true, "journal checkin", "ada"]);
  await stopAfter(ada, "lock_removed", checkIn);
  assert.deepEqual(await statusOf(ada), ["returning_here", false, "journal checkin", undefined]);
  await checkIn(ada.context());
  assert.deepEqual(await statusOf(ada), ["free", false, "journal checkout", undefined]);
  await checkOut(ada.context());
  await unlock({ ...ben.context(), confirm: () => true });
  assert.deepEqual(await statusOf(ada), [
    "unlocked_by_others",
    false,
    "journal checkout",
    undefined,
  ]);
  await predecessorCheckOut(ben.store, ben.workingCopy);
  assert.deepEqual(await statusOf(ben), [
    "held_here_by_predecessor",
    true,
    "journal update",
    undefined,
  ]);
  assert.deepEqual(await statusOf(ada), ["held_elsewhere", false, "journal status", undefined]);
});
