/** What verification says about files and objects. */

import type { ProofLevel } from "../journal/journal_row.ts";
import type { Verification, VerificationResult } from "../journal/verification.ts";

/** One active, uploaded row and what is at its central path. */
export interface VerifiedFile {
  kind: "file";
  fileId: number;
  /** Relative to the central location; the journal path where the row has no central path. */
  centralKey: string;
  /** Bytes, as journaled. */
  size: number;
  /**
   * `unverifiable`: nothing could be found out; else as remembered in the
   * journal. Only `equal` says that the journaled content is there.
   */
  result: VerificationResult | "unverifiable";
  /** Who looked: `deep` when the content was read; undefined for `unverifiable`. */
  level: ProofLevel | undefined;
  /** True when the content was read by an earlier run and not again. */
  remembered: boolean;
  /** One sentence, for everything but `equal`. */
  reason: string | undefined;
}

/** An object under the version that no row of the journal accounts for. */
export interface UnknownObject {
  kind: "unknown";
  centralKey: string;
  /** Bytes. */
  size: number;
}

export type Verified = VerifiedFile | UnknownObject;

/**
 * What the journal remembers of a result, undefined where nothing new was found out.
 *
 * @param checkedUs microseconds since 1970 UTC
 * @param checkedBy user and host, or the program's name
 */
export function toVerification(
  item: Verified,
  checkedUs: number,
  checkedBy: string,
): Verification | undefined {
  if (
    item.kind === "unknown" || item.remembered || item.level === undefined ||
    item.result === "unverifiable"
  ) return undefined;
  const { fileId, level, result } = item;
  return { fileId, checkedUs, level, result, checkedBy };
}

/** The sign of one line of `--combined`. */
export type CombinedSign = "=" | "*" | "-" | "+" | "!";

/** `=` equal, `*` differs, `-` missing there, `+` not in the journal, `!` can't be verified. */
export function combinedSign(item: Verified): CombinedSign {
  if (item.kind === "unknown") return "+";
  switch (item.result) {
    case "equal":
      return "=";
    case "size_differs":
    case "md5_differs":
      return "*";
    case "missing":
      return "-";
    case "md5_absent":
    case "unproven":
    case "unverifiable":
      return "!";
  }
}

/** Counts of a verification. */
export class VerifyTally {
  equal = 0;
  missing = 0;
  differs = 0;
  md5Absent = 0;
  unproven = 0;
  unverifiable = 0;
  unknown = 0;
  /** Journaled bytes of the files that are equal. */
  equalBytes = 0;

  /** Counts one item. */
  add(item: Verified): void {
    if (item.kind === "unknown") {
      this.unknown++;
      return;
    }
    switch (item.result) {
      case "equal":
        this.equal++;
        this.equalBytes += item.size;
        return;
      case "missing":
        this.missing++;
        return;
      case "size_differs":
      case "md5_differs":
        this.differs++;
        return;
      case "md5_absent":
        this.md5Absent++;
        return;
      case "unproven":
        this.unproven++;
        return;
      case "unverifiable":
        this.unverifiable++;
    }
  }

  /** Files, unknown objects not counted. */
  get files(): number {
    return this.equal + this.missing + this.differs + this.md5Absent +
      this.unproven + this.unverifiable;
  }

  /**
   * True when the command has to say so in its exit code.
   *
   * @param strict unproven counts too
   */
  failed(strict: boolean): boolean {
    return this.missing + this.differs + this.md5Absent + this.unverifiable >
        0 || (strict && this.unproven > 0);
  }
}
