/** Counts per version and modality, for `journal list`. */

import type { Connection } from "./connection.ts";
import type { RowFilter } from "./journal_row.ts";
import {
  type Condition,
  conditionVersion1,
  conditionVersion2,
  type JournalSchema,
} from "./query_rows.ts";

/** Ids per step: a step is grouped in memory, so the whole takes linear time. */
const STEP = 50_000;

/** Counts of one modality in one version. */
export interface ModalitySummary {
  modality: string;
  /** Different paths. */
  files: number;
  /** Rows that are not invalidated. */
  active: number;
  /** Active rows without an upload stamp. */
  toUpload: number;
  /** Bytes of those. */
  toUploadBytes: number;
}

/** Counts of one version. */
export interface VersionSummary {
  version: string;
  /** Every row, invalidated ones included. */
  rows: number;
  /** Different patients. */
  persons: number;
  files: number;
  active: number;
  toUpload: number;
  toUploadBytes: number;
  /** In order of the modalities' ids. */
  modalities: ModalitySummary[];
}

/** How the two schemas say the same. */
interface Shape {
  table: string;
  version: string;
  modality: string;
  /** What makes a path within a modality. */
  path: string;
  uploaded: string;
  condition: Condition;
}

/**
 * Counts rows by version and modality, in order of the versions.
 * Temporary tables hold what must be counted only once; they are on disk when large.
 *
 * @param versions in their order
 * @param modalities in their order
 */
export function summarize(
  connection: Connection,
  schema: JournalSchema,
  versions: ReadonlyMap<number | string, string>,
  modalities: ReadonlyMap<number | string, string>,
  filter: Pick<RowFilter, "version" | "modalities">,
): VersionSummary[] {
  const shape = schema === 2 ? shape2(filter) : shape1(filter);
  connection.execute(
    `DROP TABLE IF EXISTS temp.summary_person;
     DROP TABLE IF EXISTS temp.summary_gone;
     CREATE TEMP TABLE summary_person (version, person, PRIMARY KEY (version, person)) WITHOUT ROWID;
     CREATE TEMP TABLE summary_gone (version, modality, path, name, PRIMARY KEY (version, modality, path, name)) WITHOUT ROWID;`,
  );
  try {
    const counts = countRows(connection, shape);
    addGonePaths(connection, shape, counts);
    return assemble(connection, counts, versions, modalities);
  } finally {
    connection.execute(
      "DROP TABLE temp.summary_person; DROP TABLE temp.summary_gone;",
    );
  }
}

interface Counts {
  rows: number;
  files: number;
  active: number;
  toUpload: number;
  toUploadBytes: number;
}

/** By version, then by modality. */
type CountsByVersion = Map<unknown, Map<unknown, Counts>>;

function countRows(connection: Connection, shape: Shape): CountsByVersion {
  const counts: CountsByVersion = new Map();
  for (const [after, until] of steps(connection, shape)) {
    const range = [after, until, ...shape.condition.values] as const;
    const where =
      `FROM ${shape.table} j NOT INDEXED WHERE j.FILE_ID > ? AND j.FILE_ID <= ? AND ${shape.condition.sql}`;
    const groups = connection.all(
      `SELECT ${shape.version}, ${shape.modality}, count(*), sum(j.TIME_INVALID_us IS NULL), sum(j.TIME_INVALID_us IS NULL AND ${shape.uploaded} IS NULL), sum(iif(j.TIME_INVALID_us IS NULL AND ${shape.uploaded} IS NULL, j.SIZE, 0)) ${where} GROUP BY 1, 2`,
      ...range,
    );
    for (const [version, modality, rows, active, toUpload, bytes] of groups) {
      const count = countsOf(counts, version, modality);
      count.rows += Number(rows);
      count.active += Number(active);
      count.files += Number(active);
      count.toUpload += Number(toUpload);
      count.toUploadBytes += Number(bytes);
    }
    connection.run(
      `INSERT OR IGNORE INTO temp.summary_person SELECT DISTINCT ${shape.version}, j.PERSON_ID ${where} AND j.PERSON_ID IS NOT NULL`,
      ...range,
    );
    connection.run(
      `INSERT OR IGNORE INTO temp.summary_gone SELECT ${shape.version}, ${shape.modality}, ${shape.path} ${where} AND j.TIME_INVALID_us IS NOT NULL`,
      ...range,
    );
  }
  return counts;
}

