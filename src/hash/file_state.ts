/** What a file looks like before and after it was read, and what may be wrong with it. */

import type { HashFailure } from "./hash_result.ts";

/** A regular file as the file system describes it. */
export interface FileState {
  size: number;
  /** Milliseconds since 1970 UTC. */
  mtimeMs: number;
  /** Names that the file has; 0 once it was removed or replaced. Not known on every system. */
  links: number | null;
}

/** A reason why a file has no MD5, thrown inside this folder and turned into an outcome there. */
export class FileProblem extends Error {
  override readonly name = "FileProblem";

  constructor(readonly reason: HashFailure["reason"], message: string) {
    super(message);
  }
}

/**
 * The part of `stat` that matters here.
 *
 * @throws {FileProblem} `not_a_file`
 */
export function fileState(info: Deno.FileInfo): FileState {
  if (!info.isFile) {
    throw new FileProblem(
      "not_a_file",
      info.isDirectory ? "Is a folder" : "Is not a regular file",
    );
  }
  return {
    size: info.size,
    mtimeMs: info.mtime?.getTime() ?? 0,
    links: info.nlink,
  };
}

/**
 * Makes sure that the bytes read are the file's content: it was in one state all along.
 *
 * @param before from the open file, before the first byte was read
 * @param after from the open file, after the last byte was read
 * @throws {FileProblem} `changed`
 */
export function checkUnchanged(before: FileState, after: FileState): void {
  if (before.size !== after.size) {
    throw new FileProblem(
      "changed",
      `Changed from ${before.size} to ${after.size} bytes while it was read`,
    );
  }
  if (before.mtimeMs !== after.mtimeMs) {
    throw new FileProblem("changed", "Was written to while it was read");
  }
  // Some file systems never say how many names there are.
  if (after.links === 0 && before.links !== 0) {
    throw new FileProblem("changed", "Was replaced or removed while it was read");
  }
}

/** A read that ended before the size that the file had. */
export function shortRead(size: number, read: number): FileProblem {
  return new FileProblem(
    "changed",
    `Ended after ${read} of ${size} bytes while it was read`,
  );
}

/** A file of size 0 that has content, as in a system's virtual folders. */
export function unexpectedContent(): FileProblem {
  return new FileProblem("changed", "Has content though its size is 0");
}

/** The outcome that an error means for the file that it is about. */
export function failureOf(error: unknown): HashFailure {
  if (error instanceof FileProblem) {
    return { ok: false, reason: error.reason, message: error.message };
  }
  const reason = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ? "vanished"
    : "unreadable";
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, reason, message };
}
