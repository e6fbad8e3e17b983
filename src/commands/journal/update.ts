import type { Command } from "@commander-js/extra-typings";
import type { UpdateSummary } from "../../workflows/update_summary.ts";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome, parseNames } from "../leaf.ts";

interface UpdateFlags {
  version?: string;
  amend?: true;
  modalities?: string[];
  dryRun?: true;
  yes?: true;
}

/** `journal update`: finds what is new, changed or gone at the site. */
export function updateCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("update", "find new, changed and gone files and journal them", [
      "-c config.toml journal update",
      "-c config.toml journal update --amend --modalities OMOP,Images",
    ])
      .option("--version <version>", "submission version to create, or to amend if it exists")
      .option("--amend", "amend the newest version")
      .option("--modalities <names>", "only these, separated by commas", parseNames)
      .option("--dry-run", "look and hash, but write nothing")
      .option("--yes", "declare many files gone without asking (journaling mode full)"),
    edge,
    outcome,
    update,
  );
}

async function update(command: Command, flags: UpdateFlags, edge: Edge): Promise<number> {
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { openSession } = await import("../session.ts");
  const { runbookOf, typedParams, withWritableJournal } = await import("../journal_session.ts");
  const { updateJournal } = await import("../../workflows/update_journal.ts");
  const { selectModalities } = await import("../../workflows/site_root.ts");
  const { updateReport } = await import("../../report/update_report.ts");
  const { confirmed } = await import("../../report/questions.ts");
  const { formatCount } = await import("../../report/format.ts");
  const { hasFailures } = await import("../../workflows/update_summary.ts");

  if (flags.version !== undefined && flags.amend) {
    throw new ChorusError("usage", "--version and --amend exclude each other.", {
      remedy: "--version amends too when the version exists.",
    });
  }
  await using session = await openSession(command, edge);
  const { config, failures } = session;
  const modalities = selectModalities(config, flags.modalities);
  const summary: UpdateSummary = await withWritableJournal(
    session,
    edge,
    {
      command: "journal update",
      params: typedParams(command),
      readsSite: true,
      writesCentral: false,
      dryRun: flags.dryRun === true,
    },
    (journal) =>
      updateJournal(journal, config, {
        modalities,
        version: flags.version,
        amend: flags.amend,
        dryRun: flags.dryRun === true,
        confirmDeletion: ({ modality, active, gone }) => {
          session.pause();
          const question = `${formatCount(gone)} of ${formatCount(active)} ${modality} files of ` +
            "the journal are not there any more.";
          const yes = flags.yes === true || flags.dryRun === true;
          if (!yes && !edge.terminal.interactive) {
            session.emit({
              kind: "warning",
              message: `${question} Is the share mounted? If they are really gone, say --yes.`,
            });
            return Promise.resolve(false);
          }
          return confirmed(edge.terminal, `${question} Declare them gone?`, { yes });
        },
        openStore: session.openStore,
        now: edge.now,
        signal: edge.signal,
        emit: session.emit,
      }),
  );
  session.pause();
  if (session.json) session.json.end({ update: summary, failures: failures.summary() });
  else {
    edge.terminal.out(
      updateReport(summary, failures, edge.terminal.columns, runbookOf(session)),
    );
  }
  if (summary.interrupted) edge.signal.throwIfAborted();
  return hasFailures(summary) ? 1 : 0;
}
