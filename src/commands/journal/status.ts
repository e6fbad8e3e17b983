import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome } from "../leaf.ts";

/** `journal status`: where the journal is, who holds it, what is still to be sent. */
export function statusCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("status", "where the journal is, who holds it, what is not uploaded yet", [
      "-c config.toml journal status",
    ]),
    edge,
    outcome,
    status,
  );
}

async function status(command: Command, _: unknown, edge: Edge): Promise<number> {
  const { isChorusError } = await import("../../errors/chorus_error.ts");
  const { openSession } = await import("../session.ts");
  const { checkoutContext, openForReading, runbookOf } = await import("../journal_session.ts");
  const { journalStatus } = await import("../../checkout/journal_status.ts");
  const { statusReport } = await import("../../report/status_report.ts");
  await using session = await openSession(command, edge);
  const found = await journalStatus(await checkoutContext(session, edge));
  const content = await journalContent();
  session.pause();
  if (session.json) session.json.end({ status: found, journal: content });
  else {
    edge.terminal.out(
      statusReport(found, content, edge.terminal.columns, runbookOf(session)),
    );
  }
  return 0;

  /** What is still to be sent; undefined while there is no journal. */
  async function journalContent() {
    try {
      await using readable = await openForReading(session, edge);
      const versions = readable.journal.summary();
      return {
        origin: readable.origin,
        versions: versions.length,
        active: versions.reduce((sum, each) => sum + each.active, 0),
        toUpload: versions.reduce((sum, each) => sum + each.toUpload, 0),
        toUploadBytes: versions.reduce((sum, each) => sum + each.toUploadBytes, 0),
        unfinishedUpdate: readable.journal.pendingVersion(),
      };
    } catch (error) {
      if (isChorusError(error, "not_found")) return undefined;
      throw error;
    }
  }
}
