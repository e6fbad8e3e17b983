import { join } from "node:path";
import type { Config, Place, Site } from "../config/config.ts";
import { ChorusError } from "../errors/chorus_error.ts";
import { HashPool } from "../hash/hash_pool.ts";
import { DEFAULT_MTIME_TOLERANCE_US } from "../journal/change_rules.ts";
import type { Journal } from "../journal/journal.ts";
import { absoluteRoot, pathSyntax } from "../layout/local_path.ts";
import { applyRun, countGone, type RunCounts } from "../manifest/apply_run.ts";
import type { Grouping } from "../manifest/grouping.ts";
import { forgetOtherHashes } from "../manifest/known_hashes.ts";
import { type Manifest, openManifestCopy, openManifestForWriting } from "../manifest/manifest.ts";
import { loadMapping, unusedMappings } from "../manifest/mapping_file.ts";
import {
  type UnassignedRecord,
  unassignedRecords,
  type UnfitFile,
  unfitFiles,
} from "../manifest/query_manifest.ts";
import type { SessionRule } from "../manifest/sessions.ts";
import { Staging } from "../manifest/staging.ts";
import { type LoadedVisits, loadPersons, loadVisits } from "../manifest/visits_file.ts";
import { parseLocation } from "../storage/location.ts";
import type { Store } from "../storage/store.ts";
import { centralLayouts } from "./central_layouts.ts";
import { stageFromJournal, stageFromPath } from "./manifest_sources.ts";
import { siteRoots } from "./site_root.ts";
import type { Emit } from "./workflow_event.ts";

/** The modality that a manifest is about. */
export const WAVEFORMS = "Waveforms";

/** Files without a record, and records without a session, that a summary lists. */
const LISTED = 20;

/** What a manifest is to be made of, and how. */
export interface GenerateOptions {
  /** The manifest file; made when there is none. */
  output: string;
  /** Undefined only with `path`. */
  config: Config | undefined;
  /** What is known already; required without `path`. */
  journal: Journal | undefined;
  /** A walk instead of the journal. */
  path: { site: Site; openStore: (place: Place) => Promise<Store> } | undefined;
  /** Undefined: as in the run before, by file in the first one. */
  grouping: Grouping | undefined;
  /** Undefined: as in the run before, one per record in the first one. */
  sessions: SessionRule | undefined;
  /** The mapping file. */
  mapping: string | undefined;
  /** The OMOP visit table; looked for in the site's OMOP folder when undefined. */
  visits: string | undefined;
  /** Asked where nothing was found or, in a walk, less than half of the files were. */
  confirmGone: (question: { active: number; gone: number }) => Promise<boolean>;
  /** Find out, but leave the manifest as it is. */
  dryRun: boolean;
  now: () => Date;
  signal: AbortSignal;
  emit: Emit;
}

/** What a run did. */
export interface GenerateSummary {
  manifest: string;
  dryRun: boolean;
  source: "journal" | "path";
  grouping: Grouping;
  sessions: SessionRule;
  /** The run's one stamp, microseconds since 1970 UTC. */
  stampUs: number;
  counts: RunCounts;
  /** Files that were looked at. */
  files: number;
  hashed: number;
  hashedBytes: number;
  failed: number;
  /** Files that were not found and left as they are, and why. */
  leftAlone: { files: number; reason: string } | undefined;
  visits: LoadedVisits | undefined;
  /** The first files without a record. */
  unfit: readonly UnfitFile[];
  /** The first records without a session. */
  unassigned: readonly UnassignedRecord[];
  /** Lines of the mapping file whose file was not found. */
  unusedMappings: { count: number; first: { file: string; line: number }[] } | undefined;
  seconds: number;
}

/** True when the run ends with exit code 1. */
export function generateFailed(summary: GenerateSummary): boolean {
  return summary.failed > 0 || summary.leftAlone !== undefined;
}

/**
 * Makes a manifest of the site's waveform files, or brings it up to date: what
 * is found goes into staging tables, then one transaction compares and applies.
 * A run that ends early, in whatever way, leaves the manifest as it was, but
 * keeps the digests it took.
 *
 * @throws ChorusError `usage` for a grouping other than the manifest's, and for tables that can't
 *   be used; `locked` when another process writes the manifest
 */
