import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome, parseNames } from "../leaf.ts";

interface ListFlags {
  version?: string;
  modalities?: string[];
  journal?: string;
}

/** `journal list`: what the journal holds, by version. */
export function listCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("list", "what the journal holds, by version and modality", [
      "-c config.toml journal list",
      "-c config.toml journal list --version 20260101000000 --json",
    ])
      .option("--version <version>", "only this submission version")
      .option("--modalities <names>", "only these, separated by commas", parseNames)
      .option("--journal <file>", "read this journal file"),
    edge,
    outcome,
    list,
  );
}

async function list(command: Command, flags: ListFlags, edge: Edge): Promise<number> {
  const { openSession } = await import("../session.ts");
  const { openForReading } = await import("../journal_session.ts");
  const { journalReport } = await import("../../report/journal_report.ts");
  const { requireVersion } = await import("../../workflows/require_version.ts");
  const { selectModalities } = await import("../../workflows/site_root.ts");
  await using session = await openSession(command, edge);
  await using readable = await openForReading(session, edge, { file: flags.journal });
  requireVersion(readable.journal, flags.version);
  const versions = readable.journal.summary({
    version: flags.version,
    modalities: flags.modalities && selectModalities(session.config, flags.modalities),
  });
  session.pause();
  if (session.json) session.json.end({ journal: readable.origin, versions });
  else {
    edge.terminal.out(
      `${readable.origin}\n\n${journalReport(versions, edge.terminal.columns)}`,
    );
  }
  return 0;
}
