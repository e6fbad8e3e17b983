import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { leaf, type Outcome } from "../leaf.ts";

/** `manifest check`: whether a manifest agrees with itself. */
export function checkCommand(edge: Edge, outcome: Outcome): Command {
  const command = leaf("check", "check that a manifest agrees with itself", [
    "manifest check",
    "manifest check --manifest waveforms.db --json",
  ])
    .option("--manifest <file>", "the manifest", "manifest.db")
    .action(async (flags) => {
      outcome.exitCode = await check(command as unknown as Command, flags.manifest, edge);
    }) as unknown as Command;
  return command;
}

async function check(command: Command, path: string, edge: Edge): Promise<number> {
  const { openManifestSession } = await import("./manifest_session.ts");
  const { openManifest } = await import("../../manifest/manifest.ts");
  const { checkManifest, RULE_COUNT } = await import("../../manifest/check_manifest.ts");
  const { manifestTotals } = await import("../../manifest/query_manifest.ts");
  const { checkReport, problemLine } = await import("../../report/manifest_report.ts");
  await using session = await openManifestSession(command, edge, path, "none");
  using manifest = openManifest(path);
  const { json } = session;
  json?.beginList("problems");
  let problems = 0;
  for (const problem of checkManifest(manifest.connection)) {
    edge.signal.throwIfAborted();
    problems++;
    if (json) json.item(problem);
    else edge.terminal.out(problemLine(problem));
  }
  const totals = manifestTotals(manifest.connection);
  if (json) json.end({ count: problems, rules: RULE_COUNT, totals });
  else edge.terminal.out(checkReport(problems, RULE_COUNT, totals));
  return problems === 0 ? 0 : 1;
}
