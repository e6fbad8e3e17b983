/** What the program left, compared with what the generator says that it should have. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { readChanges, type SnapshotEntry } from "../site/changes.ts";
import { ACTIONS, type FileAction } from "../site/planned_file.ts";

/** Where everything is. */
export interface Outcome {
  /** `changes.json` */
  changes: string;
  /** The central folder. */
  central: string;
  /** The checked-in journal. */
  journal: string;
  /** The submission version of each snapshot. */
  versions: readonly string[];
}

/** One statement and whether it holds. */
export interface Finding {
  holds: boolean;
  statement: string;
}

/** Rows of one path, oldest first. */
interface PathRow {
  md5: string;
  size: number;
  mtimeMs: number;
  version: string;
  active: boolean;
  uploaded: boolean;
}

/**
 * Compares the central folder and the journal with `changes.json`, file by file,
 * for two snapshots in journaling mode full. Uses SQL and `node:crypto`, nothing
 * of the program.
 */
export async function compareWithOracle(outcome: Outcome): Promise<Finding[]> {
  const { central, versions } = outcome;
  const last = versions.length;
  const expected = new Map<string, string>();
  const now = new Map<string, SnapshotEntry>();
  const sentIn = new Map<string, string>();
  for await (const entry of readChanges(outcome.changes)) {
    if (entry.modality === null || entry.snapshot > last) continue;
    const version = versions[entry.snapshot - 1];
    if (entry.snapshot === last) now.set(entry.path, entry);
    if (entry.action !== "added" && entry.action !== "changed") continue;
    expected.set(`${version}/${entry.path}`, entry.md5 ?? "");
    sentIn.set(entry.path, version);
  }

  const found = new Map<string, string>();
  for await (const path of filesBelow(central)) {
    // Copies of the journal lie beside the data.
    if (!/^[^/]+\/journal\.db$/.test(path)) found.set(path, await md5Of(join(central, path)));
  }
  const rows = readRows(outcome.journal);
  const present = [...now.values()].filter(({ action }) => action !== "gone");
  const arrived = present.filter(({ path, md5 }) =>
    found.get(`${sentIn.get(path)}/${path}`) === md5
  );
  const same = [...expected].filter(([path, md5]) => found.get(path) === md5);
  const surplus = [...found.keys()].filter((path) => !expected.has(path));
  const agreeing = present.filter((entry) => {
    const active = rows.get(entry.path)?.filter((row) => row.active) ?? [];
    return active.length === 1 && active[0].uploaded && active[0].md5 === entry.md5 &&
      active[0].size === entry.size && active[0].mtimeMs === entry.mtimeMs &&
      active[0].version === sentIn.get(entry.path);
  });
  const activeRows = [...rows.values()].flat().filter(({ active }) => active).length;
  return [
    statement(
      arrived.length,
      present.length,
      "files of the site are in the central folder, read back with the MD5 they should have",
    ),
    statement(
      same.length,
      expected.size,
      "objects of both submissions are there, the replaced ones too",
    ),
    { holds: surplus.length === 0, statement: `${surplus.length} objects are there in excess` },
    statement(
      agreeing.length,
      present.length,
      "files have one active row: size, MD5, time, version, marked as uploaded",
    ),
    statement(activeRows, present.length, "active rows in all"),
    ...ACTIONS.map((action) => actionFinding(action, now, rows, versions[last - 1])),
  ];
}

function statement(count: number, of: number, text: string): Finding {
  return { holds: count === of && of > 0, statement: `${count} of ${of} ${text}` };
}

/** Whether the journal says of the second submission what was done to each file. */
function actionFinding(
  action: FileAction,
  now: ReadonlyMap<string, SnapshotEntry>,
  rows: ReadonlyMap<string, readonly PathRow[]>,
  version: string,
): Finding {
  const done = [...now.values()].filter((entry) => entry.action === action).map(({ path }) => path);
  const read = [...rows].filter(([, each]) => actionOf(each, version) === action)
    .map(([path]) => path);
  const known = new Set(read);
  const same = done.filter((path) => known.has(path)).length;
  return {
    holds: done.length === read.length && same === done.length,
    statement: `${same} of ${done.length} files that were ${action} are so in the journal` +
      (read.length > same ? `, and ${read.length - same} that were not` : ""),
  };
}

/** What happened to a path between two submissions, by its rows alone. */
function actionOf(rows: readonly PathRow[], version: string): FileAction | undefined {
  const active = rows.find((row) => row.active);
  const old = rows.find((row) => !row.active);
  if (active === undefined) return "gone";
  if (old === undefined) return active.version === version ? "added" : "kept";
  return old.md5 === active.md5 && old.size === active.size ? "touched" : "changed";
}

function readRows(journal: string): Map<string, PathRow[]> {
  const rows = new Map<string, PathRow[]>();
  using database = new DatabaseSync(journal, { readOnly: true });
  const statement = database.prepare(
    `SELECT CASE p.SRC_PATH WHEN '.' THEN '' ELSE p.SRC_PATH || '/' END || j.FILENAME AS path,
      j.MD5 AS md5, j.SIZE AS size, j.SRC_MODTIME_us AS mtime, v.VERSION AS version,
      j.TIME_INVALID_us IS NULL AS active, j.UPLOAD_DT_ID IS NOT NULL AS uploaded
    FROM journal_v2 j JOIN srcpaths p ON p.id = j.SRC_PATH_ID
    JOIN versions v ON v.id = j.VERSION_ID ORDER BY j.FILE_ID`,
  );
  for (const row of statement.iterate()) {
    const path = String(row.path);
    rows.set(path, [...rows.get(path) ?? [], {
      md5: String(row.md5),
      size: Number(row.size),
      mtimeMs: Number(row.mtime) / 1000,
      version: String(row.version),
      active: row.active === 1,
      uploaded: row.uploaded === 1,
    }]);
  }
  return rows;
}

async function* filesBelow(root: string, folder = ""): AsyncGenerator<string, void, undefined> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(root, path);
    else yield path;
  }
}

async function md5Of(path: string): Promise<string> {
  return createHash("md5").update(await Deno.readFile(path)).digest("hex");
}
