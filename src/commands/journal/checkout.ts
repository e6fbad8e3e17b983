import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome } from "../leaf.ts";

/** `journal checkout`: takes the journal's lock and brings the journal here. */
export function checkoutCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("checkout", "lock the journal and bring it here", [
      "-c config.toml journal checkout",
    ])
      .option("--local-journal <file>", "working copy, instead of journal.local.path"),
    edge,
    outcome,
    checkout,
  );
}

async function checkout(
  command: Command,
  flags: { localJournal?: string },
  edge: Edge,
): Promise<number> {
  const { openSession } = await import("../session.ts");
  const { checkoutContext, runbookOf } = await import("../journal_session.ts");
  const { checkOut } = await import("../../checkout/check_out.ts");
  await using session = await openSession(command, edge);
  const context = await checkoutContext(session, edge, flags);
  const result = await checkOut(context);
  session.pause();
  if (session.json) {
    session.json.end({ checkout: result });
    return 0;
  }
  const from = session.config.journal.source.path;
  const lines: string[] = [];
  switch (result.outcome) {
    case "checked_out":
      lines.push(`Checked out ${from} to "${result.workingCopy}".`);
      if (result.first) lines.push("There is no journal yet: the first update makes it.");
      break;
    case "already":
      lines.push(`${from} is checked out here already ("${result.workingCopy}").`);
      break;
    case "in_place":
      lines.push(`The journal "${result.workingCopy}" is local and used in place.`);
      break;
    default:
      result.outcome satisfies never;
  }
  if (result.kept !== undefined) {
    lines.push(`What was at that path before is kept as "${result.kept}".`);
  }
  lines.push(`Next:  ${runbookOf(session)} journal update`);
  edge.terminal.out(lines.join("\n") + "\n");
  return 0;
}
