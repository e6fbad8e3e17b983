import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome } from "../leaf.ts";

/** `journal checkin`: gives the journal back and removes its lock. */
export function checkinCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("checkin", "give the journal back and remove its lock", [
      "-c config.toml journal checkin",
    ])
      .option("--local-journal <file>", "working copy, instead of journal.local.path"),
    edge,
    outcome,
    checkin,
  );
}

async function checkin(
  command: Command,
  flags: { localJournal?: string },
  edge: Edge,
): Promise<number> {
  const { openSession } = await import("../session.ts");
  const { checkoutContext } = await import("../journal_session.ts");
  const { checkIn } = await import("../../checkout/check_in.ts");
  const { formatBytes } = await import("../../report/format.ts");
  await using session = await openSession(command, edge);
  const context = await checkoutContext(session, edge, flags);
  const result = await checkIn(context);
  session.pause();
  if (session.json) {
    session.json.end({ checkin: result });
    return 0;
  }
  const to = session.config.journal.source.path;
  const size = result.size === undefined ? "" : ` (${formatBytes(result.size)})`;
  const text = {
    checked_in: `Checked in: ${to} is the journal again${size}, and nobody holds it.`,
    already: `${to} was checked in before; nothing to do.`,
    nothing: `There was no journal and none was made; the lock of ${to} is removed.`,
    in_place: `The journal "${to}" is local and used in place; nothing to do.`,
  }[result.outcome];
  edge.terminal.out(`${text}\nThe submission is complete when \`file verify\` was clean.\n`);
  return 0;
}
