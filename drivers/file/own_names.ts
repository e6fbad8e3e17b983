/** The names that this driver gives to files of its own, beside the objects. */

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
export async function companionNames(name: string): Promise<CompanionNames> {
  // Spellings that differ in case or in Unicode form may be one file.
  const folded = new TextEncoder().encode(name.normalize("NFC").toLowerCase());
  const digest = await crypto.subtle.digest("SHA-256", folded);
  const stem = `.chorus-upload-${hex(new Uint8Array(digest).subarray(0, 12))}`;
  return {
    temporary: `${stem}.tmp`,
    lock: `${stem}.lock`,
    held: `${stem}.held`,
  };
}

/** A temporary name that nobody else has. */
export function uniqueTemporaryName(): string {
  return `.chorus-upload-${hex(crypto.getRandomValues(new Uint8Array(12)))}.tmp`;
}

/** True for the names above: they are no objects. */
export function isOwnName(name: string): boolean {
  return OWN_NAME.test(name);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
