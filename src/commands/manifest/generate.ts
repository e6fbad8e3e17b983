import { type Command, Option } from "@commander-js/extra-typings";
import type { Site } from "../../config/config.ts";
import type { Journal } from "../../journal/journal.ts";
import { type Grouping, GROUPINGS } from "../../manifest/grouping.ts";
import { SESSION_RULES, type SessionRule } from "../../manifest/sessions.ts";
import type { Edge } from "../edge.ts";
import { leaf, type Outcome } from "../leaf.ts";
import type { Session } from "../session.ts";
import type { ManifestSession } from "./manifest_session.ts";

interface GenerateFlags {
  output: string;
  fromJournal?: true;
  path?: string;
  pattern?: string;
  grouping?: Grouping;
  sessions?: SessionRule;
  mapping?: string;
  visits?: string;
  journal?: string;
  dryRun?: true;
  yes?: true;
}

/** `manifest generate`: makes a manifest of the waveform files, or brings it up to date. */
export function generateCommand(edge: Edge, outcome: Outcome): Command {
  const command = leaf("generate", "make or update a manifest of the waveform files", [
    "-c config.toml manifest generate",
    "-c config.toml manifest generate --grouping folder --sessions visits",
    "-c config.toml manifest generate --grouping mapping --sessions mapping --mapping map.csv",
    "manifest generate --path /data/waveforms --output waveforms.db",
  ])
    .option("--output <file>", "the manifest, an SQLite file", "manifest.db")
    .option("--from-journal", "take the files that the journal knows; hash nothing (default)")
    .option("--path <dir>", "walk this folder instead; hash only what nobody knows yet")
    .option("--pattern <pattern>", "which files below --path (default: as configured, else all)")
    .addOption(
      new Option("--grouping <how>", "files to records: file (default), folder or mapping")
        .choices(GROUPINGS),
    )
    .addOption(
      new Option("--sessions <how>", "records to sessions: record (default), visits or mapping")
        .choices(SESSION_RULES),
    )
    .option("--mapping <file>", "CSV with the columns file, person, session, record, start")
    .option("--visits <file>", "OMOP visit_occurrence CSV (default: the site's own)")
    .option("--journal <file>", "read this journal file")
    .option("--dry-run", "find out, but leave the manifest as it is")
    .option("--yes", "take files for gone without asking, however many")
    .action(async (flags) => {
      outcome.exitCode = await generate(command as unknown as Command, flags, edge);
    }) as unknown as Command;
  return command;
}

async function generate(command: Command, flags: GenerateFlags, edge: Edge): Promise<number> {
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { openManifestSession } = await import("./manifest_session.ts");
  const { generateFailed, generateManifest } = await import(
    "../../workflows/manifest_generate.ts"
  );
  const { generateReport } = await import("../../report/manifest_report.ts");
  const { confirmed } = await import("../../report/questions.ts");
  const { formatCount } = await import("../../report/format.ts");

  if (flags.path !== undefined && flags.fromJournal) {
    throw new ChorusError("usage", "--from-journal and --path exclude each other.", {
      remedy: "With --path, the journal still tells what need not be hashed.",
    });
  }
  if (flags.path === undefined && flags.pattern !== undefined) {
    throw new ChorusError("usage", "--pattern is about the files below --path.", {
      remedy: "Without --path, the pattern is the configured one.",
    });
  }
  await using session = await openManifestSession(
    command,
    edge,
    flags.output,
    flags.path === undefined ? "required" : "optional",
  );
  const { site, emit } = session;
  const place = flags.path === undefined ? undefined : await sitePath(flags, flags.path, site);
  await using opened = await openJournalOf(session, flags, place, edge);
  const dryRun = flags.dryRun === true;
  const summary = await generateManifest({
    output: flags.output,
    config: site?.config,
    journal: opened.journal,
    path: place && {
      site: place,
      openStore: (wanted) => {
        if (site !== undefined) return site.openStore(wanted);
        throw new ChorusError("usage", `"${wanted.path}" needs a configuration.`, {
          remedy: "Give one with -c.",
        });
      },
    },
    grouping: flags.grouping,
    sessions: flags.sessions,
    mapping: flags.mapping,
    visits: flags.visits,
    confirmGone: ({ active, gone }) => {
      session.pause();
      const question = `${formatCount(gone)} of ${formatCount(active)} waveform files of the ` +
        "manifest are not there any more.";
      const yes = flags.yes === true || dryRun;
      if (!yes && !edge.terminal.interactive) {
        emit({ kind: "warning", message: `${question} If they are really gone, say --yes.` });
        return Promise.resolve(false);
      }
      return confirmed(edge.terminal, `${question} Take them for gone?`, { yes });
    },
    dryRun,
    now: edge.now,
    signal: edge.signal,
    emit,
  });
  session.pause();
  const { failures, json } = session;
  if (json) {
    json.end({ journal: opened.origin, manifest: summary, failures: failures.summary() });
  } else {
    edge.terminal.out(
      (opened.origin === undefined ? "" : `${opened.origin}\n\n`) +
        generateReport(summary, failures, edge.terminal.columns, session.program),
    );
  }
  return generateFailed(summary) ? 1 : 0;
}

