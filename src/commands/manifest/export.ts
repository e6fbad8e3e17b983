import { type Command, Option } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { leaf, type Outcome } from "../leaf.ts";

interface ExportFlags {
  manifest: string;
  format: "csv";
  output: string;
  overwrite?: true;
}

/** `manifest export`: the tables as files. */
export function exportCommand(edge: Edge, outcome: Outcome): Command {
  const command = leaf("export", "write a manifest's tables as CSV files", [
    "manifest export --format csv",
    "manifest export --format csv --output /shared/waveforms --overwrite",
  ])
    .option("--manifest <file>", "the manifest", "manifest.db")
    .addOption(
      new Option("--format <format>", "of the files").choices(["csv"] as const).default(
        "csv" as const,
      ),
    )
    .option("--output <dir>", "folder for the files", "manifest_export")
    .option("--overwrite", "replace files that are there")
    .action(async (flags) => {
      outcome.exitCode = await exportTables(command as unknown as Command, flags, edge);
    }) as unknown as Command;
  return command;
}

async function exportTables(command: Command, flags: ExportFlags, edge: Edge): Promise<number> {
  const { openManifestSession } = await import("./manifest_session.ts");
  const { openManifest } = await import("../../manifest/manifest.ts");
  const { exportCsv } = await import("../../manifest/export_csv.ts");
  const { exportReport } = await import("../../report/manifest_report.ts");
  await using session = await openManifestSession(command, edge, flags.manifest, "none");
  using manifest = openManifest(flags.manifest);
  const files = exportCsv(manifest.connection, {
    output: flags.output,
    overwrite: flags.overwrite === true,
    signal: edge.signal,
  });
  if (session.json) session.json.end({ files });
  else edge.terminal.out(exportReport(files, edge.terminal.columns));
  return 0;
}
