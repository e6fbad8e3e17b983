/**
 * What becomes of a file at an update. Pure; nothing here touches a disk.
 *
 * | in the journal (active rows of that path) | on disk | result |
 * | --- | --- | --- |
 * | none | present | hash, then ADDED |
 * | one: same size, same time, time trusted | | KEEP: nothing read, nothing written |
 * | one: same size, same time, time not trusted | | hash; same MD5: CONFIRMED, else UPDATED |
 * | one: same size, other time | | hash; same MD5: MOVED, else UPDATED |
 * | one: other size, other time | | hash, then UPDATED |
 * | one: other size, same time | | suspicious: reported, hashed, then UPDATED |
 * | more than one | | inconsistent: reported, left alone |
 *
 * Two times are the same when they differ by at most the tolerance: existing
 * rows hold microseconds, this runtime reports milliseconds, and some of the
 * predecessor's times are rounded up.
 *
 * A time is trusted when it lies safely before the moment of the hash. A file
 * written again after its hash, but within the same tick of the file system's
 * clock, keeps its time; so does one on a file system that stores whole
 * seconds. Such a file is hashed again at the next update.
 */

import type { ActiveRow } from "./journal_row.ts";

/** Modification times are the same within this, unless the configuration says otherwise. */
export const DEFAULT_MTIME_TOLERANCE_US = 1_000;

/** Kernels stamp files with a clock that ticks every 1 to 16 ms. */
const TICK_MARGIN_US = 50_000;

/** FAT keeps two seconds, other old file systems and archives one. */
const WHOLE_SECOND_MARGIN_US = 2_000_000;

/** A file as it is on disk, without its content. */
export interface FileState {
  /** Bytes. */
  size: number;
  /** Microseconds since 1970 UTC. */
  mtimeUs: number;
}

/** A file with its content's digest. */
export interface HashedState extends FileState {
  /** Lower-case hex. */
  md5: string;
}

/** Why a file has to be hashed. */
export type HashReason =
  /** The journal has no active row for the path. */
  | "new"
  | "changed_time"
  | "changed_size"
  /** Other size under an unchanged time: worth telling the person. */
  | "suspicious"
  /** Unchanged to all appearance, but its time was too fresh when it was hashed. */
  | "untrusted";

/** What to do with a found file. */
export type Decision =
  | { kind: "keep"; row: ActiveRow }
  | { kind: "hash"; reason: "new" }
  | { kind: "hash"; reason: Exclude<HashReason, "new">; row: ActiveRow }
  | { kind: "inconsistent"; rows: readonly ActiveRow[] };

/** What to write about a hashed file. */
export type Conclusion = "added" | "updated" | "moved" | "confirmed";

/**
 * First rule: what to do with a file that was found.
 *
 * @param found size and time as found; both must be known when there is an active row
 * @param rows every active row of that path in that modality
 * @param toleranceUs microseconds within which two times are the same
 */
export function decide(
  found: FileState,
  rows: readonly ActiveRow[],
  toleranceUs: number = DEFAULT_MTIME_TOLERANCE_US,
): Decision {
  if (rows.length > 1) return { kind: "inconsistent", rows };
  const [row] = rows;
  if (row === undefined) return { kind: "hash", reason: "new" };
  if (isUnchanged(found, row, toleranceUs)) return { kind: "keep", row };
  const sameTime = isSameTime(found.mtimeUs, row.mtimeUs, toleranceUs);
  if (found.size !== row.size) {
    return { kind: "hash", reason: sameTime ? "suspicious" : "changed_size", row };
  }
  return { kind: "hash", reason: sameTime ? "untrusted" : "changed_time", row };
}

/** True when nothing has to be done for a file: same size, same time, time trusted. */
export function isUnchanged(
  found: FileState,
  row: ActiveRow,
  toleranceUs: number = DEFAULT_MTIME_TOLERANCE_US,
): boolean {
  return found.size === row.size && isSameTime(found.mtimeUs, row.mtimeUs, toleranceUs) &&
    isTrusted(row, toleranceUs);
}

/**
 * Second rule: what to write about a file that was hashed.
 *
 * @param hashed size, time and digest as they were when it was hashed
 * @param row the active row of that path, undefined when there is none
 * @param toleranceUs microseconds within which two times are the same
 */
export function conclude(
  hashed: HashedState,
  row: ActiveRow | undefined,
  toleranceUs: number = DEFAULT_MTIME_TOLERANCE_US,
): Conclusion {
  if (row === undefined) return "added";
  if (hashed.size !== row.size || hashed.md5 !== row.md5) return "updated";
  return isSameTime(hashed.mtimeUs, row.mtimeUs, toleranceUs) ? "confirmed" : "moved";
}

/** True when two modification times differ by at most the tolerance. Microseconds. */
export function isSameTime(
  a: number,
  b: number,
  toleranceUs: number,
): boolean {
  return Math.abs(a - b) <= toleranceUs;
}

/**
 * True when a later change of the file would have shown in its time.
 *
 * @param row its modification time and the moment of its hash, microseconds
 * @param toleranceUs a change within it doesn't show either, so it widens the margin
 */
export function isTrusted(
  row: { mtimeUs: number; hashedUs: number },
  toleranceUs: number = DEFAULT_MTIME_TOLERANCE_US,
): boolean {
  const margin = row.mtimeUs % 1_000_000 === 0 ? WHOLE_SECOND_MARGIN_US : TICK_MARGIN_US;
  return row.mtimeUs + margin + toleranceUs <= row.hashedUs;
}
