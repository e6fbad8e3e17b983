import { type Command, InvalidArgumentError } from "@commander-js/extra-typings";
import type { Verified } from "../../verify/verified.ts";
import type { Edge } from "../edge.ts";
import { acting, leaf, type Outcome, parseNames } from "../leaf.ts";

interface VerifyFlags {
  version?: string;
  all?: true;
  modalities?: string[];
  deep?: true;
  resume?: true;
  sample?: number;
  strict?: true;
  combined?: string;
  journal?: string;
}

/** How many unknown objects the report shows. */
const EXAMPLES = 20;

/** `file verify`: compares the central store with the journal. */
export function verifyCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("verify", "compare the central store with the journal", [
      "-c config.toml file verify",
      "-c config.toml file verify --all --deep --sample 1%",
    ])
      .option("--version <version>", "this version (default: the newest with uploaded files)")
      .option("--all", "every version")
      .option("--modalities <names>", "only these, separated by commas", parseNames)
      .option("--deep", "download and hash the content")
      .option("--resume", "with --deep: leave out what was read and found equal before")
      .option("--sample <share>", "with --deep: read only a part, chosen at random: 1%", parseShare)
      .option("--strict", "unproven counts as a failure")
      .option("--combined <file>", "one line per file: = equal, * differs, - missing, + unknown, !")
      .option("--journal <file>", "read this journal file; nothing is recorded"),
    edge,
    outcome,
    verify,
  );
}

async function verify(command: Command, flags: VerifyFlags, edge: Edge): Promise<number> {
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { openSession } = await import("../session.ts");
  const { openForChecking, runbookOf } = await import("../journal_session.ts");
  const { verifyFiles } = await import("../../workflows/verify_files.ts");
  const { selectModalities } = await import("../../workflows/site_root.ts");
  const { combinedSign } = await import("../../verify/verified.ts");
  const { verifyReport } = await import("../../report/verify_report.ts");
  const { CombinedOutput } = await import("../../report/combined_output.ts");

  if (flags.version !== undefined && flags.all) {
    throw new ChorusError("usage", "--version and --all exclude each other.");
  }
  if (!flags.deep && (flags.resume || flags.sample !== undefined)) {
    throw new ChorusError("usage", "--resume and --sample go with --deep.");
  }
  await using session = await openSession(command, edge);
  const { config, failures } = session;
  await using opened = await openForChecking(session, edge, { file: flags.journal });
  using combined = flags.combined === undefined ? undefined : new CombinedOutput(flags.combined);
  const unknown = { count: 0, examples: [] as string[] };
  if (!opened.record && flags.deep) {
    session.emit({
      kind: "notice",
      message: "the journal is not checked out here: results are not remembered in it",
    });
  }
  session.json?.beginList("files");
  const each = (item: Verified) => {
    const sign = combinedSign(item);
    combined?.line(sign, item.centralKey);
    if (item.kind === "unknown") {
      unknown.count++;
      if (unknown.examples.length < EXAMPLES) unknown.examples.push(item.centralKey);
    }
    if (sign !== "=") session.json?.item({ sign, ...item });
  };
  const strict = flags.strict === true;
  const summary = await verifyFiles(opened.journal, config, {
    version: flags.version,
    all: flags.all === true,
    modalities: selectModalities(config, flags.modalities),
    deep: flags.deep === true,
    resume: flags.resume === true,
    share: flags.sample ?? 1,
    strict,
    record: opened.record,
    checkedBy: `${edge.user()}@${edge.host()}`,
    openStore: session.openStore,
    each,
    now: edge.now,
    signal: edge.signal,
    emit: session.emit,
  });
  session.pause();
  if (session.json) session.json.end({ verify: summary, failures: failures.summary() });
  else {
    edge.terminal.out(
      verifyReport(summary, failures, unknown, {
        central: config.central.path,
        columns: edge.terminal.columns,
        runbook: runbookOf(session),
        strict,
      }),
    );
  }
  if (summary.interrupted) edge.signal.throwIfAborted();
  return summary.tally.failed(strict) ? 1 : 0;
}

/** `1%` or `0.01`. */
function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  const share = match === null ? NaN : Number(match[1]) / (match[2] === "%" ? 100 : 1);
  if (!(share > 0 && share <= 1)) {
    throw new InvalidArgumentError("Give a part such as 1% or 0.01.");
  }
  return share;
}
