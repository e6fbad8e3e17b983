/** The names that this driver gives to files of its own, beside the objects. */

import { createHash, randomBytes } from "node:crypto";

const OWN_NAME = /^\.chorus-upload-[0-9a-f]{24}\.(tmp|lock|held)$/;

/** The names that go with one object's name; the same in every process. */
export interface CompanionNames {
  /** The new content, until it is published. */
  temporary: string;
  /** Carries the operating system's lock. */
  lock: string;
  /** Is the lock, by existing, on a mount without locks. */
  held: string;
}

/** Short, so that they fit wherever the object's name fits. */
export function companionNames(name: string): CompanionNames {
  // Spellings that differ in case or in Unicode form may be one file.
  const folded = name.normalize("NFC").toLowerCase();
  const digest = createHash("sha256").update(folded).digest("hex");
  const stem = `.chorus-upload-${digest.slice(0, 24)}`;
  return {
    temporary: `${stem}.tmp`,
    lock: `${stem}.lock`,
    held: `${stem}.held`,
  };
}

/** A temporary name that nobody else has. */
export function uniqueTemporaryName(): string {
  return `.chorus-upload-${randomBytes(12).toString("hex")}.tmp`;
}

/** True for the names above: they are no objects. */
export function isOwnName(name: string): boolean {
  return OWN_NAME.test(name);
}
