/**
 * What check-out, check-in and unlock promise, against any store that keeps
 * metadata and conditions: docs/lock.md, sentence by sentence.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { checkIn } from "../../src/checkout/check_in.ts";
import { checkOut } from "../../src/checkout/check_out.ts";
import type { Step } from "../../src/checkout/checkout_context.ts";
import { requireCheckedOut } from "../../src/checkout/journal_access.ts";
import { readLock } from "../../src/checkout/lock.ts";
import { readLocalState } from "../../src/checkout/local_state.ts";
import { unlock } from "../../src/checkout/unlock.ts";
import { type ErrorCode, isChorusError } from "../../src/errors/chorus_error.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { bytesSource } from "../../src/storage/store.ts";
import {
  addVersion,
  Bench,
  type BenchPlace,
  JOURNAL_KEY,
  LOCK_KEY,
  Machine,
  predecessorCheckIn,
  predecessorCheckOut,
  runChild,
  versionsOf,
} from "./lock_bench.ts";

/** How much of the suite runs. */
export interface LockSuiteOptions {
  /** Processes that check out at the same moment, default 20. */
  simultaneous?: number;
  /** How often they do it again, default once. */
  rounds?: number;
  /** Machines that take turns, default 8. */
  turns?: number;
  ignore?: boolean;
  /** Which tests to run, by their sentences; by default all. */
  select?: (sentence: string) => boolean;
}

const CHECK_OUT_STEPS: readonly Step[] = [
  "id_remembered",
  "lock_created",
  "content_verified",
  "lock_confirmed",
  "journal_removed",
  "working_copy_kept",
  "working_copy_installed",
  "check_out_remembered",
];

const CHECK_IN_STEPS: readonly Step[] = [
  "return_prepared",
  "return_remembered",
  "journal_written",
  "journal_read_back",
  "lock_removed",
  "check_in_remembered",
];

/** Rejects unless it is one of ours with this code. */
export function fails(code: ErrorCode, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isChorusError(error), `not a ChorusError: ${error}`);
    assert.equal(error.code, code, error.message);
    assert.ok(error.remedy, `no remedy: ${error.message}`);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

/**
 * Registers the suite.
 *
 * @param name of the store, for the tests' names
 * @param fresh gives an empty place each time it is called
 */