export async function generateManifest(options: GenerateOptions): Promise<GenerateSummary> {
  const { signal, emit, dryRun, config, journal } = options;
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const startedUs = options.now().getTime() * 1000;
  emit({ kind: "stage", stage: "manifest" });
  await using manifest = dryRun
    ? await openManifestCopy(options.output)
    : closedLater(openManifestForWriting(options.output));
  const last = manifest.lastRun();
  const grouping = groupingOf(options, last?.grouping);
  const sessions = options.sessions ?? last?.sessions ?? "record";
  const mapped = grouping === "mapping" || sessions === "mapping";
  if (mapped !== (options.mapping !== undefined)) throw mappingError(mapped);
  const { connection } = manifest;
  const staging = new Staging(connection);
  if (options.mapping !== undefined) await loadMapping(connection, options.mapping, signal);
  const visits = sessions === "visits" ? await loadOmop(manifest, options) : undefined;

  const layout = config && centralLayouts(config).get(WAVEFORMS);
  const site = options.path?.site ?? config?.sites.find((each) => each.modality === WAVEFORMS);
  const context = {
    manifest,
    staging,
    grouping,
    mapped,
    site,
    layout,
    journal,
    modality: WAVEFORMS,
    signal,
    emit,
  };
  const result = options.path !== undefined
    ? await walk(options.path, context, options, startedUs)
    : stageFromJournal(context, required(journal));

  const { active, gone } = countGone(connection);
  const leftAlone = gone === 0
    ? undefined
    : !result.complete
    ? { files: gone, reason: "not everything could be read" }
    : isDoubtful(options, result.files, { active, gone }) &&
        !await options.confirmGone({ active, gone })
    ? { files: gone, reason: "not confirmed" }
    : undefined;
  signal.throwIfAborted();
  const source = options.path === undefined ? "journal" : "path";
  // Later than every stamp before, also where the machine's clock was set back.
  const stampUs = Math.max(startedUs, (last?.startedUs ?? 0) + 1);
  const counts = applyRun(connection, {
    stampUs,
    source,
    grouping,
    sessions,
    journalKnown: journal !== undefined,
    declareGone: result.complete && leftAlone === undefined,
    seconds,
  });
  if (source === "path" && result.complete) forgetOtherHashes(connection);
  const { files, hashed, hashedBytes, failed } = result;
  return {
    manifest: options.output,
    dryRun,
    source,
    grouping,
    sessions,
    stampUs,
    counts,
    files,
    hashed,
    hashedBytes,
    failed,
    leftAlone,
    visits,
    unfit: [...take(unfitFiles(connection), LISTED)],
    unassigned: [...take(unassignedRecords(connection), LISTED)],
    unusedMappings: mapped ? unusedMappings(connection) : undefined,
    seconds: seconds(),
  };
}

/**
 * An unmounted share looks like an empty folder, another site's journal like one
 * without these files. What a journal has declared gone was asked about there.
 */
function isDoubtful(
  { path }: GenerateOptions,
  files: number,
  { active, gone }: { active: number; gone: number },
): boolean {
  return files === 0 || gone === active || (path !== undefined && gone * 2 > active);
}

async function walk(
  path: NonNullable<GenerateOptions["path"]>,
  context: Parameters<typeof stageFromPath>[0],
  { config, dryRun, emit }: GenerateOptions,
  startedUs: number,
): ReturnType<typeof stageFromPath> {
  let files = 0;
  let bytes = 0;
  const onBytes = (more: number) => {
    bytes += more;
    emit({ kind: "progress", stage: "manifest", files, bytes });
  };
  await using pool = new HashPool({ workers: config?.numThreads, onBytes });
  const [root] = await siteRoots(
    { sites: [path.site], numThreads: config?.numThreads },
    [path.site.modality],
    path.openStore,
    { pool, onBytes },
  );
  const counting = {
    ...context,
    emit: ((event) => {
      if (event.kind === "progress") {
        files = event.files;
        emit({ ...event, bytes });
      } else emit(event);
    }) as Emit,
  };
  return await stageFromPath(counting, root, {
    mtimeToleranceUs: config?.mtimeToleranceUs ?? DEFAULT_MTIME_TOLERANCE_US,
    startedUs,
    remember: !dryRun,
  });
}

