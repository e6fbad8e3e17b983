/** The errors of a manifest's database file, in the manifest's words. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { translateDatabaseError } from "../journal/database_error.ts";

/**
 * What a database error means for a manifest. Errors that are none of SQLite's
 * are given back as they are.
 */
export function translateManifestError(error: unknown, path: string): unknown {
  const known = translateDatabaseError(error, path);
  if (known === error || !isChorusError(known)) return known;
  const options = { subject: path, cause: error };
  switch (known.code) {
    case "locked":
      return new ChorusError("locked", `The manifest "${path}" is being used by another program.`, {
        ...options,
        remedy: "Wait until it is done, or end it, then run the command again.",
      });
    case "disk_full":
      return new ChorusError(
        "disk_full",
        `The disk is full: the manifest "${path}", or a temporary file for it, could not be written; the manifest is as it was.`,
        { ...options, remedy: "Free some space, then run the command again." },
      );
    case "journal_damaged":
      return /no SQLite/.test(known.message)
        ? notAManifest(path, "it is no SQLite database", error)
        : new ChorusError("io", `The manifest "${path}" is damaged or cut short.`, {
          ...options,
          remedy: "Restore it from a backup; or move it away and generate it again: " +
            "record ids will be the same, the times of earlier runs are lost.",
        });
    default: {
      const why = error instanceof Error ? error.message : String(error);
      return new ChorusError(known.code, `The manifest "${path}" can't be used: ${why}.`, {
        ...options,
        remedy: "Check that the file and its folder may be read and written by this account.",
      });
    }
  }
}

/** The error for a file that is something else. It is never touched. */
export function notAManifest(path: string, why: string, cause?: unknown): ChorusError {
  return new ChorusError("usage", `"${path}" is not a manifest: ${why}.`, {
    subject: path,
    remedy: "Name another file; what is there is left as it is.",
    cause,
  });
}
