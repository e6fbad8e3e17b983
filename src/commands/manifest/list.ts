import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { leaf, type Outcome } from "../leaf.ts";

interface ListFlags {
  manifest: string;
  person?: string;
  active?: true;
  unfit?: true;
}

/** `manifest list`: the registry, or what has no place in it. */
export function listCommand(edge: Edge, outcome: Outcome): Command {
  const command = leaf("list", "the waveform records of a manifest", [
    "manifest list",
    "manifest list --person 00123 --active",
    "manifest list --unfit",
  ])
    .option("--manifest <file>", "the manifest", "manifest.db")
    .option("--person <id>", "only this person's records")
    .option("--active", "only records that have files")
    .option("--unfit", "files without a record and records without a session, instead")
    .action(async (flags) => {
      outcome.exitCode = await list(command as unknown as Command, flags, edge);
    }) as unknown as Command;
  return command;
}

async function list(command: Command, flags: ListFlags, edge: Edge): Promise<number> {
  const { openManifestSession } = await import("./manifest_session.ts");
  const { openManifest } = await import("../../manifest/manifest.ts");
  const { manifestTotals, registryRows, unassignedRecords, unfitFiles } = await import(
    "../../manifest/query_manifest.ts"
  );
  const { registryTable, totalsReport, unassignedLine, unfitLine } = await import(
    "../../report/manifest_report.ts"
  );
  await using session = await openManifestSession(command, edge, flags.manifest, "none");
  using manifest = openManifest(flags.manifest);
  const { connection } = manifest;
  const { json } = session;
  const { terminal } = edge;
  if (flags.unfit) {
    json?.beginList("unfit");
    for (const file of unfitFiles(connection)) {
      edge.signal.throwIfAborted();
      if (json) json.item(file);
      else terminal.out(unfitLine(file));
    }
    for (const record of unassignedRecords(connection)) {
      edge.signal.throwIfAborted();
      if (flags.person !== undefined && record.personId !== flags.person) continue;
      if (json) json.item(record);
      else terminal.out(unassignedLine(record));
    }
    json?.end({ totals: manifestTotals(connection, flags.person) });
    return 0;
  }
  json?.beginList("registry");
  let pages = 0;
  const filter = { personId: flags.person, active: flags.active };
  for (const page of registryRows(connection, filter)) {
    edge.signal.throwIfAborted();
    if (json) page.forEach((row) => json.item(row));
    else terminal.out((pages++ > 0 ? "\n" : "") + registryTable(page, terminal.columns));
  }
  const totals = manifestTotals(connection, flags.person);
  if (json) json.end({ totals });
  else terminal.out(totalsReport(totals, terminal.columns).replace(pages > 0 ? "" : /^\n/, ""));
  return 0;
}
