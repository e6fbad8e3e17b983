/** Lists of globs: which paths to leave out. */

import picomatch from "picomatch";
import { ChorusError } from "../errors/chorus_error.ts";

/**
 * Refuses globs that could never match; the scan compiles the others.
 *
 * Globs are as in a shell: `*` and `?` stay within a folder, `**` crosses
 * folders, `{a,b}` and `[0-9]` are alternatives; names that begin with a dot are
 * no exception. Paths and globs are relative to the same root, `/` separated.
 *
 * @throws ChorusError `config` naming the first wrong one
 */
export function checkGlobs(globs: readonly string[]): void {
  for (const glob of globs) checkGlob(glob);
}

function checkGlob(glob: string): void {
  const wrong = glob === ""
    ? "is empty"
    : glob.includes("\\")
    ? "holds a backslash"
    : glob.startsWith("/")
    ? "begins with a slash"
    : /^!/.test(glob)
    ? "begins with an exclamation mark"
    : malformation(glob);
  if (wrong === undefined) return;
  throw new ChorusError("config", `The glob "${glob}" ${wrong}.`, {
    subject: glob,
    remedy: 'Write a path relative to the modality\'s root with "/", such as "**/.DS_Store".',
  });
}

function malformation(glob: string): string | undefined {
  try {
    picomatch(glob, { dot: true, strictBrackets: true });
    return undefined;
  } catch {
    return "has brackets that don't match";
  }
}
