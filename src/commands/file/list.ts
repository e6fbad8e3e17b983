import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome, parseCount, parseNames } from "../leaf.ts";

interface ListFlags {
  version?: string;
  modalities?: string[];
  uploaded?: true;
  maxNumFiles?: number;
  outputFile?: string;
  outputType?: string;
  journal?: string;
}

/** `file list`: what would be uploaded. */
export function listCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("list", "what would be uploaded, by version and modality", [
      "-c config.toml file list",
      "-c config.toml file list --modalities Images --output-file images.txt",
    ])
      .option("--version <version>", "only files of this submission version")
      .option("--modalities <names>", "only these, separated by commas", parseNames)
      .option("--uploaded", "what is uploaded already, instead")
      .option("--max-num-files <n>", "list this many files at most", parseCount)
      .option("--output-file <file>", "write the list there, one path per line")
      .option("--output-type <type>", "list (scripts follow in a later release)")
      .option("--journal <file>", "read this journal file"),
    edge,
    outcome,
    list,
  );
}

async function list(command: Command, flags: ListFlags, edge: Edge): Promise<number> {
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { openSession } = await import("../session.ts");
  const { openForReading, runbookOf } = await import("../journal_session.ts");
  const { requireVersion } = await import("../../workflows/require_version.ts");
  const { listFiles } = await import("../../workflows/list_files.ts");
  const { selectModalities } = await import("../../workflows/site_root.ts");
  const { FileListOutput } = await import("../../report/file_list_output.ts");

  await using session = await openSession(command, edge);
  const { config } = session;
  const type = flags.outputType ??
    (flags.outputFile === undefined ? "list" : config.fileListOutputType);
  if (type !== "list") {
    throw new ChorusError("usage", `The output type "${type}" is not there yet.`, {
      remedy: "Say --output-type list.",
    });
  }
  await using readable = await openForReading(session, edge, { file: flags.journal });
  requireVersion(readable.journal, flags.version);
  using output = new FileListOutput(edge.terminal, {
    file: flags.outputFile,
    json: session.json,
  });
  if (session.json === undefined) output.headline(readable.origin);
  const totals = listFiles(readable.journal, config, {
    version: flags.version,
    modalities: selectModalities(config, flags.modalities),
    uploaded: flags.uploaded === true,
    maxNumFiles: flags.maxNumFiles,
    signal: edge.signal,
    each: (file) => output.file(file),
  });
  session.pause();
  output.end(totals, { uploaded: flags.uploaded === true, runbook: runbookOf(session) });
  return 0;
}
