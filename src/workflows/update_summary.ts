/** What an update did, by modality. */

/** Counts of one modality. Files, except where said. */
export interface ModalityUpdate {
  modality: string;
  /** Not in the journal before. */
  added: number;
  /** Other content than the journal had. */
  updated: number;
  /** Same content, other time; needs no new upload. */
  moved: number;
  /** In the journal, gone from the site (`full` mode only). */
  deleted: number;
  /** Unchanged, not even read. */
  kept: number;
  /** Hashed again because their time could not be trusted, and found unchanged. */
  confirmed: number;
  /** Same time, other size. */
  suspicious: number;
  /** Left for a later update: younger than `configuration.min_age`. */
  tooYoung: number;
  /** Could not be read, changed while being read, or contradict the journal. */
  failed: number;
  /** Bytes of the files that need an upload because of this update. */
  newBytes: number;
  /** Bytes hashed. */
  hashedBytes: number;
}

/** Where the time of a run went, seconds; waits of the steps that run side by side overlap. */
export interface TimeSpent {
  total: number;
  /** Opening and reading files, summed over workers. */
  reading: number;
  /** Hashing, summed over workers. */
  hashing: number;
  /** Journal look-ups and transactions. */
  journal: number;
  /** The journal's side waiting for the scan or for hashes. */
  waiting: number;
}

/** A folder with files that belong to no modality, or that was not read at all. */
export interface UnmatchedSummary {
  /** Files that match no modality, in folders that were read. */
  files: number;
  /** Folders that can't lead to a match and were not read. */
  skippedFolders: number;
  /** Folders of both kinds. */
  folders: number;
  /** The first few, for the report. */
  examples: { folder: string; files: number; skipped: boolean }[];
}

export interface UpdateSummary {
  version: string;
  /** True when the version had rows before this update. */
  amended: boolean;
  dryRun: boolean;
  modalities: ModalityUpdate[];
  unmatched: UnmatchedSummary;
  /** Modalities whose gone files were left alone, and why. */
  deletionsSkipped: { modality: string; reason: string; rows: number }[];
  /** Read errors and unusable names met by the walk. */
  scanProblems: number;
  time: TimeSpent;
  /** Stopped by the person before the end. */
  interrupted: boolean;
  /** True when the journal holds files of these modalities that are not uploaded yet. */
  unsent: boolean;
}

/** Counts of a modality before anything happened. */
export function noUpdate(modality: string): ModalityUpdate {
  return {
    modality,
    added: 0,
    updated: 0,
    moved: 0,
    deleted: 0,
    kept: 0,
    confirmed: 0,
    suspicious: 0,
    tooYoung: 0,
    failed: 0,
    newBytes: 0,
    hashedBytes: 0,
  };
}

/** True when something needs the person's attention. */
export function hasFailures(summary: UpdateSummary): boolean {
  return summary.scanProblems > 0 || summary.deletionsSkipped.length > 0 ||
    summary.modalities.some((each) => each.failed > 0);
}
