/** Paths of places as the file gives them: checked, never changed. */

import { isChorusError } from "../errors/chorus_error.ts";
import { isLocal, parseLocation } from "../storage/location.ts";
import type { KeyPath, Problems } from "./problems.ts";
import { maskText, quote } from "./shown_value.ts";

/** The container or bucket of a cloud path; empty for a local one. */
export function containerOf(path: string): string {
  if (isLocal(path)) return "";
  const location = parseLocation(path);
  return "container" in location ? location.container : "";
}

/** Tells what is wrong with a place's path. */
export function checkPlacePath(
  path: string,
  key: KeyPath,
  problems: Problems,
): void {
  try {
    parseLocation(path);
  } catch (error) {
    problems.error(key, because(error));
    return;
  }
  if (isLocal(path)) {
    if (/^~[\\/]?/.test(path)) {
      problems.warn(
        key,
        `is ${quote(path)}: "~" is not replaced by the home folder`,
      );
    }
  } else if (containerOf(path) === "" && /^(az|s3|gs):/i.test(path)) {
    problems.error(key, `is ${quote(path)}, which names no container`);
  }
}

/** Tells when a path can't be a journal's: it must end with a file's name. */
export function checkJournalPath(
  path: string,
  key: KeyPath,
  problems: Problems,
): void {
  checkPlacePath(path, key, problems);
  if (problems.hasErrorAt(key)) return;
  const location = parseLocation(path);
  const noFile = "path" in location
    ? /(^|[\\/])\.{0,2}$/.test(location.path)
    : location.prefix === "" || path.endsWith("/");
  if (noFile) {
    problems.error(
      key,
      `is ${quote(path)}, which names no file: add one such as journal.db`,
    );
  }
}

/** What one of our own errors says, as the rest of a sentence that begins with the key. */
export function because(error: unknown): string {
  if (!isChorusError(error)) throw error;
  const remedy = error.remedy === undefined ? "" : ` ${error.remedy}`;
  return maskText(
    `is wrong: ${error.message}${error.message.endsWith(".") ? "" : "."}${remedy}`,
  ).replace(/\.$/, "");
}
