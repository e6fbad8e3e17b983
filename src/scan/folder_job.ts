/** What goes to those who read folders, and what comes back. */

import type { ScanProblem } from "./found_file.ts";
import type { FollowedLink } from "./links.ts";

/** A folder to read. */
export interface FolderJob {
  /** Relative to the root, `.` for the root itself. */
  folder: string;
  /** Where the operating system finds it, ending with a separator; meaningless in a store. */
  path: string;
  /** Indexes of the modalities that it may lead to. */
  modalities: readonly number[];
  /** True when a further modality excludes it: what matches nothing here is left out on purpose. */
  excluded: boolean;
  /** The links that led here. */
  followed: readonly FollowedLink[];
}

/**
 * Files of one modality in one folder, in columns: cheap to send from a worker
 * and small while it waits. Packed names are joined by `/`.
 */
export interface FoundColumns {
  /** Index in the plan's modalities. */
  modality: number;
  folder: string;
  count: number;
  /** Packed. */
  names: string;
  /** All sizes, then all modification times. */
  numbers: Float64Array<ArrayBuffer>;
  /** What all of them share. */
  personId: string | undefined;
  version: string | undefined;
  /** Where file names hold the fields: patient id and version of each. */
  each: readonly (readonly [string | undefined, string | undefined])[] | undefined;
}

/** What is known of a folder once it is read. */
export interface FolderEnd {
  /** Names of the folders below that are to be read, ascending by UTF-8 bytes; packed. */
  folders: string;
  /** Those of `folders` that are links, with where they lead. */
  linked: readonly (readonly [name: string, job: FolderJob])[];
  /** Names of the folders below that lead to nothing; packed. */
  skipped: string;
  /** Files that match nothing. */
  unmatched: number;
}

/** Takes what reading one folder finds, as it is found. */
export interface FolderSink {
  /** The promise, where there is one, settles when more files are welcome. */
  files(columns: FoundColumns): Promise<void> | void;
  problem(problem: ScanProblem): void;
}

/** A folder to read, with the number under which its answers come. */
export interface NumberedJob {
  id: number;
  job: FolderJob;
}

/** One thing that reading a folder gave. `end` comes last. */
export type FolderAnswer =
  | { id: number; columns: FoundColumns }
  | { id: number; problem: ScanProblem }
  | { id: number; end: FolderEnd };

/** Files in one batch, at most. */
export const BATCH_FILES = 1000;
