/** Finds active rows by folder and name, also in a journal that has no index for it. */

import type { Connection } from "./connection.ts";
import { PATH_INDEX } from "./schema.ts";

/** Active rows of a folder: `?` is the folder's id. */
const INDEXED_FOLDER = "journal_v2 j WHERE j.SRC_PATH_ID = ? AND j.TIME_INVALID_us IS NULL";

/** Active rows with some names: `?`s are the names as a JSON array and the folder's id. */
const INDEXED_NAMES =
  "json_each(?) n CROSS JOIN journal_v2 j ON j.SRC_PATH_ID = ? AND j.FILENAME = n.value WHERE j.TIME_INVALID_us IS NULL";

const COPIED_FOLDER =
  "temp.active_path a CROSS JOIN journal_v2 j ON j.FILE_ID = a.FILE_ID WHERE a.SRC_PATH_ID = ? AND j.TIME_INVALID_us IS NULL";

const COPIED_NAMES =
  "json_each(?) n CROSS JOIN temp.active_path a ON a.SRC_PATH_ID = ? AND a.FILENAME = n.value CROSS JOIN journal_v2 j ON j.FILE_ID = a.FILE_ID WHERE j.TIME_INVALID_us IS NULL";

/**
 * The sources of rows `j` for a query. A journal that was opened for writing
 * has an index on paths. One that is only read may not get one; there the first
 * look-up copies the paths of the active rows into a temporary table, which is
 * on disk when it is large, and again when another program has written.
 */
export class PathLookup {
  readonly #indexed: boolean;
  #copiedAt: number | undefined;

  constructor(private readonly connection: Connection) {
    this.#indexed = connection.number(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = ?",
      PATH_INDEX,
    ) > 0;
  }

  /** `… FROM <this> AND <more conditions>`, with the folder's id as value. */
  inFolder(): string {
    if (this.#indexed) return INDEXED_FOLDER;
    this.#copyPaths();
    return COPIED_FOLDER;
  }

  /** The same with two values: the names as a JSON array and the folder's id. */
  byNames(): string {
    if (this.#indexed) return INDEXED_NAMES;
    this.#copyPaths();
    return COPIED_NAMES;
  }

  #copyPaths(): void {
    const now = this.connection.number("PRAGMA data_version");
    if (this.#copiedAt === now) return;
    this.connection.execute(`
      DROP TABLE IF EXISTS temp.active_path;
      CREATE TEMP TABLE active_path (SRC_PATH_ID, FILENAME, FILE_ID, PRIMARY KEY (SRC_PATH_ID, FILENAME, FILE_ID)) WITHOUT ROWID;
      INSERT INTO temp.active_path SELECT SRC_PATH_ID, FILENAME, FILE_ID FROM journal_v2 NOT INDEXED WHERE TIME_INVALID_us IS NULL;
    `);
    this.#copiedAt = now;
  }
}
