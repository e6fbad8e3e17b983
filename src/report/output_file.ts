/** What a report may not be written over. */

import { ChorusError } from "../errors/chorus_error.ts";

/** @see https://www.sqlite.org/fileformat.html#magic_header_string */
const SQLITE_HEADER = "SQLite format 3\0";

/**
 * Refuses a file for output that is a database: a mistyped name must not cost
 * the journal or the manifest.
 *
 * @param path may be missing; then it is fine
 * @throws ChorusError `usage`
 */
export function requireNoDatabase(path: string): void {
  const bytes = new Uint8Array(SQLITE_HEADER.length);
  try {
    if (!Deno.statSync(path).isFile) return;
    using file = Deno.openSync(path);
    file.readSync(bytes);
  } catch {
    // The one who opens it for writing says why it can't be.
    return;
  }
  if (new TextDecoder().decode(bytes) !== SQLITE_HEADER) return;
  throw new ChorusError("usage", `"${path}" is a database; output would destroy it.`, {
    subject: path,
    remedy: "Give another path.",
  });
}