/** A path counts once, whether it has an active row or only invalidated ones. */
function addGonePaths(
  connection: Connection,
  shape: Shape,
  counts: CountsByVersion,
): void {
  const some = connection.number(
    "SELECT EXISTS (SELECT 1 FROM temp.summary_gone)",
  );
  if (some === 0) return;
  for (const [after, until] of steps(connection, shape)) {
    connection.run(
      `DELETE FROM temp.summary_gone WHERE (version, modality, path, name) IN (SELECT ${shape.version}, ${shape.modality}, ${shape.path} FROM ${shape.table} j NOT INDEXED WHERE j.FILE_ID > ? AND j.FILE_ID <= ? AND ${shape.condition.sql} AND j.TIME_INVALID_us IS NULL)`,
      after,
      until,
      ...shape.condition.values,
    );
  }
  const groups = connection.all(
    "SELECT version, modality, count(*) FROM temp.summary_gone GROUP BY 1, 2",
  );
  for (const [version, modality, files] of groups) {
    countsOf(counts, version, modality).files += Number(files);
  }
}

function assemble(
  connection: Connection,
  counts: CountsByVersion,
  versions: ReadonlyMap<number | string, string>,
  modalities: ReadonlyMap<number | string, string>,
): VersionSummary[] {
  const persons = new Map(
    connection.all(
      "SELECT version, count(*) FROM temp.summary_person GROUP BY 1",
    ).map(([version, count]) => [version, Number(count)]),
  );
  const summaries: VersionSummary[] = [];
  for (const [id, version] of versions) {
    const ofVersion = counts.get(id);
    if (ofVersion === undefined) continue;
    const summary: VersionSummary = {
      version,
      persons: persons.get(id) ?? 0,
      ...emptyCounts(),
      modalities: [],
    };
    for (const [modalityId, modality] of [...modalities, ["", ""]] as const) {
      const count = ofVersion.get(modalityId);
      if (count === undefined) continue;
      summary.rows += count.rows;
      summary.files += count.files;
      summary.active += count.active;
      summary.toUpload += count.toUpload;
      summary.toUploadBytes += count.toUploadBytes;
      const { rows: _, ...rest } = count;
      summary.modalities.push({ modality, ...rest });
    }
    summaries.push(summary);
  }
  return summaries;
}

function* steps(
  connection: Connection,
  shape: Shape,
): Generator<[after: number, until: number]> {
  const last = connection.number(`SELECT max(FILE_ID) FROM ${shape.table}`);
  for (let after = 0; after < last; after += STEP) {
    yield [after, after + STEP];
  }
}

function countsOf(
  counts: CountsByVersion,
  version: unknown,
  modality: unknown,
): Counts {
  let ofVersion = counts.get(version);
  if (ofVersion === undefined) counts.set(version, ofVersion = new Map());
  let count = ofVersion.get(modality);
  if (count === undefined) ofVersion.set(modality, count = emptyCounts());
  return count;
}

function emptyCounts(): Counts {
  return { rows: 0, files: 0, active: 0, toUpload: 0, toUploadBytes: 0 };
}

function shape2(filter: RowFilter): Shape {
  return {
    table: "journal_v2",
    version: "j.VERSION_ID",
    modality: "coalesce(j.MODALITY_ID, '')",
    path: "j.SRC_PATH_ID, j.FILENAME",
    uploaded: "j.UPLOAD_DT_ID",
    condition: conditionVersion2(filter),
  };
}

function shape1(filter: RowFilter): Shape {
  return {
    table: "journal",
    version: "coalesce(j.VERSION, '')",
    modality: "coalesce(j.MODALITY, '')",
    path: "'', j.FILEPATH",
    uploaded: "j.UPLOAD_DTSTR",
    condition: conditionVersion1(filter),
  };
}
