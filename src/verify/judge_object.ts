/** Compares a journal row with the object at its central path; pure. */

import type { ProofLevel } from "../journal/journal_row.ts";
import type { VerificationResult } from "../journal/verification.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import { judgeStoredMd5 } from "../transfer/proof.ts";

/** What a row promises. */
export interface Promised {
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  md5: string;
}

/** What came out. */
export interface Verdict {
  result: VerificationResult;
  /** Who looked: `deep` when the content was read. */
  level: ProofLevel;
  /** One sentence, for everything but `equal`. */
  reason?: string;
}

/**
 * Judges without reading the content.
 *
 * | object | result |
 * | --- | --- |
 * | other size | `size_differs` |
 * | no MD5, though the store keeps them | `md5_absent` |
 * | no MD5, the store keeps none | `unproven` |
 * | other MD5 | `md5_differs` |
 * | same MD5, somebody looked | `equal` |
 * | same MD5, nobody is known to have looked | `unproven` |
 *
 * @param storesMd5 whether the store keeps MD5s
 */
export function judgeObject(
  row: Promised,
  object: Pick<ObjectInfo, "size" | "md5" | "metadata">,
  storesMd5: boolean,
): Verdict {
  if (object.size !== row.size) {
    return {
      result: "size_differs",
      level: "service",
      reason: `It has ${object.size} bytes, the journal says ${row.size}.`,
    };
  }
  const stored = judgeStoredMd5(object);
  if (stored.kind === "absent") {
    return storesMd5
      ? { result: "md5_absent", level: "service", reason: "It carries no MD5." }
      : { result: "unproven", level: "service", reason: "The store keeps no MD5." };
  }
  if (stored.md5 !== row.md5) {
    return {
      result: "md5_differs",
      level: "service",
      reason: `It carries the MD5 ${stored.md5}, the journal says ${row.md5}.`,
    };
  }
  return stored.kind === "proven" ? { result: "equal", level: stored.level } : {
    result: "unproven",
    level: "service",
    reason: "Nobody is known to have checked the MD5 that it carries.",
  };
}

/**
 * Judges with the content's own MD5.
 *
 * @param contentMd5 lower-case hex, over all bytes of the object
 */
export function judgeContent(
  row: Promised,
  object: Pick<ObjectInfo, "size" | "md5" | "metadata">,
  contentMd5: string,
): Verdict {
  const stored = judgeObject(row, object, true);
  if (stored.result === "size_differs") return stored;
  if (contentMd5 !== row.md5) {
    return {
      result: "md5_differs",
      level: "deep",
      reason: `Its content has the MD5 ${contentMd5}, the journal says ${row.md5}.`,
    };
  }
  if (stored.result === "md5_differs") {
    return {
      result: "md5_differs",
      level: "deep",
      reason: `${stored.reason} Its content is right.`,
    };
  }
  return { result: "equal", level: "deep" };
}
