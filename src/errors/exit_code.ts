import { type ErrorCode, isCancellation, isChorusError } from "./chorus_error.ts";

/** The stable exit codes of the program (SPEC 9). */
export const EXIT = {
  ok: 0,
  failures: 1,
  usage: 2,
  locked: 3,
  credentials: 4,
  stopped: 5,
  sighup: 129,
  sigint: 130,
  sigterm: 143,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  usage: EXIT.usage,
  config: EXIT.usage,
  locked: EXIT.locked,
  not_checked_out: EXIT.locked,
  journal_version: EXIT.usage,
  credentials: EXIT.credentials,
  permission: EXIT.credentials,
  not_found: EXIT.stopped,
  already_exists: EXIT.stopped,
  precondition_failed: EXIT.stopped,
  digest_mismatch: EXIT.stopped,
  source_changed: EXIT.failures,
  unsupported: EXIT.stopped,
  unavailable: EXIT.stopped,
  disk_full: EXIT.stopped,
  journal_damaged: EXIT.stopped,
  io: EXIT.stopped,
  cancelled: EXIT.sigint,
};

/** The exit code for an error that ended a command; a permission that Deno was not given counts as one. */
export function exitCodeOf(error: unknown): number {
  if (isChorusError(error)) return BY_CODE[error.code];
  if (error instanceof Deno.errors.NotCapable) return EXIT.credentials;
  return isCancellation(error) ? EXIT.sigint : EXIT.stopped;
}
