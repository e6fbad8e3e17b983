import type { Config } from "../config/config.ts";
import type { Journal } from "../journal/journal.ts";
import type { Store } from "../storage/store.ts";
import { type Conflict, findConflicts } from "../transfer/find_conflicts.ts";
import { type Planned, type PlanRules, planTransfers } from "../transfer/plan.ts";
import { centralLayouts } from "./central_layouts.ts";

/** Which rows are to be sent. */
export interface UploadSelection {
  modalities: readonly string[];
  /** One submission version only. */
  version?: string;
}

/** What is to be sent, counted before anything is read. */
export interface UploadTotals {
  files: number;
  bytes: number;
  /** Versions with unsent files, oldest first. */
  versions: string[];
}

/** Counts the unsent active rows of a selection: one pass over the journal. */
export function countUnsent(journal: Journal, selection: UploadSelection): UploadTotals {
  const totals: UploadTotals = { files: 0, bytes: 0, versions: [] };
  for (const each of journal.summary(selection)) {
    if (each.toUpload === 0) continue;
    totals.files += each.toUpload;
    totals.bytes += each.toUploadBytes;
    totals.versions.push(each.version);
  }
  return totals;
}

/**
 * Every active row of these versions that shares its central path with another:
 * none of them may be sent.
 */
export function conflictsOf(
  journal: Journal,
  config: Config,
  versions: readonly string[],
  signal: AbortSignal,
): Conflict[] {
  const layouts = centralLayouts(config);
  return versions.flatMap((version) =>
    findConflicts({
      folders: () => journal.folders({ version }),
      rows: () => journal.rows({ version, active: true }, { pageSize: PAGE_ROWS }),
    }, { version, layouts, signal })
  );
}

const PAGE_ROWS = 1_000;

/**
 * Pages of unsent rows with where each goes, or why it can't go anywhere.
 *
 * @param central for the limits of names and sizes
 * @param conflicts as {@linkcode conflictsOf} found them
 */
export function* planPages(
  journal: Journal,
  config: Config,
  selection: UploadSelection,
  central: Pick<Store, "limits" | "multipart" | "keyProblem">,
  conflicts: readonly Conflict[],
): Generator<Planned[], void, undefined> {
  const rules: PlanRules = {
    layouts: centralLayouts(config),
    limits: central.limits,
    multipart: central.multipart,
    conflicts: new Map(conflicts.map(({ fileId, reason }) => [fileId, reason])),
    keyProblem: (key) => central.keyProblem(key),
    activeRows: (version, modality, folder, names) =>
      journal.activeInVersion(version, modality, folder, names),
  };
  const pages = journal.rows(
    { ...selection, active: true, uploaded: false },
    { pageSize: PAGE_ROWS },
  );
  for (const page of pages) yield planTransfers(page, rules);
}
