/** The one place where an error of SQLite becomes one of ours. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";

/** Result codes of SQLite (https://www.sqlite.org/rescode.html). */
const SQLITE = {
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const;

/** What to do with a damaged journal. */
export const RESTORE_REMEDY = "Restore it from its backup beside the data in the central store.";

/** Extended codes that say: only a connection that may write can undo an interrupted transaction. */
const ROLLBACK_NEEDED = new Set([264, 776]);

/** True when reading failed because an interrupted transaction has to be rolled back first. */
export function needsRollback(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && ROLLBACK_NEEDED.has(code);
}

/** True when SQLite could not get a lock that another connection holds. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && [SQLITE.BUSY, SQLITE.LOCKED].includes((code & 0xff) as 5);
}

/**
 * What a database error means. Errors that are none of SQLite's are given back as they are.
 *
 * @param error as thrown by node:sqlite
 * @param path the journal file
 */
export function translateDatabaseError(error: unknown, path: string): unknown {
  if (isChorusError(error)) return error;
  const code = resultCode(error);
  if (code === undefined) {
    return isOutOfRange(error)
      ? new ChorusError(
        "journal_damaged",
        `The journal "${path}" holds a number that is too large to be a size, a time or an id.`,
        {
          remedy:
            "Put a whole copy in its place: one lies under each submission's version in the central store.",
          subject: path,
          cause: error,
        },
      )
      : error;
  }
  const options = { subject: path, cause: error };
  switch (code & 0xff) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new ChorusError(
        "locked",
        `The journal "${path}" is being used by another program.`,
        { ...options, remedy: "Wait until it is done, or end it, then run the command again." },
      );
    case SQLITE.FULL:
      return new ChorusError(
        "disk_full",
        `The disk is full: the journal "${path}" could not be written; what was written before is whole.`,
        { ...options, remedy: "Free some space, then run the command again." },
      );
    case SQLITE.CORRUPT:
      return new ChorusError(
        "journal_damaged",
        `The journal "${path}" is damaged or cut short.`,
        { ...options, remedy: RESTORE_REMEDY },
      );
    case SQLITE.NOTADB:
      return new ChorusError(
        "journal_damaged",
        `"${path}" is not a journal: it is no SQLite database.`,
        { ...options, remedy: "Check the journal's path in the configuration." },
      );
    case SQLITE.READONLY:
      return new ChorusError(
        "io",
        `The journal "${path}" is read-only.`,
        { ...options, remedy: "Make the file and its folder writable for this account." },
      );
    case SQLITE.CANTOPEN:
      return new ChorusError(
        "io",
        `The journal "${path}" can't be opened.`,
        {
          ...options,
          remedy: "Check that the file and its folder are accessible for this account.",
        },
      );
    case SQLITE.IOERR:
      return new ChorusError(
        "io",
        `Reading or writing the journal "${path}" failed: ${messageOf(error)}.`,
        { ...options, remedy: "Check the disk or the network mount, then run the command again." },
      );
    default:
      return new ChorusError(
        "io",
        `The journal "${path}" could not be used: ${messageOf(error)}.`,
        options,
      );
  }
}

/** The extended result code, also where the runtime gives only SQLite's message. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("errcode" in error && typeof error.errcode === "number") {
    return error.errcode;
  }
  if (!("code" in error) || error.code !== "ERR_SQLITE_ERROR") return undefined;
  const message = error.message;
  if (/database( table| schema)? is locked/.test(message)) return SQLITE.BUSY;
  if (/disk is full/.test(message)) return SQLITE.FULL;
  if (/not a database/.test(message)) return SQLITE.NOTADB;
  if (/malformed/.test(message)) return SQLITE.CORRUPT;
  if (/readonly/.test(message)) return SQLITE.READONLY;
  if (/unable to open/.test(message)) return SQLITE.CANTOPEN;
  if (/disk I\/O error/.test(message)) return SQLITE.IOERR;
  return 1;
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    error.code === "ERR_OUT_OF_RANGE";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
