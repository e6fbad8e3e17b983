/** The waveform registry, compared with what the generator says that it should hold. */

import { DatabaseSync } from "node:sqlite";
import { readChanges } from "../site/changes.ts";
import type { Finding } from "./compare_with_oracle.ts";

/**
 * Compares the active records of a manifest, made with sessions by visits, with
 * the last snapshot: person, visit, start, submission, files and their MD5.
 *
 * @param manifest the manifest's path
 * @param versions the submission version of each snapshot
 */
export async function compareRegistry(
  changes: string,
  manifest: string,
  versions: readonly string[],
): Promise<Finding[]> {
  const sentIn = new Map<string, string>();
  const expected = new Map<string, string>();
  for await (const entry of readChanges(changes)) {
    const { path, person, record, md5, action, snapshot } = entry;
    if (record === undefined || snapshot > versions.length) continue;
    if (action === "added" || action === "changed") sentIn.set(path, versions[snapshot - 1]);
    if (snapshot < versions.length || action === "gone") continue;
    const line = [person, record.visit, record.start, sentIn.get(path), md5];
    expected.set(path, line.join(" "));
  }
  using database = new DatabaseSync(manifest, { readOnly: true });
  const rows = database.prepare(
    `SELECT f.Srcfile AS path, concat_ws(' ', r.Person_id, coalesce(r.Session_id, ''), r.Date,
      r.Time, r.Uploaddir, f.MD5) AS line
    FROM source_files f JOIN registry r USING (Record_id)
    WHERE f.Time_Invalid IS NULL AND r.IsActive = 1`,
  ).all();
  const same = rows.filter(({ path, line }) => expected.get(String(path)) === line).length;
  return [{
    holds: same === expected.size && rows.length === expected.size && same > 0,
    statement: `${same} of ${expected.size} waveform files are in the registry, with person, ` +
      "visit, start, submission and MD5",
  }];
}
