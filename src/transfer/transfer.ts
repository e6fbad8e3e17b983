/** One file on its way, and what became of it. */

import type { ErrorCode } from "../errors/chorus_error.ts";
import type { ProofLevel } from "../journal/journal_row.ts";

/** A file to send: an unsent active row of the journal with its place in the central store. */
export interface Transfer {
  fileId: number;
  modality: string;
  /** Submission version of the row. */
  version: string;
  /** As in the journal: POSIX, relative to the modality's root, `.` for the root. */
  folder: string;
  name: string;
  /** Folder and name as one path. */
  path: string;
  /** Where it goes, relative to the central location. */
  centralKey: string;
  /** Bytes, as journaled. */
  size: number;
  /** Lower-case hex, as journaled. */
  md5: string;
}

/** A file whose content is in its place, proven; its row may be marked. */
export interface Sent {
  ok: true;
  transfer: Transfer;
  /** `present`: it was there already and nothing was sent. */
  action: "created" | "replaced" | "present";
  proof: ProofLevel;
  /** Tries of the request that wrote it; 0 when nothing was sent. */
  attempts: number;
  seconds: number;
}

/** A file that could not be sent or not be proven; its row stays unmarked. */
export interface SendFailure {
  ok: false;
  transfer: Transfer;
  code: ErrorCode;
  /** One sentence. */
  reason: string;
  remedy: string | undefined;
  attempts: number;
  seconds: number;
}

/** What became of a {@linkcode Transfer}. */
export type SendOutcome = Sent | SendFailure;
