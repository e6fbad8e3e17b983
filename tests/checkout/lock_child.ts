/** A process of its own for the lock tests: does one task and says how it went, or dies on the way. */

import { checkIn } from "../../src/checkout/check_in.ts";
import { checkOut } from "../../src/checkout/check_out.ts";
import { unlock } from "../../src/checkout/unlock.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import {
  addVersion,
  type ChildAnswer,
  type ChildTask,
  Machine,
  openPlace,
  versionsOf,
} from "./lock_bench.ts";

if (import.meta.main) {
  const answer = await perform(JSON.parse(Deno.args[0] ?? "{}"));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(answer)));
}

async function perform(task: ChildTask): Promise<ChildAnswer> {
  await using store = await openPlace(task.place);
  Deno.mkdirSync(task.folder, { recursive: true });
  const machine = new Machine(task.place, store, task.folder, task.name);
  const context = machine.context({
    reached: async (step) => {
      if (step !== task.dieAfter) return;
      Deno.kill(Deno.pid, "SIGKILL");
      await new Promise(() => {});
    },
  });
  try {
    switch (task.act) {
      case "check-out":
        return { ok: true, outcome: (await checkOut(context)).outcome };
      case "check-in":
        return { ok: true, outcome: (await checkIn(context)).outcome };
      case "unlock":
        return {
          ok: true,
          outcome: (await unlock({ ...context, confirm: () => true })).outcome,
        };
      case "add-version-in-turn":
        return await addVersionInTurn();
      case "add-versions":
        return await addVersions(task.versions ?? []);
    }
  } catch (error) {
    if (isChorusError(error)) return { ok: false, code: error.code, message: error.message };
    throw error;
  }

  /** Goes on wherever an earlier process of this machine was killed. */
  async function addVersions(versions: readonly string[]): Promise<ChildAnswer> {
    for (const version of versions) {
      await checkOut(context);
      if (!versionsOf(machine.workingCopy).includes(version)) {
        addVersion(machine.workingCopy, version);
        await checkIn(context);
      }
    }
    await checkIn(context);
    return { ok: true, outcome: "done" };
  }

  /** Waits for the journal, adds a version, gives it back: a site's whole turn. */
  async function addVersionInTurn(): Promise<ChildAnswer> {
    for (;;) {
      try {
        await checkOut(context);
        break;
      } catch (error) {
        if (!isChorusError(error, "locked")) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
      }
    }
    addVersion(machine.workingCopy, task.version ?? "");
    return { ok: true, outcome: (await checkIn(context)).outcome };
  }
}