/** The grouping of the run; a manifest keeps the one that it began with, or ids would change. */
function groupingOf({ grouping, output }: GenerateOptions, before: Grouping | undefined): Grouping {
  if (before !== undefined && grouping !== undefined && grouping !== before) {
    throw new ChorusError(
      "usage",
      `The manifest "${output}" groups files by ${before}, not by ${grouping}.`,
      {
        subject: output,
        remedy: `Leave --grouping away, or make another manifest with --output.`,
      },
    );
  }
  return grouping ?? before ?? "file";
}

function mappingError(mapped: boolean): ChorusError {
  return mapped
    ? new ChorusError("usage", "Grouping or sessions by a mapping need the mapping file.", {
      remedy: "Give it with --mapping FILE.",
    })
    : new ChorusError("usage", "--mapping is given, but nothing is taken from it.", {
      remedy: "Say what it is for: --grouping mapping, --sessions mapping, or both.",
    });
}

function required(journal: Journal | undefined): Journal {
  if (journal !== undefined) return journal;
  throw new ChorusError("usage", "A manifest is made from the journal or from a folder.", {
    remedy: "Give a configuration with -c, or a folder with --path.",
  });
}

/** Reads the visits, and the persons where there is such a table beside them. */
async function loadOmop(manifest: Manifest, options: GenerateOptions): Promise<LoadedVisits> {
  const { signal, emit } = options;
  const path = options.visits ?? await findVisits(options.config);
  const loaded = await loadVisits(manifest.connection, path, signal);
  const { count, first } = loaded.faults;
  if (count > 0) {
    emit({
      kind: "warning",
      message: `${path}: ${count} ${count === 1 ? "row" : "rows"} can't be used: ${
        first.join("; ")
      }${count > first.length ? "; …" : ""}`,
    });
  }
  const folder = join(path, "..");
  const persons = await nameIn(folder, "person.csv");
  if (persons !== undefined) {
    await loadPersons(manifest.connection, join(folder, persons), signal);
  }
  return loaded;
}

/** The site's own visit table, in the folder that the OMOP pattern begins with. */
async function findVisits(config: Config | undefined): Promise<string> {
  const site = config?.sites.find((each) => each.modality === "OMOP");
  const location = site && parseLocation(site.path);
  if (site !== undefined && location !== undefined && "path" in location) {
    let folder = absoluteRoot(location.path, Deno.cwd(), pathSyntax(Deno.build.os));
    let found = true;
    for (const part of site.pattern.split("/").slice(0, -1)) {
      const name = part.includes("{") ? undefined : await nameIn(folder, part);
      if (name === undefined) found = false;
      else folder = join(folder, name);
    }
    const name = found ? await nameIn(folder, "visit_occurrence.csv") : undefined;
    if (name !== undefined) return join(folder, name);
  }
  throw new ChorusError("usage", "The site's visit_occurrence.csv was not found.", {
    remedy: "Name it with --visits FILE.",
  });
}

/** How a name is really spelled in a folder, in whatever case; undefined when it isn't there. */
async function nameIn(folder: string, name: string): Promise<string | undefined> {
  try {
    const found: string[] = [];
    for await (const entry of Deno.readDir(folder)) {
      if (entry.name.toLowerCase() === name.toLowerCase()) found.push(entry.name);
    }
    return found.includes(name) ? name : found.sort()[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

function* take<T>(items: Iterable<T>, most: number): Generator<T> {
  let taken = 0;
  for (const item of items) {
    if (taken++ >= most) return;
    yield item;
  }
}

function closedLater(manifest: Manifest): Manifest & AsyncDisposable {
  return Object.assign(manifest, {
    [Symbol.asyncDispose]: () => Promise.resolve(manifest[Symbol.dispose]()),
  });
}