export function lockSuite(
  name: string,
  fresh: () => Promise<BenchPlace>,
  options: LockSuiteOptions = {},
): void {
  const { simultaneous = 20, rounds = 1, turns = 8, ignore = false } = options;

  function test(sentence: string, body: (bench: Bench) => Promise<void>): void {
    if (options.select?.(sentence) === false) return;
    Deno.test({
      name: `${name}: ${sentence}`,
      ignore,
      fn: async () => {
        await using bench = new Bench(await fresh());
        await body(bench);
      },
    });
  }

  test("a first journal is checked out, made, checked in and checked out again", async (bench) => {
    const ada = await bench.machine("ada");
    const first = await checkOut(ada.context());
    assert.deepEqual([first.outcome, first.first, first.kept], ["checked_out", true, undefined]);
    assert.deepEqual(await bench.versions("lock"), []);
    assert.equal(await bench.versions("journal"), undefined);
    addVersion(ada.workingCopy, "v1");
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1"]);
    assert.equal(await bench.md5("lock"), undefined);

    const ben = await bench.machine("ben");
    const second = await checkOut(ben.context());
    assert.deepEqual([second.outcome, second.first], ["checked_out", false]);
    assert.deepEqual(versionsOf(ben.workingCopy), ["v1"]);
    assert.equal(await bench.md5("journal"), undefined);
    assert.deepEqual(ben.files(), ["journal.db", "journal.db.checkout.json"]);
  });

  test("a checked-out journal is in its lock, which says who holds it", async (bench) => {
    const md5 = await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    const since = new Date("2025-03-01T10:00:00Z");
    await checkOut(ada.context({
      holder: { user: "José Müller", host: "höst-7" },
      now: () => since,
      newLockId: () => "id-1",
    }));
    assert.equal(await bench.md5("lock"), md5);
    const lock = await readLock(ada.store, JOURNAL_KEY);
    assert.deepEqual(lock?.holder, { user: "José Müller", host: "höst-7" });
    assert.deepEqual([lock?.id, lock?.since], ["id-1", since]);
    assert.ok(lock?.journalEtag);
  });

  test("the lock id is never put on the journal", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    const idOnJournal = async () =>
      Object.keys((await ada.store.stat(JOURNAL_KEY))?.metadata ?? {}).filter((key) =>
        key.includes("lock_id")
      );
    await checkOut(ada.context());
    await checkIn(ada.context());
    assert.deepEqual(await idOnJournal(), []);
    await checkOut(ada.context());
    assert.equal((await unlock({ ...ada.context(), confirm: () => true })).restored, true);
    assert.deepEqual(await idOnJournal(), []);
  });

  test("checking out again where it is held touches nothing", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    const before = Deno.readFileSync(ada.workingCopy);
    const etag = (await readLock(ada.store, JOURNAL_KEY))?.etag;
    const again = await checkOut(ada.context());
    assert.equal(again.outcome, "already");
    assert.deepEqual(Deno.readFileSync(ada.workingCopy), before);
    assert.equal((await readLock(ada.store, JOURNAL_KEY))?.etag, etag);
  });

  test("everyone else is told who holds it, and touches nothing", async (bench) => {
    const md5 = await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    await assert.rejects(checkOut(ben.context()), fails("locked", /ada on ada since/));
    await assert.rejects(checkIn(ben.context()), fails("locked", /ada on ada since/));
    await assert.rejects(requireCheckedOut(ben.context()), fails("not_checked_out", /ada on ada/));
    assert.deepEqual(ben.files(), []);
    assert.equal(await bench.md5("lock"), md5);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
  });

  for (let round = 1; round <= rounds; round++) {
    test(
      `of ${simultaneous} processes that check out at once one wins, the others name it (${round})`,
      async (bench) => {
        await bench.putJournal(["v1"]);
        const answers = await Promise.all(
          Array.from({ length: simultaneous }, (_, n) =>
            runChild({
              place: bench.place,
              folder: join(bench.folder, `m${n}`),
              name: `m${n}`,
              act: "check-out",
            })),
        );
        const winners = answers.flatMap((answer, n) => answer.ok ? [n] : []);
        assert.equal(winners.length, 1, JSON.stringify(answers));
        for (const answer of answers) {
          if (answer.ok) continue;
          assert.ok("code" in answer, JSON.stringify(answer));
          assert.equal(answer.code, "locked");
          assert.match(answer.message, new RegExp(`ada on m${winners[0]} since`));
        }
        const winner = new Machine(
          bench.place,
          (await bench.machine("x")).store,
          join(bench.folder, `m${winners[0]}`),
          "w",
        );
        assert.deepEqual(versionsOf(winner.workingCopy), ["v1"]);
        await bench.requireWholeInCloud(["v1"], "after the race");
      },
    );
  }

  test(`of ${simultaneous} check-outs in one process exactly one wins`, async (bench) => {
    await bench.putJournal(["v1"]);
    const machines = await Promise.all(
      Array.from({ length: simultaneous }, (_, n) => bench.machine(`m${n}`)),
    );
    const results = await Promise.allSettled(machines.map((each) => checkOut(each.context())));
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    for (const result of results) {
      if (result.status === "rejected") fails("locked", /held by ada on m\d+/)(result.reason);
    }
  });

  test("two processes on one working copy exclude each other", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    let second: Promise<unknown> | undefined;
    await checkOut(ada.context({
      reached: async (step) => {
        if (step !== "lock_created") return;
        second = assert.rejects(
          checkOut(ada.context()),
          fails("locked", /Another chorus-upload/),
        );
        await second;
      },
    }));
    assert.ok(second);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
  });

  test(`${turns} machines take turns and no version is lost`, async (bench) => {
    await bench.putJournal(["v0"]);
    const versions = Array.from({ length: turns }, (_, n) => `v${n + 1}`);
    const answers = await Promise.all(versions.map((version, n) =>
      runChild({
        place: bench.place,
        folder: join(bench.folder, `m${n}`),
        name: `m${n}`,
        act: "add-version-in-turn",
        version,
      })
    ));
    assert.deepEqual(answers, versions.map(() => ({ ok: true, outcome: "checked_in" })));
    assert.deepEqual(new Set(await bench.versions("journal")), new Set(["v0", ...versions]));
    assert.equal(await bench.md5("lock"), undefined);
  });

  for (const step of CHECK_OUT_STEPS) {
    test(`a check-out killed after ${step} leaves a whole journal, and runs to its end again`, async (bench) => {
      await bench.putJournal(["v1"]);
      const ada = await bench.machine("ada");
      addVersion(ada.workingCopy, "mine");
      const task = {
        place: bench.place,
        folder: ada.folder,
        name: "ada",
        act: "check-out",
      } as const;
      assert.deepEqual(await runChild({ ...task, dieAfter: step }), { ok: false, killed: true });
      await bench.requireWholeInCloud(["v1"], `killed after ${step}`);
      const last = step === "check_out_remembered";
      assert.equal((await checkOut(ada.context())).outcome, last ? "already" : "checked_out");
      assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
      await requireCheckedOut(ada.context());
      assert.equal(await bench.md5("journal"), undefined);
      const kept = ada.files().filter((file) => file.endsWith(".bak"));
      assert.ok(kept.some((file) => versionsOf(join(ada.folder, file)).includes("mine")));
      requireTidy(ada);
    });
  }

  for (const step of CHECK_IN_STEPS) {
    test(`a check-in killed after ${step} leaves a whole journal, and runs to its end again`, async (bench) => {
      await bench.putJournal(["v1"]);
      const ada = await bench.machine("ada");
      await checkOut(ada.context());
      addVersion(ada.workingCopy, "v2");
      const task = {
        place: bench.place,
        folder: ada.folder,
        name: "ada",
        act: "check-in",
      } as const;
      assert.deepEqual(await runChild({ ...task, dieAfter: step }), { ok: false, killed: true });
      await bench.requireWholeInCloud(["v1"], `killed after ${step}`);
      const last = step === "check_in_remembered";
      assert.equal((await checkIn(ada.context())).outcome, last ? "already" : "checked_in");
      assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
      assert.equal(await bench.md5("lock"), undefined);
      assert.equal((await readLocalState(ada.workingCopy))?.checkOut, undefined);
      assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
      requireTidy(ada);
    });
  }

  test("an unlock killed between its steps leaves a whole journal, and runs to its end again", async (bench) => {
    for (
      const [step, before] of [
        ["journal_restored", "check_out_remembered"],
        ["journal_renewed", "lock_confirmed"],
        ["unlocked", "check_out_remembered"],
      ] as const
    ) {
      const md5 = await bench.putJournal(["v1"]);
      const act = { place: bench.place, folder: join(bench.folder, step), name: "ada" };
      await runChild({ ...act, act: "check-out", dieAfter: before });
      const killed = await runChild({
        ...act,
        folder: join(bench.folder, "ben"),
        act: "unlock",
        dieAfter: step,
      });
      assert.deepEqual(killed, { ok: false, killed: true }, step);
      await bench.requireWholeInCloud(["v1"], `unlock killed after ${step}`);
      const ben = await bench.machine("ben");
      const { outcome } = await unlock({ ...ben.context(), confirm: () => true });
      assert.equal(outcome, step === "unlocked" ? "not_locked" : "unlocked");
      assert.equal(await bench.md5("journal"), md5);
      assert.equal(await bench.md5("lock"), undefined);
      assert.deepEqual(ben.files(), []);
    }
  });

  test("killed at random moments, a machine loses nothing and doubles nothing", async (bench) => {
    await bench.putJournal(["v0"]);
    const versions = Array.from({ length: 12 }, (_, n) => `v${n + 1}`);
    const task = {
      place: bench.place,
      folder: join(bench.folder, "ada"),
      name: "ada",
      act: "add-versions",
      versions,
    } as const;
    let safe = ["v0"];
    for (let kills = 0; kills < 12; kills++) {
      const answer = await runChild(task, 80 + Math.random() * 120);
      await bench.requireWholeInCloud(safe, `kill ${kills}`);
      safe = await bench.versions("journal") ?? await bench.versions("lock") ?? [];
      if (answer.ok) break;
      assert.deepEqual(answer, { ok: false, killed: true });
    }
    assert.deepEqual(await runChild(task), { ok: true, outcome: "done" });
    assert.deepEqual(await bench.versions("journal"), ["v0", ...versions]);
    assert.equal(await bench.md5("lock"), undefined);
    requireTidy(await bench.machine("ada"));
  });

  test("wherever the line goes dead for good in an unlock, unlocking again finishes", async (bench) => {
    await bench.putJournal(["v1"]);
    for (const stage of ["check_out_remembered", "lock_confirmed", "journal_read_back"] as const) {
      for (let n = 0;; n++) {
        const before = await bench.versions("journal") ?? [];
        const ada = await bench.machine(`ada-${stage}-${n}`);
        if (stage === "lock_confirmed") await stopAfter(ada, stage, checkOut);
        else await checkOut(ada.context());
        if (stage === "journal_read_back") {
          addVersion(ada.workingCopy, `n${n}`);
          before.push(`n${n}`);
          await stopAfter(ada, stage, checkIn);
        }
        const dead = { at: n, calls: 0, line: false };
        const cut = await bench.machine("ben", (driver) => dyingLine(driver, dead));
        const failure = await unlock({ ...cut.context(), confirm: () => true }).catch((e) => e);
        if (failure instanceof Error) {
          assert.ok(isChorusError(failure, "unavailable"), `${failure}`);
        }
        await bench.requireWholeInCloud(before, `${stage}: line dead at request ${n}`);
        const ben = await bench.machine("ben");
        await unlock({ ...ben.context(), confirm: () => true });
        assert.deepEqual(await bench.versions("journal"), before);
        assert.equal(await bench.md5("lock"), undefined);
        assert.deepEqual(ben.files(), []);
        if (!dead.line) break;
      }
    }
  });

  test("wherever the line goes dead for good, the same command later finishes", async (bench) => {
    await everyRequestDies(bench);
  });

  test("wherever one answer is lost, the command finishes all the same", async (bench) => {
    const md5 = await bench.putJournal(["v1"]);
    let lost = 0;
    for (let n = 0;; n++) {
      const died = { line: false, at: n, calls: 0 };
      const ada = await bench.machine(`ada${n}`, (driver) => losingAnswer(driver, died));
      await checkOut(ada.context());
      addVersion(ada.workingCopy, `a${n}`);
      assert.equal((await checkIn(ada.context())).outcome, "checked_in");
      const versions = await bench.versions("journal");
      assert.deepEqual(versions?.slice(-1), [`a${n}`], `answer ${n} lost`);
      assert.equal(versions?.length, n + 2);
      assert.equal(await bench.md5("lock"), undefined);
      if (!died.line) break;
      lost++;
    }
    assert.ok(lost >= 4, `only ${lost} answers were lost`);
    assert.notEqual(await bench.md5("journal"), md5);
  });

  test("a lock whose holder died on the way is resumed with the same id", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await stopAfter(ada, "id_remembered", checkOut);
    const id = (await readLocalState(ada.workingCopy))?.checkOut?.lockId;
    assert.ok(id);
    await checkOut(ada.context());
    assert.equal((await readLock(ada.store, JOURNAL_KEY))?.id, id);
  });

  test("an interrupted check-out allows no writing and no check-in", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await stopAfter(ada, "journal_removed", checkOut);
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out", /interrupted/));
    await assert.rejects(checkIn(ada.context()), fails("not_checked_out", /interrupted/));
  });

  test("a journal that changes before the lock is made is checked out as it is then", async (bench) => {
    await bench.putJournal(["v1"]);
    const { machine, faults } = await bench.faultyMachine("ada");
    const change = async () => void await bench.putJournal(["v1", "v2"]);
    faults.add({ call: "copy", fault: { kind: "meanwhile", act: change } });
    await checkOut(machine.context());
    assert.deepEqual(versionsOf(machine.workingCopy), ["v1", "v2"]);
    assert.deepEqual(await bench.versions("lock"), ["v1", "v2"]);
  });

  test("a journal that changes behind the lock is not removed; the check-out starts over", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    let changed = false;
    await checkOut(ada.context({
      reached: async (step) => {
        if (step !== "lock_confirmed" || changed) return;
        changed = true;
        await bench.putJournal(["v1", "v2"]);
      },
    }));
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
    assert.deepEqual(await bench.versions("lock"), ["v1", "v2"]);
    assert.equal(await bench.md5("journal"), undefined);
  });

  test("a journal that appears behind the lock of a first one is not lost", async (bench) => {
    const ada = await bench.machine("ada");
    let appeared = false;
    await checkOut(ada.context({
      reached: async (step) => {
        if (step !== "id_remembered" || appeared) return;
        appeared = true;
        await bench.putJournal(["v1"]);
      },
    }));
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
  });

  test("who loses the lock to the predecessor on the way says so and touches nothing", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    addVersion(ada.workingCopy, "mine");
    const before = Deno.readFileSync(ada.workingCopy);
    const other = await bench.machine("predecessor");
    let meanwhile = false;
    await assert.rejects(
      checkOut(ada.context({
        reached: async (step) => {
          if (step !== "content_verified") return;
          meanwhile = true;
          await predecessorCheckOut(other.store, other.workingCopy, { blind: true });
        },
      })),
      fails("locked", /replaced our lock.*predecessor/),
    );
    assert.ok(meanwhile);
    assert.deepEqual(Deno.readFileSync(ada.workingCopy), before);
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
    addVersion(other.workingCopy, "theirs");
    await predecessorCheckIn(other.store, other.workingCopy);
    await checkOut(ada.context());
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "theirs"]);
  });

  test("a predecessor that looks first finds our lock", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, other] = [await bench.machine("ada"), await bench.machine("predecessor")];
    await checkOut(ada.context());
    await assert.rejects(predecessorCheckOut(other.store, other.workingCopy), /is locked/);
  });

  test("predecessor and we take turns on one journal", async (bench) => {
    const [ada, other] = [await bench.machine("ada"), await bench.machine("predecessor")];
    await predecessorCheckOut(other.store, other.workingCopy);
    addVersion(other.workingCopy, "p1");
    await predecessorCheckIn(other.store, other.workingCopy);
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "a1");
    await checkIn(ada.context());
    await predecessorCheckOut(other.store, other.workingCopy);
    assert.equal((await readLock(ada.store, JOURNAL_KEY))?.id, undefined);
    await assert.rejects(checkOut(ada.context()), fails("locked", /predecessor/));
    addVersion(other.workingCopy, "p2");
    await predecessorCheckIn(other.store, other.workingCopy);
    await checkOut(ada.context());
    assert.deepEqual(versionsOf(ada.workingCopy), ["p1", "a1", "p2"]);
  });

  test("a site that switches in the middle of the predecessor's check-out goes on with us", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await predecessorCheckOut(ada.store, ada.workingCopy);
    await requireCheckedOut(ada.context());
    assert.equal((await checkOut(ada.context())).outcome, "already");
    addVersion(ada.workingCopy, "v2");
    await requireCheckedOut(ada.context());
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
    assert.equal(await bench.md5("lock"), undefined);
  });

  test("a site that switches during the predecessor's first check-out goes on with us", async (bench) => {
    const ada = await bench.machine("ada");
    await predecessorCheckOut(ada.store, ada.workingCopy);
    await requireCheckedOut(ada.context());
    addVersion(ada.workingCopy, "v1");
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1"]);
  });

  test("a predecessor's lock with another history is refused", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, other] = [await bench.machine("ada"), await bench.machine("predecessor")];
    await predecessorCheckOut(other.store, other.workingCopy);
    addVersion(ada.workingCopy, "unrelated");
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out", /predecessor/));
    await assert.rejects(checkIn(ada.context()), fails("locked", /predecessor/));
    await assert.rejects(checkOut(ada.context()), fails("locked", /predecessor/));
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
    assert.deepEqual(versionsOf(ada.workingCopy), ["unrelated"]);
  });

  test("a predecessor's lock is refused where an id is remembered", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, other] = [await bench.machine("ada"), await bench.machine("predecessor")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    // Somebody unlocks, and the predecessor takes it: the history fits, the lock is not ours.
    await unlock({ ...other.context(), confirm: () => true });
    await predecessorCheckOut(other.store, other.workingCopy);
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out", /predecessor/));
    await assert.rejects(checkIn(ada.context()), fails("locked", /predecessor/));
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
  });

  test("a predecessor's lock is not ours where nothing changed since our own check-in", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, other] = [await bench.machine("ada"), await bench.machine("predecessor")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    await checkIn(ada.context());
    await predecessorCheckOut(other.store, other.workingCopy);
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out", /predecessor/));
    await assert.rejects(checkIn(ada.context()), fails("locked", /predecessor/));
  });

  test("a working copy that differs is kept under a dated name, and said so", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    addVersion(ada.workingCopy, "mine");
    const now = () => new Date("2025-03-01T10:20:30Z");
    const { kept } = await checkOut(ada.context({ now }));
    assert.equal(kept, `${ada.workingCopy}.20250301102030.bak`);
    assert.deepEqual(versionsOf(kept), ["mine"]);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
    assert.ok(ada.events.some((event) => event.kind === "notice" && event.message.includes(kept)));
  });

  test("a working copy as it was last checked in is replaced without a copy", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "a");
    await checkIn(ada.context());
    await checkOut(ben.context());
    addVersion(ben.workingCopy, "b");
    await checkIn(ben.context());
    assert.equal((await checkOut(ada.context())).kept, undefined);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "a", "b"]);
  });

  test("a working copy stays readable after check-in, with nothing beside it", async (bench) => {
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v1");
    await checkIn(ada.context());
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
    assert.deepEqual(ada.files(), ["journal.db", "journal.db.checkout.json"]);
    if (Deno.build.os !== "windows") {
      const { mode } = Deno.statSync(join(ada.folder, "journal.db.checkout.json"));
      assert.equal((mode ?? 0) & 0o777, 0o600);
    }
  });

  test("work done after a check-in that died is not lost", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    await stopAfter(ada, "journal_written", checkIn);
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
    await requireCheckedOut(ada.context());
    addVersion(ada.workingCopy, "v3");
    assert.equal((await checkOut(ada.context())).outcome, "already");
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2", "v3"]);
  });

  test("a check-in that died after its last request ends well though others went on", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    await stopAfter(ada, "lock_removed", checkIn);
    await checkOut(ben.context());
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");

    await checkIn(ben.context());
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v3");
    await stopAfter(ada, "lock_removed", checkIn);
    await checkOut(ben.context());
    addVersion(ben.workingCopy, "v4");
    await checkIn(ben.context());
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2", "v3", "v4"]);
  });

  test("another journal in the place of ours stops the check-in", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    const md5 = await bench.putJournal(["foreign"]);
    await assert.rejects(checkIn(ada.context()), fails("already_exists", /not what was sent/));
    assert.equal(await bench.md5("journal"), md5);
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
  });

  test("a check-in while somebody unlocks and takes the journal leaves theirs alone", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    await assert.rejects(
      checkIn(ada.context({
        reached: async (step) => {
          if (step !== "return_remembered") return;
          await unlock({ ...ben.context(), confirm: () => true });
          await checkOut(ben.context());
        },
      })),
      fails("locked", /unlocked.*ada on ben/),
    );
    assert.equal(await bench.md5("journal"), undefined);
    addVersion(ben.workingCopy, "b");
    await checkIn(ben.context());
    assert.deepEqual(await bench.versions("journal"), ["v1", "b"]);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
  });

  test("a check-in that died standing in somebody's way clears it when run again", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    class Stopped extends Error {}
    await assert.rejects(
      checkIn(ada.context({
        reached: async (step) => {
          if (step === "journal_written") throw new Stopped();
          if (step !== "return_remembered") return;
          await unlock({ ...ben.context(), confirm: () => true });
          await checkOut(ben.context());
        },
      })),
      Stopped,
    );
    addVersion(ben.workingCopy, "b");
    await assert.rejects(checkIn(ben.context()), fails("already_exists"));
    await assert.rejects(checkIn(ada.context()), fails("locked", /ada on ben/));
    assert.equal((await checkIn(ben.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1", "b"]);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
  });

  test("a journal that the store spoils on the way keeps its lock", async (bench) => {
    await bench.putJournal(["v1"]);
    const { machine: ada, faults } = await bench.faultyMachine("ada");
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    faults.add({ call: "read", key: JOURNAL_KEY, fault: { kind: "flip", at: 5000 } });
    await assert.rejects(checkIn(ada.context()), fails("digest_mismatch"));
    await bench.requireWholeInCloud(["v1"], "spoilt");
    assert.ok(await bench.md5("lock"));
    await checkIn(ada.context());
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
  });

  test("a damaged working copy is not checked in", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    damage(ada.workingCopy);
    await assert.rejects(checkIn(ada.context()), fails("journal_damaged"));
    Deno.writeTextFileSync(ada.workingCopy, "this is no database".repeat(1000));
    await assert.rejects(checkIn(ada.context()), fails("journal_damaged"));
    assert.equal(await bench.md5("journal"), undefined);
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
  });

  test("another journal in the working copy's place is not checked in", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    const aside = `${ada.workingCopy}.aside`;
    Deno.renameSync(ada.workingCopy, aside);
    addVersion(ada.workingCopy, "of another site");
    const refused = fails("journal_damaged", /not the journal that was checked out/);
    await assert.rejects(checkIn(ada.context()), refused);
    assert.equal(await bench.md5("journal"), undefined);
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
    Deno.renameSync(aside, ada.workingCopy);
    addVersion(ada.workingCopy, "v2");
    await checkIn(ada.context());
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
  });

  test("a damaged journal is not checked out, and not left locked", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    addVersion(ada.workingCopy, "mine");
    const path = join(bench.folder, "damaged.db");
    addVersion(path, "v1");
    damage(path);
    await ada.store.write(JOURNAL_KEY, bytesSource(Deno.readFileSync(path)), {});
    await assert.rejects(checkOut(ada.context()), fails("journal_damaged"));
    assert.deepEqual(versionsOf(ada.workingCopy), ["mine"]);
    assert.ok(await bench.md5("journal"));
    assert.equal(await bench.md5("lock"), undefined);
    requireTidy(ada);
  });

  test("a lock that is spoilt on the way here is refused, and read again next time", async (bench) => {
    await bench.putJournal(["v1"]);
    const { machine: ada, faults } = await bench.faultyMachine("ada");
    faults.add({ call: "read", key: LOCK_KEY, fault: { kind: "flip", at: 5000 } });
    await assert.rejects(checkOut(ada.context()), (error) => {
      assert.ok(isChorusError(error, "digest_mismatch"), String(error));
      return true;
    });
    assert.deepEqual(ada.files(), ["journal.db.checkout.json"]);
    await bench.requireWholeInCloud(["v1"], "spoilt");
    assert.equal((await checkOut(ada.context())).outcome, "checked_out");
  });

  test("an interrupted transaction is rolled back before check-in", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    await leaveHotJournal(ada.workingCopy);
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
    requireTidy(ada);
  });

  test("what lies in a write-ahead log is checked in, and the log's mode is not", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    await leaveWriteAheadLog(ada.workingCopy, "v2");
    assert.equal((await checkIn(ada.context())).outcome, "checked_in");
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
    const { bytes } = await ada.store.readAll(JOURNAL_KEY, { maxBytes: 1 << 20 });
    // https://www.sqlite.org/fileformat.html: 2 stands for a write-ahead log.
    assert.deepEqual([bytes[18], bytes[19]], [1, 1]);
    requireTidy(ada);
  });

  test("a journal that vanished is not begun anew by itself", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    await checkIn(ada.context());
    await ada.store.remove(JOURNAL_KEY);
    await assert.rejects(checkOut(ada.context()), fails("not_found", /is gone, and no lock/));
    assert.equal(await bench.md5("lock"), undefined);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
    await bench.putJournal(["v1"]);
    assert.equal((await checkOut(ada.context())).outcome, "checked_out");
  });

  test("the working copy keeps its mode, and a new one is its owner's", async (bench) => {
    if (Deno.build.os === "windows") return;
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    const mode = () => (Deno.statSync(ada.workingCopy).mode ?? 0) & 0o777;
    await checkOut(ada.context());
    assert.equal(mode(), 0o600);
    await checkIn(ada.context());
    Deno.chmodSync(ada.workingCopy, 0o640);
    await checkOut(ada.context());
    assert.equal(mode(), 0o640);
  });

  test("an interrupted transaction beside an old working copy does not get into the new one", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    addVersion(ada.workingCopy, "mine");
    await leaveHotJournal(ada.workingCopy);
    const { kept } = await checkOut(ada.context());
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
    assert.deepEqual(versionsOf(kept ?? ""), ["mine"]);
    requireTidy(ada);
  });

  test("a working copy that is no journal is kept byte by byte", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    Deno.writeTextFileSync(ada.workingCopy, "notes of the data engineer");
    const { kept } = await checkOut(ada.context());
    assert.equal(Deno.readTextFileSync(kept ?? ""), "notes of the data engineer");
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
  });

  test("a first check-out leaves no old journal in the working copy's place", async (bench) => {
    const ada = await bench.machine("ada");
    addVersion(ada.workingCopy, "old");
    const { kept } = await checkOut(ada.context());
    assert.deepEqual(versionsOf(kept ?? ""), ["old"]);
    assert.ok(!ada.files().includes("journal.db"));
    assert.equal((await checkIn(ada.context())).outcome, "nothing");
    assert.equal(await bench.md5("lock"), undefined);
    assert.equal(await bench.md5("journal"), undefined);
  });

  test("a working copy that is gone is neither checked in nor begun anew, and comes back by checking out", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await checkOut(ada.context());
    for (const left of [undefined, new Uint8Array(0)]) {
      Deno.removeSync(ada.workingCopy);
      if (left !== undefined) Deno.writeFileSync(ada.workingCopy, left);
      await assert.rejects(checkIn(ada.context()), fails("not_found", /gone or empty/));
      await assert.rejects(
        requireCheckedOut(ada.context()),
        fails("not_checked_out", /gone or empty/),
      );
      assert.equal((await checkOut(ada.context())).outcome, "checked_out");
      assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
    }
  });

  test("checking in without a check-out is refused; again after a check-in it is nothing to do", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await assert.rejects(checkIn(ada.context()), fails("not_checked_out"));
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out"));
    await checkOut(ada.context());
    await checkIn(ada.context());
    assert.equal((await checkIn(ada.context())).outcome, "already");
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out"));
  });

  test("unlocking asks first, and does nothing when the answer is no", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    let asked = 0;
    const { outcome } = await unlock({
      ...ben.context(),
      confirm: ({ lock, effect, heldHere }) => {
        asked++;
        assert.equal(lock.holder?.host, "ada");
        assert.deepEqual([effect, heldHere], ["restore_journal", false]);
        return false;
      },
    });
    assert.deepEqual([outcome, asked], ["declined", 1]);
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
  });

  test("unlocking restores the journal from the lock; the old holder can't go on", async (bench) => {
    const md5 = await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    const result = await unlock({ ...ben.context(), confirm: () => true });
    assert.deepEqual(result, { outcome: "unlocked", restored: true, journal: true });
    assert.equal(await bench.md5("journal"), md5);
    assert.equal(await bench.md5("lock"), undefined);
    await assert.rejects(requireCheckedOut(ada.context()), fails("not_checked_out", /unlocked it/));
    await assert.rejects(checkIn(ada.context()), fails("not_checked_out", /has unlocked/));
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1", "v2"]);
    const { kept } = await checkOut(ada.context());
    assert.deepEqual(versionsOf(kept ?? ""), ["v1", "v2"]);
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
  });

  test("unlocking beside a whole journal only removes the lock", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    addVersion(ada.workingCopy, "v2");
    await stopAfter(ada, "journal_read_back", checkIn);
    const result = await unlock({ ...ben.context(), confirm: () => true });
    assert.deepEqual(result, { outcome: "unlocked", restored: false, journal: true });
    assert.deepEqual(await bench.versions("journal"), ["v1", "v2"]);
  });

  test("unlocking a first journal restores nothing", async (bench) => {
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    const result = await unlock({ ...ben.context(), confirm: () => true });
    assert.deepEqual(result, { outcome: "unlocked", restored: false, journal: false });
    assert.equal(await bench.md5("lock"), undefined);
    assert.equal(await bench.md5("journal"), undefined);
  });

  test("unlocking leaves a lock that is the only whole copy", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    await checkOut(ada.context());
    const broken = new TextEncoder().encode("half of a journal".repeat(500));
    await ben.store.write(JOURNAL_KEY, bytesSource(broken), {});
    await assert.rejects(
      unlock({ ...ben.context(), confirm: () => true }),
      fails("journal_damaged", /not removed/),
    );
    assert.deepEqual(await bench.versions("lock"), ["v1"]);
    assert.deepEqual(ben.files(), []);
  });

  test("a lock whose copy is not complete costs nobody the journal", async (bench) => {
    await bench.putJournal(["v1"]);
    const ada = await bench.machine("ada");
    await stopAfter(ada, "lock_created", checkOut);
    const { metadata } = await ada.store.stat(LOCK_KEY) ?? {};
    await ada.store.write(LOCK_KEY, bytesSource(new Uint8Array(0)), { metadata });
    await assert.rejects(checkOut(ada.context()), fails("digest_mismatch", /does not hold/));
    assert.deepEqual(await bench.versions("journal"), ["v1"]);
    await unlock({ ...ada.context(), confirm: () => true });
    await checkOut(ada.context());
    assert.deepEqual(versionsOf(ada.workingCopy), ["v1"]);
  });

  test("unlocking what nobody holds asks nobody", async (bench) => {
    await bench.putJournal(["v1"]);
    const ben = await bench.machine("ben");
    const confirm = () => assert.fail("asked");
    assert.equal((await unlock({ ...ben.context(), confirm })).outcome, "not_locked");
  });

  test("unlocking the predecessor's lock restores the journal", async (bench) => {
    const md5 = await bench.putJournal(["v1"]);
    const [other, ben] = [await bench.machine("predecessor"), await bench.machine("ben")];
    await predecessorCheckOut(other.store, other.workingCopy);
    assert.equal((await unlock({ ...ben.context(), confirm: () => true })).restored, true);
    assert.equal(await bench.md5("journal"), md5);
  });

  test("unlocking takes only the lock that was shown", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben, eve] = [
      await bench.machine("ada"),
      await bench.machine("ben"),
      await bench.machine("eve"),
    ];
    await checkOut(ada.context());
    await assert.rejects(
      unlock({
        ...ben.context(),
        confirm: async () => {
          await checkIn(ada.context());
          await checkOut(eve.context());
          return true;
        },
      }),
      fails("locked", /ada on eve/),
    );
    await requireCheckedOut(eve.context());
  });

  test("a check-out that goes on while it is unlocked does not remove the only journal", async (bench) => {
    await bench.putJournal(["v1"]);
    const [ada, ben] = [await bench.machine("ada"), await bench.machine("ben")];
    let unlocked = false;
    await checkOut(ada.context({
      reached: async (step) => {
        if (step !== "lock_confirmed" || unlocked) return;
        unlocked = true;
        await unlock({ ...ben.context(), confirm: () => true });
        await bench.requireWholeInCloud(["v1"], "unlocked in between");
      },
    }));
    assert.ok(unlocked);
    await bench.requireWholeInCloud(["v1"], "in the end");
    await requireCheckedOut(ada.context());
  });

  /** The line goes dead at every request of a check-out and a check-in in turn. */
  async function everyRequestDies(bench: Bench): Promise<void> {
    await bench.putJournal(["v1"]);
    for (let n = 0;; n++) {
      const dead = { at: n, calls: 0, line: false };
      const cut = await bench.machine("ada", (driver) => dyingLine(driver, dead));
      const ada = await bench.machine("ada");
      const before = await bench.versions("journal") ?? [];
      const version = `n${n}`;
      const attempt = async (machine: Machine) => {
        await checkOut(machine.context());
        if (!versionsOf(machine.workingCopy).includes(version)) {
          addVersion(machine.workingCopy, version);
        }
        await checkIn(machine.context());
      };
      const failure = await attempt(cut).catch((error) => error);
      assert.ok(failure === undefined || isChorusError(failure, "unavailable"), `${failure}`);
      await bench.requireWholeInCloud(before, `line dead at ${n}`);
      if (failure !== undefined) await attempt(ada);
      assert.deepEqual(await bench.versions("journal"), [...before, version], `at ${n}`);
      assert.equal(await bench.md5("lock"), undefined);
      requireTidy(ada);
      if (dead.line) continue;
      assert.ok(n >= 15, `only ${n} points in all`);
      return;
    }
  }
}

