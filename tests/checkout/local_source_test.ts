import assert from "node:assert/strict";
import { join } from "node:path";
import { checkIn } from "../../src/checkout/check_in.ts";
import { checkOut } from "../../src/checkout/check_out.ts";
import type { CheckoutContext } from "../../src/checkout/checkout_context.ts";
import { locateJournal, requireCheckedOut } from "../../src/checkout/journal_access.ts";
import { journalStatus } from "../../src/checkout/journal_status.ts";
import { unlock } from "../../src/checkout/unlock.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { addVersion, versionsOf } from "./lock_bench.ts";
import { fails } from "./lock_suite.ts";

/** A source folder, a folder to work in, and the context of working there. */
class Desk implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "local-source-" });
  readonly source = join(this.folder, "share", "journal.db");

  constructor() {
    for (const name of ["share", "ada", "ben"]) Deno.mkdirSync(join(this.folder, name));
  }

  context(who: string, changes: Partial<CheckoutContext> = {}): CheckoutContext {
    return {
      source: { kind: "local", path: this.source },
      workingCopy: this.workingCopy(who),
      holder: { user: who, host: "host" },
      now: () => new Date(),
      newLockId: () => crypto.randomUUID(),
      emit: () => {},
      ...changes,
    };
  }

  workingCopy(who: string): string {
    return join(this.folder, who, "journal.db");
  }

  files(who: string): string[] {
    return [...Deno.readDirSync(join(this.folder, who))].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

Deno.test("a local journal under the working copy's path is used in place", async () => {
  using desk = new Desk();
  const context = desk.context("ada", { workingCopy: desk.source });
  assert.deepEqual(await checkOut(context), {
    outcome: "in_place",
    workingCopy: desk.source,
    first: true,
    kept: undefined,
  });
  await requireCheckedOut(context);
  addVersion(desk.source, "v1");
  assert.equal((await checkIn(context)).outcome, "in_place");
  assert.equal((await journalStatus(context)).phase, "in_place");
  assert.deepEqual(desk.files("share"), ["journal.db"]);
  await using found = await locateJournal(context);
  assert.deepEqual([found.from, found.path], ["working_copy", desk.source]);
});

Deno.test("the same file by way of a link is used in place", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  const link = join(desk.folder, "ada", "journal.db");
  Deno.symlinkSync(desk.source, link);
  assert.equal((await checkOut(desk.context("ada"))).outcome, "in_place");
  assert.equal((await checkIn(desk.context("ada"))).outcome, "in_place");
  assert.ok(Deno.lstatSync(link).isSymlink);
});

Deno.test("a local journal is copied at check-out and put back at check-in", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  assert.equal((await checkOut(desk.context("ada"))).outcome, "checked_out");
  await requireCheckedOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v2");
  assert.deepEqual(versionsOf(desk.source), ["v1"]);
  assert.equal((await checkOut(desk.context("ada"))).outcome, "already");
  assert.equal((await checkIn(desk.context("ada"))).outcome, "checked_in");
  assert.deepEqual(versionsOf(desk.source), ["v1", "v2"]);
  assert.deepEqual(desk.files("share"), ["journal.db"]);
  assert.deepEqual(desk.files("ada"), ["journal.db", "journal.db.checkout.json"]);
  assert.equal((await checkIn(desk.context("ada"))).outcome, "already");
  await assert.rejects(requireCheckedOut(desk.context("ada")), fails("not_checked_out"));
});

Deno.test("a link to the source stays a link, and what it leads to is replaced", async () => {
  using desk = new Desk();
  const real = join(desk.folder, "share", "real.db");
  addVersion(real, "v1");
  Deno.symlinkSync(real, desk.source);
  await checkOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v2");
  await checkIn(desk.context("ada"));
  assert.ok(Deno.lstatSync(desk.source).isSymlink);
  assert.deepEqual(versionsOf(real), ["v1", "v2"]);
});

Deno.test("a source that changes during the check-in is not replaced", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  await checkOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v2");
  const other = join(desk.folder, "other.db");
  addVersion(other, "theirs");
  await assert.rejects(
    checkIn(desk.context("ada", {
      // The predecessor takes no lock of ours.
      reached: (step) => {
        if (step === "return_remembered") Deno.copyFileSync(other, desk.source);
      },
    })),
    fails("locked", /was changed since/),
  );
  assert.deepEqual(versionsOf(desk.source), ["theirs"]);
});

Deno.test("a first local journal comes into being at check-in", async () => {
  using desk = new Desk();
  const { first } = await checkOut(desk.context("ada"));
  assert.ok(first);
  assert.equal((await checkIn(desk.context("ada"))).outcome, "nothing");
  await checkOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v1");
  await checkIn(desk.context("ada"));
  assert.deepEqual(versionsOf(desk.source), ["v1"]);
});

Deno.test("check-in refuses a local journal that changed since the check-out", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  await checkOut(desk.context("ada"));
  await checkOut(desk.context("ben"));
  addVersion(desk.workingCopy("ada"), "a");
  addVersion(desk.workingCopy("ben"), "b");
  await checkIn(desk.context("ada"));
  await assert.rejects(checkIn(desk.context("ben")), fails("locked", /was changed since/));
  assert.deepEqual(versionsOf(desk.source), ["v1", "a"]);
  assert.deepEqual(versionsOf(desk.workingCopy("ben")), ["v1", "b"]);
  assert.deepEqual(desk.files("share"), ["journal.db"]);
});

