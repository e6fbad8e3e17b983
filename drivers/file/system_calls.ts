/** The calls that mounts answer differently; tests put others in their place. */

/** What publication asks of the operating system. */
export interface SystemCalls {
  /** Gives a file a second name; fails where there is one of that name. */
  link(from: string, to: string): Promise<void>;
  /** Takes the exclusive lock of an open file, if it is free. */
  tryLock(file: Deno.FsFile): Promise<boolean>;
}

export const SYSTEM_CALLS: SystemCalls = {
  link: (from, to) => Deno.link(from, to),
  tryLock: (file) => file.tryLock(true),
};

/** What a file system answers that has no hard links, or no locks. */
const LACKING: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOLCK",
  "ENOSYS",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EXDEV",
  "EMLINK",
]);

/** True when a call failed because the file system does not have it. */
export function isLacking(error: unknown): boolean {
  return error instanceof Deno.errors.NotSupported || LACKING.has(codeOf(error));
}

/** The operating system's name for an error, `""` where there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Whether a path still leads to an open file. */
export async function isStillAt(
  path: string,
  file: Deno.FsFile,
): Promise<boolean> {
  try {
    const open = await file.stat();
    const named = await Deno.lstat(path);
    return named.ino === open.ino && named.dev === open.dev;
  } catch (error) {
    // On some mounts even an open file is not found once its name is gone.
    if (error instanceof Deno.errors.NotFound || codeOf(error) === "ESTALE") return false;
    throw error;
  }
}

/** Removes a file that may be gone already. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
