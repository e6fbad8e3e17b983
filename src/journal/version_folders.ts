/** The folders that have active rows in a version, for finding conflicts of central paths. */

import type { Connection } from "./connection.ts";
import type { RowFilter } from "./journal_row.ts";
import { conditionVersion1, conditionVersion2, type JournalSchema } from "./query_rows.ts";

/** A modality's folder with active rows. */
export interface VersionFolder {
  modality: string;
  /** POSIX, relative to the modality's root; `.` for the root. */
  folder: string;
}

const PAGE = 2_000;

/** Numbers the temporary tables, so that two walks may go on side by side. */
let walks = 0;

/**
 * Pages of different (modality, folder) pairs with active rows of a version.
 * One scan of the journal fills a temporary table, on disk when it is large.
 */
export function* versionFolders(
  connection: Connection,
  schema: JournalSchema,
  filter: Pick<RowFilter, "version" | "modalities">,
): Generator<VersionFolder[]> {
  const table = `folders_${++walks}`;
  const { sql, values } = schema === 2
    ? conditionVersion2({ ...filter, active: true })
    : conditionVersion1({ ...filter, active: true });
  // With FILEPATH stripped of all but its slashes, rtrim cuts the last part off.
  const columns = schema === 2
    ? "j.MODALITY_ID AS modality, j.SRC_PATH_ID AS folder FROM journal_v2 j"
    : "j.MODALITY AS modality, rtrim(j.FILEPATH, replace(j.FILEPATH, '/', '')) AS folder FROM journal j";
  connection.execute(
    `CREATE TEMP TABLE ${table} (n INTEGER PRIMARY KEY, modality, folder)`,
  );
  try {
    connection.run(
      `INSERT INTO temp.${table} (modality, folder) SELECT DISTINCT ${columns} NOT INDEXED WHERE ${sql}`,
      ...values,
    );
    const page = schema === 2
      ? `SELECT t.n, coalesce(m.MODALITY, ''), p.SRC_PATH FROM temp.${table} t CROSS JOIN srcpaths p ON p.id = t.folder LEFT JOIN modalities m ON m.id = t.modality`
      : `SELECT t.n, coalesce(t.modality, ''), iif(t.folder = '', '.', substr(t.folder, 1, length(t.folder) - 1)) FROM temp.${table} t`;
    let after = 0;
    for (;;) {
      const rows = connection.all(
        `${page} WHERE t.n > ? ORDER BY t.n LIMIT ?`,
        after,
        PAGE,
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(([, modality, folder]) => ({
        modality: String(modality),
        folder: String(folder),
      }));
      after = Number(last[0]);
    }
  } finally {
    connection.execute(`DROP TABLE temp.${table}`);
  }
}
