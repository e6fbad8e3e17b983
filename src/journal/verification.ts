/** The extra table `verification`: the last result per file and level of proof. */

import type { Connection } from "./connection.ts";
import type { ProofLevel } from "./journal_row.ts";

/** What a check found. `equal` is the only good one. */
export type VerificationResult =
  | "equal"
  | "missing"
  | "size_differs"
  | "md5_differs"
  | "md5_absent"
  | "unproven";

/** One check of one file. */
export interface Verification {
  fileId: number;
  /** Microseconds since 1970 UTC. */
  checkedUs: number;
  level: ProofLevel;
  result: VerificationResult;
  /** Who vouches for it: user and host, or the program's name. */
  checkedBy: string;
}

/** Remembers a check in place of an earlier one of the same file and level. */
export function recordVerification(
  connection: Connection,
  check: Verification,
): void {
  connection.run(
    "INSERT OR REPLACE INTO verification (FILE_ID, CHECKED_us, LEVEL, RESULT, CHECKED_BY) VALUES (?, ?, ?, ?, ?)",
    check.fileId,
    check.checkedUs,
    check.level,
    check.result,
    check.checkedBy,
  );
}

/** The checks of one file, weakest level first is not promised. */
export function verificationsOf(
  connection: Connection,
  fileId: number,
): Verification[] {
  return connection.all(
    "SELECT FILE_ID, CHECKED_us, LEVEL, RESULT, CHECKED_BY FROM verification WHERE FILE_ID = ? ORDER BY LEVEL",
    fileId,
  ).map(([id, checkedUs, level, result, checkedBy]) => ({
    fileId: Number(id),
    checkedUs: Number(checkedUs),
    level: level as ProofLevel,
    result: result as VerificationResult,
    checkedBy: String(checkedBy),
  }));
}

/**
 * Of the given rows, the ones that were found equal at a level, since a moment.
 *
 * @param fileIds at most a page of them
 * @param sinceUs microseconds since 1970 UTC, 0 for ever
 */
export function provenRows(
  connection: Connection,
  fileIds: readonly number[],
  level: ProofLevel,
  sinceUs: number,
): Set<number> {
  return new Set(
    connection.all(
      "SELECT v.FILE_ID FROM json_each(?) n CROSS JOIN verification v ON v.FILE_ID = n.value AND v.LEVEL = ? WHERE v.RESULT = 'equal' AND v.CHECKED_us >= ?",
      JSON.stringify(fileIds),
      level,
      sinceUs,
    ).map(([fileId]) => Number(fileId)),
  );
}
