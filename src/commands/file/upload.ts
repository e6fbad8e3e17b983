import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome, parseCount, parseNames } from "../leaf.ts";

interface UploadFlags {
  version?: string;
  modalities?: string[];
  maxNumFiles?: number;
  maxRate?: string;
  receipts?: string;
  dryRun?: true;
  localJournal?: string;
}

/** `file upload`: sends what is new, proves it, marks it. */
export function uploadCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("upload", "send new files, prove that they arrived, mark them", [
      "-c config.toml file upload",
      '-c config.toml file upload --max-num-files 1000 --max-rate "08:00,50M 18:00,off"',
    ])
      .option("--version <version>", "only files of this submission version")
      .option("--modalities <names>", "only these, separated by commas", parseNames)
      .option("--max-num-files <n>", "send this many files at most", parseCount)
      .option("--max-rate <rate>", "bytes per second (50M), or a timetable")
      .option("--receipts <file>", "append one JSON line per file, successes included")
      .option("--dry-run", "say what would be sent, send nothing")
      .option("--local-journal <file>", "working copy, instead of journal.local.path"),
    edge,
    outcome,
    upload,
  );
}

async function upload(command: Command, flags: UploadFlags, edge: Edge): Promise<number> {
  const { openSession } = await import("../session.ts");
  const { runbookOf, typedParams, withWritableJournal } = await import("../journal_session.ts");
  const { uploadFiles } = await import("../../workflows/upload_files.ts");
  const { selectModalities } = await import("../../workflows/site_root.ts");
  const { hasUploadFailures } = await import("../../workflows/upload_summary.ts");
  const { uploadReport } = await import("../../report/upload_report.ts");
  const { ReceiptFile } = await import("../../transfer/receipt.ts");
  const { requireVersion } = await import("../../workflows/require_version.ts");

  const maxRate = flags.maxRate === undefined ? undefined : await parseMaxRate(flags.maxRate);
  await using session = await openSession(command, edge);
  const { config, failures } = session;
  await using receipts = flags.receipts === undefined
    ? undefined
    : await ReceiptFile.open(flags.receipts);
  const summary = await withWritableJournal(
    session,
    edge,
    {
      command: "file upload",
      params: typedParams(command),
      readsSite: true,
      writesCentral: true,
      dryRun: flags.dryRun === true,
    },
    (journal) => {
      requireVersion(journal, flags.version);
      return uploadFiles(journal, config, {
        modalities: selectModalities(config, flags.modalities),
        version: flags.version,
        maxNumFiles: flags.maxNumFiles,
        maxRate,
        receipts,
        dryRun: flags.dryRun === true,
        checkedBy: `${edge.user()}@${edge.host()}`,
        openStore: session.openStore,
        now: edge.now,
        signal: edge.signal,
        emit: session.emit,
      });
    },
    flags,
  );
  session.pause();
  if (session.json) session.json.end({ upload: summary, failures: failures.summary() });
  else {
    edge.terminal.out(
      uploadReport(
        summary,
        failures,
        config.central.path,
        edge.terminal.columns,
        runbookOf(session),
      ),
    );
  }
  if (summary.interrupted) edge.signal.throwIfAborted();
  return hasUploadFailures(summary) ? 1 : 0;
}

/** The rate limit of the command line, undefined for `off`. */
async function parseMaxRate(text: string) {
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { parseRate, RATE_FORM } = await import("../../config/rate_timetable.ts");
  try {
    return parseRate(text) ?? "unlimited" as const;
  } catch (cause) {
    throw new ChorusError("usage", `--max-rate can't be "${text}".`, {
      remedy: `Give ${RATE_FORM}.`,
      cause,
    });
  }
}
