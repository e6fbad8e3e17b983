import type { Config, Place } from "../config/config.ts";
import { ChorusError, isCancellation } from "../errors/chorus_error.ts";
import { HashPool } from "../hash/hash_pool.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalChange } from "../journal/journal_row.ts";
import { Profile } from "../journal/profile.ts";
import type { SeenRows } from "../journal/seen_rows.ts";
import { checkVersion, newVersion } from "../layout/version.ts";
import type { Store } from "../storage/store.ts";
import { ChangePages } from "./change_pages.ts";
import { profileChanges } from "./profile_changes.ts";
import { type SiteRoot, siteRoots } from "./site_root.ts";
import { updateRoot } from "./update_root.ts";
import { type ModalityUpdate, noUpdate, type UpdateSummary } from "./update_summary.ts";
import type { Emit } from "./workflow_event.ts";

/** What the person is asked before many rows are declared gone. */
export interface DeletionQuestion {
  modality: string;
  /** Active rows before. */
  active: number;
  /** Rows whose file was not found. */
  gone: number;
}

/** How to update. */
export interface UpdateOptions {
  /** Canonical names. */
  modalities: readonly string[];
  /** Submission version to create, or to amend when it exists. */
  version?: string;
  /** Amend the newest version. */
  amend?: boolean;
  /** Find out and hash, but write nothing. */
  dryRun: boolean;
  /** Asked in `full` mode where nothing was found or more than half would go. */
  confirmDeletion: (question: DeletionQuestion) => Promise<boolean>;
  openStore: (place: Place) => Promise<Store>;
  now: () => Date;
  signal: AbortSignal;
  emit: Emit;
}

/**
 * Brings the journal up to date with the site, by the rules of
 * `journal/change_rules.ts`: one walk per root, a page of changes per
 * transaction. A file that can't be journaled is emitted and counted, the rest
 * goes on. An interrupted update is finished by the next one.
 *
 * @param journal open for writing (for reading with `dryRun`)
 * @returns what was done; `interrupted` when the signal ended it early
 * @throws ChorusError `usage` for a version that can't be one, or `amend` without a version;
 *   whatever ends the run: a full disk, a damaged journal, a root that is not there
 */
export async function updateJournal(
  journal: Journal,
  config: Config,
  options: UpdateOptions,
): Promise<UpdateSummary> {
  const { signal, emit, dryRun } = options;
  const began = performance.now();
  const startedUs = options.now().getTime() * 1000;
  const version = versionOf(journal, options);
  const summary = emptySummary(journal, version, options);
  if (!dryRun) journal.setPendingVersion(version);

  const counts = new Map(summary.modalities.map((each) => [each.modality, each]));
  const seen = journal.trackSeenRows();
  const activeBefore = journal.activeCounts();
  using profile = config.profiling && !dryRun ? new Profile(journal.path) : undefined;
  const pages = new ChangePages(config.pageSize, (changes: readonly JournalChange[]) => {
    if (dryRun) return;
    const started = performance.now();
    const { fileIds } = journal.writePage(changes, startedUs);
    if (profile !== undefined) profileChanges(profile, changes, fileIds);
    summary.time.journal += (performance.now() - started) / 1000;
  });
  const progress = { files: 0, bytes: 0 };
  const onBytes = (bytes: number) => {
    progress.bytes += bytes;
    emit({ kind: "progress", stage: "scan", ...progress });
  };
  emit({ kind: "stage", stage: "scan" });
  await using pool = new HashPool({ workers: config.numThreads, onBytes });
  try {
    const roots = await siteRoots(config, options.modalities, options.openStore, {
      pool,
      onBytes,
    });
    for (const root of roots) {
      const incomplete = await updateRoot({
        root,
        journal,
        activeBefore,
        version,
        startedUs,
        mtimeToleranceUs: config.mtimeToleranceUs,
        minAgeMs: config.minAgeMs,
        now: options.now,
        signal,
        emit: counting(emit, summary),
        change: (change) => pages.add(change),
        seen,
        counts,
        unmatched: summary.unmatched,
        time: summary.time,
        progress,
      });
      pages.flush();
      if (config.journal.mode === "full") {
        await deleteGone(journal, root, {
          seen,
          activeBefore,
          incomplete,
          counts,
          summary,
          options,
          pages,
        });
      }
    }
    pages.flush();
    if (!dryRun) journal.clearPendingVersion();
    summary.unsent = hasUnsent(journal, options.modalities);
  } catch (error) {
    if (!signal.aborted && !isCancellation(error)) {
      keepWhatIsHashed(pages);
      throw error;
    }
    pages.flush();
    summary.interrupted = true;
  }
  summary.time.hashing = pool.times.hashing;
  summary.time.reading += pool.times.reading;
  summary.time.total = (performance.now() - began) / 1000;
  return summary;
}

