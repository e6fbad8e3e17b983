import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "./edge.ts";
import { acting, leaf, type Outcome } from "./leaf.ts";

/** `history`: every command that changed the journal. */
export function historyCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("history", "every command that changed the journal", [
      "-c config.toml history",
    ])
      .option("--journal <file>", "read this journal file"),
    edge,
    outcome,
    history,
  );
}

async function history(
  command: Command,
  flags: { journal?: string },
  edge: Edge,
): Promise<number> {
  const { openSession } = await import("./session.ts");
  const { openForReading } = await import("./journal_session.ts");
  const { historyReport } = await import("../report/history_report.ts");
  await using session = await openSession(command, edge);
  await using readable = await openForReading(session, edge, { file: flags.journal });
  const records = readable.journal.history();
  session.pause();
  if (session.json) session.json.end({ journal: readable.origin, history: records });
  else edge.terminal.out(`${readable.origin}\n\n${historyReport(records)}`);
  return 0;
}
