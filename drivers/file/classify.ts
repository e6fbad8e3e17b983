/** What an error of the file system means. */

import type { Failure } from "../../src/storage/driver.ts";
import { FileFailure } from "./failure.ts";

/** By the operating system's name for it (`errno`). */
const BY_CODE: Readonly<Record<string, Failure>> = {
  ENOENT: { kind: "not_found" },
  EEXIST: { kind: "already_exists" },
  EACCES: { kind: "permission" },
  EPERM: { kind: "permission" },
  EROFS: {
    kind: "permission",
    message: "the file system is mounted read-only",
    remedy: "Mount it writable, or use another folder.",
  },
  ENOSPC: { kind: "disk_full" },
  EDQUOT: {
    kind: "disk_full",
    message: "the quota is used up",
    remedy: "Make room or ask for more, then run the same command again.",
  },
  EFBIG: {
    kind: "unsupported",
    message: "the file is too large for this file system",
  },
  ENAMETOOLONG: {
    kind: "unsupported",
    message: "the name is too long for this file system",
  },
  EILSEQ: {
    kind: "unsupported",
    message: "the name holds a character that this file system can't store",
  },
  EINVAL: {
    kind: "unsupported",
    message: "the file system refuses the name or the operation",
  },
  ENOTDIR: {
    kind: "unsupported",
    message: "a part of the path is a file, not a folder",
  },
  EISDIR: {
    kind: "unsupported",
    message: "there is a folder of this name",
  },
  ELOOP: { kind: "io", message: "symbolic links go in a circle" },
  EMFILE: { kind: "unavailable", message: "too many files are open" },
  ENFILE: { kind: "unavailable", message: "too many files are open" },
  ENOLCK: { kind: "unavailable", message: "the file server gives no locks" },
  EBUSY: { kind: "unavailable", message: "the file is in use" },
  // A mount whose server is away or was restarted.
  ESTALE: { kind: "unavailable", message: "the mount has lost the file" },
  ETIMEDOUT: { kind: "unavailable", message: "the file server is silent" },
  EHOSTDOWN: { kind: "unavailable", message: "the file server is down" },
  EHOSTUNREACH: {
    kind: "unavailable",
    message: "the file server can't be reached",
  },
  ENETUNREACH: {
    kind: "unavailable",
    message: "the file server can't be reached",
  },
  ENOTCONN: { kind: "unavailable", message: "the mount is not connected" },
};

/** Deno's error classes, where an error carries no code. */
const BY_CLASS: readonly [
  new (message: string) => Error,
  Failure,
][] = [
  [Deno.errors.NotFound, { kind: "not_found" }],
  [Deno.errors.AlreadyExists, { kind: "already_exists" }],
  [Deno.errors.PermissionDenied, { kind: "permission" }],
  [Deno.errors.NotADirectory, BY_CODE.ENOTDIR ?? { kind: "unsupported" }],
  [Deno.errors.IsADirectory, BY_CODE.EISDIR ?? { kind: "unsupported" }],
  [Deno.errors.Busy, { kind: "unavailable" }],
  [Deno.errors.TimedOut, { kind: "unavailable" }],
];

/** The meaning of anything that this driver throws. */
export function classify(error: unknown): Failure {
  if (error instanceof FileFailure) return error.failure;
  if (error instanceof Deno.errors.NotCapable) {
    return {
      kind: "permission",
      message: error.message,
      remedy: "Start Deno with --allow-read and --allow-write for this folder.",
    };
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const byCode = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  if (byCode !== undefined) return byCode;
  for (const [type, failure] of BY_CLASS) {
    if (error instanceof type) return failure;
  }
  return { kind: "io" };
}
