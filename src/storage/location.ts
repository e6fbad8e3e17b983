/** Configured paths: which scheme, which parts; pure. */

import { posix, win32 } from "node:path";
import { ChorusError } from "../errors/chorus_error.ts";

/** A configured path, taken apart. */
export type Location =
  /** A folder or file of this machine, as the operating system understands it. */
  | { scheme: "file"; path: string }
  /** Anything else: `scheme://container/prefix`. */
  | {
    scheme: string;
    /** The first part after `//`; may be empty (`shelf:///srv/data`). */
    container: string;
    /** The rest, without slashes at its ends; `""` for the container itself. */
    prefix: string;
  };

const URL_LIKE = /^([a-z][a-z0-9+.-]+):\/\/(.*)$/is;
const DRIVE = /^[a-z]:([\\/]|$)/i;
const ONE_SLASH = /^(az|s3|gs|file|https?):(?!\/\/)/i;

/** True for `C:\x`, `D:/x`, `\\server\share`, `//server/share` on Windows. */
function isWindowsPath(path: string, windows: boolean): boolean {
  return windows || DRIVE.test(path) || path.startsWith("\\\\");
}

/** The scheme that picks the driver: `file` for every local path. Lower-case. */
export function schemeOf(path: string): string {
  return URL_LIKE.exec(path)?.[1]?.toLowerCase() ?? "file";
}

/** True when the path lies in this machine's file system (mounts included). */
export function isLocal(path: string): boolean {
  return schemeOf(path) === "file";
}

/**
 * Takes a configured path apart.
 *
 * @param path `az://c/p`, `/data`, `data`, `file:///data`, `C:\data`, `\\server\share`
 * @param windows whether `/` URLs mean drives and `\` separates; by default as this machine
 * @throws {ChorusError} `config` when it is none of these
 */
export function parseLocation(
  path: string,
  windows: boolean = Deno.build.os === "windows",
): Location {
  if (path === "") throw new ChorusError("config", "A path is empty");
  const match = URL_LIKE.exec(path);
  if (match === null) {
    const scheme = ONE_SLASH.exec(path)?.[1];
    if (scheme !== undefined) {
      throw new ChorusError(
        "config",
        `Can't read the path "${path}": after "${scheme}:" come two slashes`,
        {
          subject: path,
          remedy: `Write "${scheme}://…", or "./${path}" for a local file of that name.`,
        },
      );
    }
    return { scheme: "file", path };
  }
  const scheme = (match[1] ?? "").toLowerCase();
  const rest = match[2] ?? "";
  if (scheme === "file") {
    return { scheme, path: fromFileUrl(path, rest, windows) };
  }
  const slash = rest.indexOf("/");
  const container = slash === -1 ? rest : rest.slice(0, slash);
  const prefix = slash === -1 ? "" : rest.slice(slash).replace(/^\/+|\/+$/g, "");
  const step = prefix.split("/").find((part) => part === "." || part === "..");
  if (step !== undefined) {
    // A URL resolves it, so that requests would go to another folder or container.
    throw new ChorusError("config", `The path "${path}" holds the part "${step}"`, {
      subject: path,
      remedy: "Write the container and the folders themselves.",
    });
  }
  return { scheme, container, prefix };
}

/** `file:///a%20b` to `/a b`; a host is a share on Windows and an error elsewhere. */
function fromFileUrl(path: string, rest: string, windows: boolean): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(rest);
  } catch (cause) {
    throw new ChorusError(
      "config",
      `Can't read the path "${path}": a "%" in it is no percent-encoding`,
      { subject: path, cause, remedy: 'Write a literal "%" as "%25".' },
    );
  }
  if (windows) {
    if (/^\/[a-z]:/i.test(decoded)) return decoded.slice(1).replaceAll("/", "\\");
    if (!decoded.startsWith("/")) return `\\\\${decoded.replaceAll("/", "\\")}`;
    return decoded.replaceAll("/", "\\");
  }
  if (decoded.startsWith("/")) return decoded;
  if (decoded.startsWith("localhost/")) return decoded.slice("localhost".length);
  throw new ChorusError(
    "config",
    `Can't read the path "${path}": it names another machine`,
    { subject: path, remedy: 'Write three slashes: "file:///…".' },
  );
}

/**
 * The path one level up and the last part: where a journal at `az://c/p/j.db`
 * is an object `j.db` of the store at `az://c/p`.
 *
 * @throws {ChorusError} `config` when the path has no last part (`az://c`, `/`)
 */
export function splitLocation(
  path: string,
  windows: boolean = Deno.build.os === "windows",
): { parent: string; name: string } {
  const location = parseLocation(path, windows);
  if ("path" in location) {
    const { dirname, basename } = isWindowsPath(location.path, windows) ? win32 : posix;
    const name = basename(location.path);
    if (name === "" || name === "." || name === ".." || DRIVE.test(name)) {
      throw noLastPart(path);
    }
    return { parent: dirname(location.path), name };
  }
  const { scheme, container, prefix } = location;
  if (prefix === "") throw noLastPart(path);
  const slash = prefix.lastIndexOf("/");
  const above = slash === -1 ? "" : `/${prefix.slice(0, slash)}`;
  return {
    parent: `${scheme}://${container}${above}`,
    name: prefix.slice(slash + 1),
  };
}

function noLastPart(path: string): ChorusError {
  return new ChorusError("config", `The path "${path}" names no file`, {
    subject: path,
    remedy: `Add the file's name, for example "${path.replace(/[\\/]+$/, "")}/journal.db".`,
  });
}

/** The last part of a path of any kind: what a working copy is called after its source. */
export function lastPartOf(path: string, windows?: boolean): string {
  return splitLocation(path, windows).name;
}

/** A path of any kind with parts added behind it. */
export function joinLocation(
  path: string,
  ...parts: readonly string[]
): string {
  const location = parseLocation(path);
  if ("path" in location) {
    const windows = isWindowsPath(location.path, Deno.build.os === "windows");
    return (windows ? win32 : posix).join(location.path, ...parts);
  }
  const { scheme, container, prefix } = location;
  const key = joinKey(prefix, ...parts);
  return `${scheme}://${container}${key === "" ? "" : `/${key}`}`;
}

/** Key parts joined with one slash each; empty parts are left out. */
export function joinKey(...parts: readonly string[]): string {
  return parts.map((part) => part.replace(/^\/+|\/+$/g, ""))
    .filter((part) => part !== "")
    .join("/");
}