/** Runs an action and stops it after a step, as a lost connection to the terminal would. */
export async function stopAfter(
  machine: Machine,
  step: Step,
  action: (context: ReturnType<Machine["context"]>) => Promise<unknown>,
): Promise<void> {
  class Stopped extends Error {}
  await assert.rejects(
    action(machine.context({
      reached: (reached) => {
        if (reached === step) throw new Stopped();
      },
    })),
    Stopped,
  );
}

/** Nothing of ours but journal, state file and dated copies is left in the folder. */
export function requireTidy(machine: Machine): void {
  const left = machine.files().filter((file) =>
    file !== "journal.db" && file !== "journal.db.checkout.json" && !file.endsWith(".bak")
  );
  assert.deepEqual(left, []);
}

/** Spoils a database so that only `integrity_check` notices. */
function damage(path: string): void {
  const bytes = Deno.readFileSync(path);
  // The second half of every page but the first: cells, not headers.
  for (let at = 4096 + 3000; at < bytes.length; at += 4096) bytes.fill(0xee, at, at + 1000);
  Deno.writeFileSync(path, bytes);
}

/** A process that dies with a version committed in its write-ahead log only. */
async function leaveWriteAheadLog(path: string, version: string): Promise<void> {
  await dieAfterScript(`
    import { DatabaseSync } from "node:sqlite";
    const db = new DatabaseSync(${JSON.stringify(path)});
    db.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    db.prepare("INSERT INTO versions (VERSION) VALUES (?)").run(${JSON.stringify(version)});
  `);
  assert.ok(Deno.statSync(`${path}-wal`).size > 0);
}

