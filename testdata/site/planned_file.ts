/** One file of one snapshot, as planned. */

/** What happened to a file since the snapshot before; in the first snapshot all are added. */
export type FileAction = "kept" | "touched" | "changed" | "added" | "gone";

/** The actions in the order in which they are shown. */
export const ACTIONS: readonly FileAction[] = ["added", "changed", "touched", "gone", "kept"];

/** What a waveform file belongs to. */
export interface WaveformRecord {
  /** `PERSONID_YYYYMMDD_HHMMSS_LENGTH`, without folder. */
  name: string;
  /** `visit_occurrence_id` of the visit that it was taken in, null outside of all visits. */
  visit: number | null;
  /** `YYYY-MM-DD HH:MM:SS` */
  start: string;
  seconds: number;
}

/** What is known of a file without its content. */
export interface FileIdentity {
  /** Relative to the site's root, POSIX. */
  path: string;
  /** Undefined for a file that belongs to no modality. */
  modality?: string;
  /** The patient's folder name, undefined where the file is nobody's. */
  person?: string;
  /** Of a waveform file whose name fits. */
  record?: WaveformRecord;
}

/** A file of a snapshot, or one that is gone since the one before. */
export interface PlannedFile extends FileIdentity {
  action: FileAction;
  /** Milliseconds since 1970 UTC. */
  mtimeMs: number;
  /** Its bytes, the same at every call. A piece is valid until the next one is asked for. */
  content: () => Iterable<Uint8Array>;
}
