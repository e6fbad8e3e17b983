import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome } from "../leaf.ts";

/** `journal unlock`: takes the lock away from a holder who will not come back. */
export function unlockCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("unlock", "remove a lock whose holder will not come back", [
      "-c config.toml journal unlock",
      "-c config.toml journal unlock --yes",
    ])
      .option("--yes", "don't ask"),
    edge,
    outcome,
    unlockJournal,
  );
}

async function unlockJournal(command: Command, flags: { yes?: true }, edge: Edge): Promise<number> {
  const { openSession } = await import("../session.ts");
  const { checkoutContext } = await import("../journal_session.ts");
  const { unlock } = await import("../../checkout/unlock.ts");
  const { describeHolder } = await import("../../checkout/lock.ts");
  const { confirmed } = await import("../../report/questions.ts");
  const { formatTime } = await import("../../report/format.ts");
  await using session = await openSession(command, edge);
  const context = await checkoutContext(session, edge);
  const location = session.config.journal.source.path;
  const result = await unlock({
    ...context,
    confirm: ({ lock, effect, heldHere }) => {
      session.pause();
      const then = {
        remove_lock: "The journal is there; only the lock is removed.",
        restore_journal: "The journal is put back as it was at that check-out.",
        remove_empty_lock: "There was no journal before, and there will be none.",
      }[effect];
      const lost = heldHere
        ? " It is checked out here: what was done since stays in the working copy only."
        : " Work done there since will not be accepted any more.";
      return confirmed(
        edge.terminal,
        `${location} is ${describeHolder(lock, (time) => formatTime(time))}. ${then}${lost} ` +
          "Remove the lock?",
        { yes: flags.yes === true },
      );
    },
  });
  session.pause();
  if (session.json) session.json.end({ unlock: result });
  else {
    const text = {
      not_locked: `${location} is not locked; nothing to do.`,
      declined: "Nothing was changed.",
      unlocked: `The lock of ${location} is removed${
        result.restored ? ", and the journal is back as it was at the check-out" : ""
      }.`,
    }[result.outcome];
    edge.terminal.out(text + "\n");
  }
  return result.outcome === "declined" ? 1 : 0;
}
