/** What an upload did, by modality. */

/** Counts of one modality. Files, except where said. */
export interface ModalityUpload {
  modality: string;
  /** Sent to a place where nothing was. */
  created: number;
  /** Sent over content that an earlier row of the amended version had put there. */
  replaced: number;
  /** Found in place with the right content, proven; nothing was sent. */
  present: number;
  failed: number;
  /** Bytes of all files that are in their place now. */
  bytes: number;
  /** Bytes that went over the line for them. */
  sentBytes: number;
}

export interface UploadSummary {
  /** Upload stamp of the run, `YYYYMMDDHHMMSS` UTC. */
  stamp: string;
  dryRun: boolean;
  modalities: ModalityUpload[];
  /** Versions that got files. */
  versions: string[];
  /** Versions whose central copy of the journal was written. */
  backups: string[];
  /** Unsent files that were left for a later run by `--max-num-files`. */
  leftOver: number;
  /** Seconds. */
  time: {
    total: number;
    /** Finding conflicts and reading rows. */
    planning: number;
    /** Opening and reading files, while at least one was. */
    reading: number;
    hashing: number;
    /** Marking. */
    journal: number;
    /** What is left: sending, and waiting for the service. */
    waiting: number;
  };
  interrupted: boolean;
}

/** Counts of a modality before anything happened. */
export function noUpload(modality: string): ModalityUpload {
  return { modality, created: 0, replaced: 0, present: 0, failed: 0, bytes: 0, sentBytes: 0 };
}

/** True when something needs the person's attention. */
export function hasUploadFailures(summary: UploadSummary): boolean {
  return summary.modalities.some((each) => each.failed > 0);
}
