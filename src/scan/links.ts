/** Symbolic links: where they lead, whether that is inside, and whether it goes round in a circle. */

import { type PathSyntax, splitJournalPath, toLocalPath } from "../layout/local_path.ts";

/** One link that was followed on the way to a folder. */
export interface FollowedLink {
  /** The link's own path relative to the root. */
  at: string;
  /** The real path of the folder that it leads to. */
  target: string;
}

/** What a link leads to. */
export type LinkTarget =
  | { kind: "file"; path: string; info: Deno.FileInfo; inside: boolean }
  | { kind: "folder"; path: string; inside: boolean }
  /** Something outside the root, not looked at any further. */
  | { kind: "outside"; path: string }
  | { kind: "loop"; path: string }
  | { kind: "special" }
  | { kind: "broken"; error: unknown };

/**
 * Finds out what a link leads to. Nothing outside the root is looked at unless
 * `leave` allows it.
 *
 * @param path the link, as the operating system knows it
 * @param folder the folder that holds the link, relative to the root
 * @param followed the links that led to that folder
 * @param realRoot real path of the root
 * @param leave whether links may lead out of the root
 */
export async function resolveLink(
  path: string,
  folder: string,
  followed: readonly FollowedLink[],
  realRoot: string,
  leave: boolean,
): Promise<LinkTarget> {
  try {
    const real = await Deno.realPath(path);
    const inside = isWithin(realRoot, real);
    if (!inside && !leave) return { kind: "outside", path: real };
    const info = await Deno.lstat(real);
    if (info.isFile) return { kind: "file", path: real, info, inside };
    if (!info.isDirectory) return { kind: "special" };
    return isAncestor(real, folder, followed, realRoot)
      ? { kind: "loop", path: real }
      : { kind: "folder", path: real, inside };
  } catch (error) {
    return { kind: "broken", error };
  }
}

/**
 * True when `real` is a folder that the walk is in at present: `folder` itself
 * or one above it. Each followed link began a new stretch of real folders.
 */
function isAncestor(
  real: string,
  folder: string,
  followed: readonly FollowedLink[],
  realRoot: string,
): boolean {
  const stretches = [{ at: ".", target: realRoot }, ...followed];
  return stretches.some(({ at, target: top }, index) => {
    const end = index + 1 < stretches.length
      ? splitJournalPath(stretches[index + 1].at).folder
      : folder;
    const rest = at === "." ? end : end.slice(at.length + 1) || ".";
    const bottom = toLocalPath(top, rest, syntaxOf(top));
    return isWithin(top, real) && isWithin(real, bottom);
  });
}

/** True when `path` is `folder` or lies below it; both are real paths, so spelled alike. */
function isWithin(folder: string, path: string): boolean {
  const separator = syntaxOf(folder) === "windows" ? "\\" : "/";
  return path === folder ||
    path.startsWith(folder.endsWith(separator) ? folder : folder + separator);
}

/** Only Windows has real paths that don't begin with a slash. */
function syntaxOf(realPath: string): PathSyntax {
  return realPath.startsWith("/") ? "posix" : "windows";
}
