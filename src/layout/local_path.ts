/**
 * Journal paths and the operating system's own.
 *
 * Journal paths are relative to a modality's root and POSIX-style everywhere.
 * All functions are pure and take the system as a parameter, so that Windows is
 * tested on any machine.
 */

import { posix, win32 } from "node:path";
import { ChorusError } from "../errors/chorus_error.ts";

/** The two families of path syntax. */
export type PathSyntax = "windows" | "posix";

/** The path syntax of an operating system, by its name in `Deno.build.os`. */
export function pathSyntax(os: string): PathSyntax {
  return os === "windows" ? "windows" : "posix";
}

/**
 * An absolute, normalised root: drive letters, UNC shares, either slash on
 * Windows; without a trailing separator except where it is the whole root.
 *
 * @param path as configured, absolute or relative
 * @param cwd the current folder, absolute
 */
export function absoluteRoot(
  path: string,
  cwd: string,
  syntax: PathSyntax,
): string {
  if (syntax === "posix") return posix.resolve(cwd, path);
  // "D:" alone would mean "where drive D: happens to be"; who writes it means the drive.
  const whole = /^[A-Za-z]:$/.test(path) ? path + "\\" : path;
  const resolved = win32.resolve(cwd, whole);
  return resolved.length > 3 && resolved.endsWith("\\") ? resolved.slice(0, -1) : resolved;
}

/**
 * A text that is the same for two spellings of one root, for grouping
 * modalities by root: on Windows in lower case.
 *
 * @param root as {@linkcode absoluteRoot} gives it
 */
export function rootKey(root: string, syntax: PathSyntax): string {
  return syntax === "windows" ? root.toLowerCase() : root;
}

/**
 * The operating system's path of a journaled file or folder.
 *
 * @param root as {@linkcode absoluteRoot} gives it
 * @param path journal path; `.` is the root itself
 * @throws ChorusError `unsupported` when a segment can't be a name here, or
 *   would leave the root
 */
export function toLocalPath(
  root: string,
  path: string,
  syntax: PathSyntax,
): string {
  if (path === ".") return root;
  const forbidden = syntax === "windows"
    ? /(^|\/)(\.{0,2})(\/|$)|[\\:\0]/
    : /(^|\/)(\.{0,2})(\/|$)|\0/;
  if (forbidden.test(path)) {
    throw new ChorusError(
      "unsupported",
      `"${path}" is no path inside "${root}" on this operating system.`,
      { subject: path },
    );
  }
  return syntax === "windows"
    ? withSeparator(root, "\\") + path.replaceAll("/", "\\")
    : withSeparator(root, "/") + path;
}

/**
 * The journal path of a local path, undefined when it lies outside the root.
 * On Windows case and kind of slash make no difference to where it lies; the
 * result keeps the case it was given.
 *
 * @param root as {@linkcode absoluteRoot} gives it
 * @param path absolute
 */
export function toJournalPath(
  root: string,
  path: string,
  syntax: PathSyntax,
): string | undefined {
  const clean = absoluteRoot(path, root, syntax);
  if (rootKey(clean, syntax) === rootKey(root, syntax)) return ".";
  const above = withSeparator(root, syntax === "windows" ? "\\" : "/");
  if (!rootKey(clean, syntax).startsWith(rootKey(above, syntax))) {
    return undefined;
  }
  const rest = clean.slice(above.length);
  return syntax === "windows" ? rest.replaceAll("\\", "/") : rest;
}

/** A journal path from its folder (`.` for the root) and name. */
export function joinJournalPath(folder: string, name: string): string {
  return folder === "." ? name : `${folder}/${name}`;
}

/** Folder (`.` for the root) and name of a journal path. */
export function splitJournalPath(
  path: string,
): { folder: string; name: string } {
  const slash = path.lastIndexOf("/");
  return slash < 0
    ? { folder: ".", name: path }
    : { folder: path.slice(0, slash), name: path.slice(slash + 1) };
}

function withSeparator(root: string, separator: string): string {
  return root.endsWith(separator) ? root : root + separator;
}