/** The folder given with `--path`, in the place of the configured one. */
async function sitePath(
  flags: GenerateFlags,
  path: string,
  session: Session | undefined,
): Promise<Site> {
  const { WAVEFORMS } = await import("../../workflows/manifest_generate.ts");
  const { compilePattern } = await import("../../layout/pattern.ts");
  const configured = session?.config.sites.find((each) => each.modality === WAVEFORMS);
  // A pattern that is none is told of before anything is opened.
  if (flags.pattern !== undefined) compilePattern(flags.pattern);
  return {
    modality: WAVEFORMS,
    path,
    auth: configured?.path === path ? configured.auth : {},
    pattern: flags.pattern ?? configured?.pattern ?? "{filepath}",
    exclude: configured?.exclude ?? [],
    followLinks: configured?.followLinks ?? "inside",
  };
}

interface OpenedJournal extends AsyncDisposable {
  journal: Journal | undefined;
  origin: string | undefined;
}

/**
 * The journal: required without `--path`. In a walk it is used for the very
 * folder that it is about, or when it is named.
 */
async function openJournalOf(
  session: ManifestSession,
  flags: GenerateFlags,
  place: Site | undefined,
  edge: Edge,
): Promise<OpenedJournal> {
  const { isChorusError } = await import("../../errors/chorus_error.ts");
  const none = { journal: undefined, origin: undefined, [Symbol.asyncDispose]: async () => {} };
  if (session.site === undefined) {
    if (flags.journal === undefined) return none;
    const { openJournal } = await import("../../journal/open_journal.ts");
    const journal = openJournal(flags.journal, { access: "read", signal: edge.signal });
    return {
      journal,
      origin: `Journal file ${flags.journal}`,
      [Symbol.asyncDispose]: () => Promise.resolve(journal[Symbol.dispose]()),
    };
  }
  if (
    place !== undefined && flags.journal === undefined && !await isJournaled(place, session.site)
  ) {
    session.emit({
      kind: "notice",
      message: "the folder is not the one that the journal is about; the journal is not used",
    });
    return none;
  }
  const { openForReading } = await import("../journal_session.ts");
  try {
    const readable = await openForReading(session.site, edge, { file: flags.journal });
    return {
      journal: readable.journal,
      origin: readable.origin,
      [Symbol.asyncDispose]: () => readable[Symbol.asyncDispose](),
    };
  } catch (error) {
    const optional = place !== undefined && flags.journal === undefined;
    if (!optional || !isChorusError(error, "not_found")) throw error;
    return none;
  }
}

/** True when a folder is the one whose waveforms are journaled. */
async function isJournaled(place: Site, session: Session): Promise<boolean> {
  const { absoluteRoot, pathSyntax, rootKey } = await import("../../layout/local_path.ts");
  const { parseLocation } = await import("../../storage/location.ts");
  const configured = session.config.sites.find((each) => each.modality === place.modality);
  if (configured === undefined) return false;
  const syntax = pathSyntax(Deno.build.os);
  const key = (path: string) => {
    const location = parseLocation(path);
    return "path" in location
      ? rootKey(absoluteRoot(location.path, Deno.cwd(), syntax), syntax)
      : path;
  };
  return key(configured.path) === key(place.path);
}
