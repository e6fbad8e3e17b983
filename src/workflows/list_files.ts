import type { Config } from "../config/config.ts";
import { isChorusError } from "../errors/chorus_error.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalRow } from "../journal/journal_row.ts";
import type { CentralLayout } from "../layout/central_path.ts";
import { joinJournalPath } from "../layout/local_path.ts";
import { centralKeyOf } from "../transfer/plan.ts";
import { centralLayouts } from "./central_layouts.ts";

/** One file that would be, or is, uploaded. */
export interface ListedFile {
  version: string;
  modality: string;
  /** Relative to the modality's root, as in the journal. */
  path: string;
  /** Where it goes, relative to the central location; undefined when it can't go anywhere. */
  centralPath: string | undefined;
  /** Bytes. */
  size: number;
  md5: string;
  /** `YYYYMMDDHHMMSS` UTC. */
  uploaded: string | null;
}

/** Counts by version and modality, in order of appearance. */
export interface ListedTotals {
  groups: { version: string; modality: string; files: number; bytes: number }[];
  files: number;
  bytes: number;
  /** Files that were given to `each`; fewer than `files` when `maxNumFiles` cut the list. */
  listed: number;
}

export interface ListOptions {
  version?: string;
  modalities: readonly string[];
  /** Those with an upload stamp instead of those without. */
  uploaded: boolean;
  maxNumFiles?: number;
  signal: AbortSignal;
  each: (file: ListedFile) => void;
}

/** Goes through the active rows that are, or are not, uploaded, page by page. */
export function listFiles(journal: Journal, config: Config, options: ListOptions): ListedTotals {
  const { version, modalities, uploaded } = options;
  const layouts = centralLayouts(config);
  const most = options.maxNumFiles ?? Infinity;
  const groups = new Map<string, ListedTotals["groups"][number]>();
  const totals: ListedTotals = { groups: [], files: 0, bytes: 0, listed: 0 };
  for (const page of journal.rows({ version, modalities, active: true, uploaded })) {
    options.signal.throwIfAborted();
    for (const row of page) {
      const key = `${row.version}\0${row.modality}`;
      let group = groups.get(key);
      if (group === undefined) {
        group = { version: row.version, modality: row.modality, files: 0, bytes: 0 };
        groups.set(key, group);
        totals.groups.push(group);
      }
      group.files++;
      group.bytes += row.size;
      totals.files++;
      totals.bytes += row.size;
      if (totals.listed >= most) continue;
      totals.listed++;
      options.each(listed(row, layouts));
    }
  }
  return totals;
}

function listed(row: JournalRow, layouts: ReadonlyMap<string, CentralLayout>): ListedFile {
  const path = joinJournalPath(row.folder, row.name);
  return {
    version: row.version,
    modality: row.modality,
    path,
    centralPath: centralPathOf(path, row, layouts),
    size: row.size,
    md5: row.md5,
    uploaded: row.uploaded,
  };
}

function centralPathOf(
  path: string,
  row: JournalRow,
  layouts: ReadonlyMap<string, CentralLayout>,
): string | undefined {
  const layout = layouts.get(row.modality);
  if (layout === undefined) return undefined;
  try {
    return centralKeyOf(path, row.version, layout);
  } catch (error) {
    if (isChorusError(error)) return undefined;
    throw error;
  }
}