/** Writes what is concluded already, where the journal itself still can. */
function keepWhatIsHashed(pages: ChangePages): void {
  try {
    pages.flush();
  } catch {
    // The first error says why; the next update hashes these files again.
  }
}

/** The version that new rows go under. */
function versionOf(journal: Journal, options: UpdateOptions): string {
  if (options.version !== undefined) return checkVersion(options.version);
  if (options.amend) {
    const newest = journal.newestVersion();
    if (newest !== undefined) return newest.version;
    throw new ChorusError("usage", "The journal has no version yet that could be amended.", {
      remedy: "Leave --amend away: the first update makes the first version.",
    });
  }
  const pending = journal.pendingVersion();
  if (pending === undefined) return newVersion(options.now());
  options.emit({
    kind: "notice",
    message: `going on with version ${pending}, whose update did not finish`,
  });
  return pending;
}

function emptySummary(journal: Journal, version: string, options: UpdateOptions): UpdateSummary {
  return {
    version,
    amended: journal.versions().some((each) => each.version === version),
    dryRun: options.dryRun,
    modalities: options.modalities.map(noUpdate),
    unmatched: { files: 0, skippedFolders: 0, folders: 0, examples: [] },
    deletionsSkipped: [],
    scanProblems: 0,
    time: { total: 0, reading: 0, hashing: 0, journal: 0, waiting: 0 },
    interrupted: false,
    unsent: false,
  };
}

/** True when something is to be uploaded, from this update or an earlier one. */
function hasUnsent(journal: Journal, modalities: readonly string[]): boolean {
  const filter = { modalities: [...modalities], active: true, uploaded: false };
  return !journal.rows(filter, { pageSize: 1 }).next().done;
}

/** Counts the walk's own failures, which belong to no file of a modality. */
function counting(emit: Emit, summary: UpdateSummary): Emit {
  return (event) => {
    if (event.kind === "failure" && event.stage === "scan") summary.scanProblems++;
    emit(event);
  };
}

interface Deletion {
  seen: SeenRows;
  activeBefore: ReadonlyMap<string, number>;
  incomplete: ReadonlySet<string>;
  counts: ReadonlyMap<string, ModalityUpdate>;
  summary: UpdateSummary;
  options: UpdateOptions;
  pages: ChangePages;
}

/**
 * Declares rows gone whose file was not found, in `full` mode. An unmounted
 * share looks like an empty folder, so a modality of which nothing or less than
 * half is left needs a yes; one that was not read completely is left alone.
 */
async function deleteGone(journal: Journal, root: SiteRoot, deletion: Deletion): Promise<void> {
  const { seen, activeBefore, incomplete, counts, summary, options, pages } = deletion;
  for (const modality of root.modalities) {
    options.signal.throwIfAborted();
    let gone = 0;
    let overlooked = 0;
    for (const page of journal.unseenActive(modality, seen)) {
      options.signal.throwIfAborted();
      gone += page.length;
      const found = await Promise.all(
        page.map(({ folder, name }) => root.shouldHaveFound(modality, folder, name)),
      );
      overlooked += found.filter(Boolean).length;
    }
    if (gone === 0) continue;
    if (incomplete.has(modality) || overlooked > 0) {
      const reason = overlooked > 0
        ? `${overlooked} of them are there, but the walk did not find them`
        : "not everything could be read";
      summary.deletionsSkipped.push({ modality, reason, rows: gone });
      continue;
    }
    const active = activeBefore.get(modality) ?? 0;
    const found = counts.get(modality);
    const nothingFound = found !== undefined && filesFound(found) === 0;
    if (
      (nothingFound || gone * 2 > active) &&
      !await options.confirmDeletion({ modality, active, gone })
    ) {
      summary.deletionsSkipped.push({ modality, reason: "not confirmed", rows: gone });
      continue;
    }
    for (const page of journal.unseenActive(modality, seen)) {
      options.signal.throwIfAborted();
      for (const { fileId } of page) pages.add({ kind: "deleted", fileId });
    }
    pages.flush();
    if (found !== undefined) found.deleted += gone;
  }
}

function filesFound(counts: ModalityUpdate): number {
  return counts.added + counts.updated + counts.moved + counts.kept + counts.confirmed +
    counts.tooYoung + counts.failed;
}
