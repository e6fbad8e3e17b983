/** The typed error of the whole program: a code, one sentence, a remedy and the cause. */

/**
 * What went wrong, as a machine reads it. The exit code follows from it alone
 * ({@linkcode exitCodeOf}).
 */
export type ErrorCode =
  /** The command line is wrong. */
  | "usage"
  /** The configuration file is wrong, missing or can't be read. */
  | "config"
  /** The journal is locked by somebody else, or is being written by another process. */
  | "locked"
  /** The journal is not checked out here. */
  | "not_checked_out"
  /** Nobody is signed in, or the sign-in was refused. */
  | "credentials"
  /** Signed in, but not allowed to do this. */
  | "permission"
  /** The object, file or folder does not exist. */
  | "not_found"
  /** Something exists already where only creation was allowed. */
  | "already_exists"
  /** The object is no longer the one that was read (ETag or generation differ). */
  | "precondition_failed"
  /** The bytes are not the ones that were promised (MD5, CRC or size differ). */
  | "digest_mismatch"
  /** A source file changed while it was read, or since the journal knows it. */
  | "source_changed"
  /** The store can't hold this name, size or number of parts. */
  | "unsupported"
  /** The service is down, throttles, or the line is cut; trying again may help. */
  | "unavailable"
  /** No space left. */
  | "disk_full"
  /** The journal is not a journal, is damaged, or contradicts itself. */
  | "journal_damaged"
  /** The journal has the version-1 schema and the command needs version 2. */
  | "journal_version"
  /** Reading or writing failed for another reason. */
  | "io"
  /** Stopped by the person or by a signal. */
  | "cancelled";

/** What a {@linkcode ChorusError} carries besides its code and sentence. */
export interface ChorusErrorOptions {
  /** What the person should do, one sentence in the imperative. */
  remedy?: string;
  /** The path, key or address that the error is about. */
  subject?: string;
  /** The error underneath, for `--verbose`. */
  cause?: unknown;
  /** How long the service asked to be left alone, milliseconds (`Retry-After`). */
  retryAfterMs?: number;
  /** How often it was tried, where retries are made. */
  attempts?: number;
}

/** An error with a code and a remedy; everything that the core throws on purpose is one. */
export class ChorusError extends Error {
  override readonly name = "ChorusError";
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly subject: string | undefined;
  readonly retryAfterMs: number | undefined;
  /**
   * How often it was tried, undefined where nothing is retried. With more than
   * one, `already_exists` and `precondition_failed` may come from our own
   * earlier try, whose answer was lost: compare what is there.
   */
  readonly attempts: number | undefined;

  /**
   * @param code what went wrong, as a machine reads it
   * @param message one sentence: what happened, to what
   * @param options remedy, subject, cause
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: ChorusErrorOptions = {},
  ) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.remedy = options.remedy;
    this.subject = options.subject;
    this.retryAfterMs = options.retryAfterMs;
    this.attempts = options.attempts;
  }
}

/** True when `error` is a {@linkcode ChorusError}, of the given code where one is given. */
export function isChorusError(
  error: unknown,
  code?: ErrorCode,
): error is ChorusError {
  return error instanceof ChorusError &&
    (code === undefined || error.code === code);
}

/** True for every shape in which a cancellation arrives: ours, `AbortError`, a signal's reason. */
export function isCancellation(error: unknown): boolean {
  return isChorusError(error, "cancelled") ||
    (error instanceof DOMException && error.name === "AbortError") ||
    (error instanceof Error && error.name === "AbortError");
}