/** A process that dies in the middle of a transaction that had spilled into the file. */
async function leaveHotJournal(path: string): Promise<void> {
  await dieAfterScript(`
    import { DatabaseSync } from "node:sqlite";
    const db = new DatabaseSync(${JSON.stringify(path)});
    db.exec("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN IMMEDIATE");
    db.exec("UPDATE versions SET VERSION = VERSION || ' half done'");
    const insert = db.prepare("INSERT INTO srcpaths (SRC_PATH) VALUES (?)");
    for (let n = 0; n < 2000; n++) insert.run("x".repeat(200) + n);
  `);
  assert.ok(Deno.statSync(`${path}-journal`).size > 0);
}

/** Runs a script in a process of its own that is killed at its end. */
async function dieAfterScript(script: string): Promise<void> {
  const { signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `${script}\nDeno.kill(Deno.pid, "SIGKILL"); await new Promise(() => {});`],
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.equal(signal, "SIGKILL", new TextDecoder().decode(stderr));
}

interface LineState {
  /** The point, from 0, at which it happens. */
  at: number;
  calls: number;
  /** True once it happened. */
  line: boolean;
}

class LineError extends Error {}

/** A driver whose line goes dead for good: before a request, or between one that changes something and its answer. */
function dyingLine(driver: Driver, state: LineState): Driver {
  const alive = () => {
    if (state.calls++ < state.at) return;
    state.line = true;
    throw new LineError("the line is dead");
  };
  return onRequests(driver, async (act, changes) => {
    alive();
    const answer = await act();
    if (changes) alive();
    return answer;
  });
}

/** A driver that loses the answer to one request that changes something. */
function losingAnswer(driver: Driver, state: LineState): Driver {
  return onRequests(driver, async (act, changes) => {
    if (!changes || state.calls++ !== state.at) return await act();
    state.line = true;
    await act();
    throw new LineError("the answer is lost");
  });
}

function onRequests(
  driver: Driver,
  around: <T>(act: () => Promise<T>, changes: boolean) => Promise<T>,
): Driver {
  const { copy } = driver;
  return {
    limits: driver.limits,
    traits: driver.traits,
    classify: (error) =>
      error instanceof LineError
        ? { kind: "unavailable", message: error.message }
        : driver.classify(error),
    list: (prefix, options) => driver.list(prefix, options),
    stat: (key, options) => around(() => driver.stat(key, options), false),
    async *read(key, options) {
      await around(() => Promise.resolve(), false);
      yield* driver.read(key, options);
    },
    write: (key, body, options) => around(() => driver.write(key, body, options), true),
    remove: (key, options) => around(() => driver.remove(key, options), true),
    ...(copy === undefined ? {} : {
      copy: (from, to, options) => around(() => copy.call(driver, from, to, options), true),
    }),
    close: () => driver.close?.(),
  };
}