Deno.test("a first local journal does not replace one that appeared meanwhile", async () => {
  using desk = new Desk();
  await checkOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "a");
  addVersion(desk.source, "other");
  await assert.rejects(checkIn(desk.context("ada")), fails("locked", /was changed since/));
  assert.deepEqual(versionsOf(desk.source), ["other"]);
});

Deno.test("a check-in that died anywhere leaves a whole local journal and ends when run again", async () => {
  for (const step of ["return_prepared", "return_remembered", "journal_written"] as const) {
    using desk = new Desk();
    addVersion(desk.source, "v1");
    await checkOut(desk.context("ada"));
    addVersion(desk.workingCopy("ada"), "v2");
    await assert.rejects(
      checkIn(desk.context("ada", {
        reached: (reached) => {
          if (reached === step) throw new Error("stopped");
        },
      })),
      /stopped/,
    );
    assert.equal(versionsOf(desk.source)[0], "v1");
    assert.equal((await checkIn(desk.context("ada"))).outcome, "checked_in", step);
    assert.deepEqual(versionsOf(desk.source), ["v1", "v2"]);
    assert.deepEqual(desk.files("share"), ["journal.db"]);
  }
});

Deno.test("a local journal that is being written is not replaced", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  await checkOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v2");
  {
    using _writer = openJournal(desk.source, { access: "write" });
    await assert.rejects(checkIn(desk.context("ada")), fails("locked", /writing/));
  }
  using _writer = openJournal(desk.workingCopy("ada"), { access: "write" });
  await assert.rejects(checkIn(desk.context("ada")), fails("locked", /writing/));
});

Deno.test("a damaged local journal is neither checked out nor checked in", async () => {
  using desk = new Desk();
  Deno.writeTextFileSync(desk.source, "no database at all, but long enough".repeat(200));
  await assert.rejects(checkOut(desk.context("ada")), fails("journal_damaged"));
  assert.deepEqual(desk.files("ada"), []);
  Deno.removeSync(desk.source);
  await checkOut(desk.context("ada"));
  Deno.writeTextFileSync(desk.workingCopy("ada"), "no database at all".repeat(200));
  await assert.rejects(checkIn(desk.context("ada")), fails("journal_damaged"));
  assert.deepEqual(desk.files("share"), []);
});

Deno.test("another journal in the working copy's place is not checked in", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  await checkOut(desk.context("ada"));
  Deno.removeSync(desk.workingCopy("ada"));
  addVersion(desk.workingCopy("ada"), "of another site");
  await assert.rejects(
    checkIn(desk.context("ada")),
    fails("journal_damaged", /not the journal that was checked out/),
  );
  assert.deepEqual(versionsOf(desk.source), ["v1"]);
});

Deno.test("a working copy that is gone is not begun anew, and comes back by checking out", async () => {
  using desk = new Desk();
  await checkOut(desk.context("ada"));
  await requireCheckedOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v1");
  await checkIn(desk.context("ada"));
  await checkOut(desk.context("ada"));
  for (const left of [undefined, new Uint8Array(0)]) {
    Deno.removeSync(desk.workingCopy("ada"));
    if (left !== undefined) Deno.writeFileSync(desk.workingCopy("ada"), left);
    await assert.rejects(
      requireCheckedOut(desk.context("ada")),
      fails("not_checked_out", /gone or empty/),
    );
    assert.equal((await checkOut(desk.context("ada"))).outcome, "checked_out");
    assert.deepEqual(versionsOf(desk.workingCopy("ada")), ["v1"]);
  }
});

Deno.test("a working copy that differs is kept under a dated name", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  addVersion(desk.workingCopy("ada"), "mine");
  // Without a check-out of its own history, it is nobody's work on this journal.
  await assert.rejects(requireCheckedOut(desk.context("ada")), fails("not_checked_out"));
  const { kept } = await checkOut(desk.context("ada"));
  assert.deepEqual(versionsOf(kept ?? ""), ["mine"]);
  assert.deepEqual(versionsOf(desk.workingCopy("ada")), ["v1"]);
});

Deno.test("the predecessor's copy of a local journal can be worked on and checked in", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  Deno.copyFileSync(desk.source, desk.workingCopy("ada"));
  await requireCheckedOut(desk.context("ada"));
  addVersion(desk.workingCopy("ada"), "v2");
  await requireCheckedOut(desk.context("ada"));
  assert.equal((await checkIn(desk.context("ada"))).outcome, "checked_in");
  assert.deepEqual(versionsOf(desk.source), ["v1", "v2"]);
});

Deno.test("reading a local journal takes the working copy while checked out, else the source", async () => {
  using desk = new Desk();
  addVersion(desk.source, "v1");
  const from = async () => {
    await using found = await locateJournal(desk.context("ada"));
    return [found.from, found.path];
  };
  assert.deepEqual(await from(), ["journal", desk.source]);
  await checkOut(desk.context("ada"));
  assert.deepEqual(await from(), ["working_copy", desk.workingCopy("ada")]);
  await checkIn(desk.context("ada"));
  assert.deepEqual(await from(), ["journal", desk.source]);
  assert.equal((await journalStatus(desk.context("ada"))).phase, "free");
});

Deno.test("a local journal has no lock to remove", async () => {
  using desk = new Desk();
  const { outcome } = await unlock({
    ...desk.context("ada"),
    confirm: () => assert.fail("asked"),
  });
  assert.equal(outcome, "not_locked");
});
