/** Upload stamps, and the proofs that go with them. */

import type { Connection } from "./connection.ts";
import type { ProofLevel } from "./journal_row.ts";
import type { Lookups } from "./lookups.ts";
import { recordVerification } from "./verification.ts";

/** A row whose object was proven to be at its central path. */
export interface UploadedItem {
  fileId: number;
  level: ProofLevel;
}

/** With what rows are marked. */
export interface UploadMark {
  /** The run's stamp, `YYYYMMDDHHMMSS` UTC. */
  stamp: string;
  /** When the proof was had; microseconds since 1970 UTC. */
  checkedUs: number;
  /** Who vouches for it: user and host, or the program's name. */
  checkedBy: string;
}

/**
 * Marks rows as uploaded, in the caller's transaction. A row that was
 * invalidated or marked meanwhile is left alone.
 *
 * @returns how many rows were marked
 */
export function markUploaded(
  connection: Connection,
  lookups: Lookups,
  items: readonly UploadedItem[],
  mark: UploadMark,
): number {
  if (items.length === 0) return 0;
  const levels = new Map(items.map(({ fileId, level }) => [fileId, level]));
  const marked = connection.all(
    "UPDATE journal_v2 SET UPLOAD_DT_ID = ? WHERE FILE_ID IN (SELECT value FROM json_each(?)) AND TIME_INVALID_us IS NULL AND UPLOAD_DT_ID IS NULL RETURNING FILE_ID",
    lookups.findOrInsert("uploads", mark.stamp),
    JSON.stringify([...levels.keys()]),
  );
  for (const [fileId] of marked) {
    const id = Number(fileId);
    recordVerification(connection, {
      fileId: id,
      checkedUs: mark.checkedUs,
      level: levels.get(id) ?? "sender",
      result: "equal",
      checkedBy: mark.checkedBy,
    });
  }
  return marked.length;
}

/** Before any time that a file can have: content hashed then is not to be trusted. */
const NEVER_US = Number.MIN_SAFE_INTEGER;

/**
 * Notes that an upload met other content than these rows hold, in the caller's
 * transaction: the next update hashes their files again, whatever their time says.
 */
export function distrustRows(connection: Connection, fileIds: readonly number[]): void {
  connection.run(
    "INSERT OR REPLACE INTO hash_time (FILE_ID, HASHED_us) SELECT FILE_ID, ? FROM journal_v2 WHERE FILE_ID IN (SELECT value FROM json_each(?)) AND TIME_INVALID_us IS NULL",
    NEVER_US,
    JSON.stringify(fileIds),
  );
}

/**
 * MD5s that earlier, now invalid rows of a path have in the same version: what
 * an amended submission may find at the central path and may replace.
 */
export function earlierMd5s(
  connection: Connection,
  lookups: Lookups,
  path: { version: string; modality: string; folder: string; name: string },
): Set<string> {
  const versionId = lookups.find("versions", path.version);
  const modalityId = lookups.find("modalities", path.modality);
  const folderId = lookups.find("srcpaths", path.folder);
  if (
    versionId === undefined || modalityId === undefined ||
    folderId === undefined
  ) return new Set();
  return new Set(
    connection.all(
      "SELECT DISTINCT MD5 FROM journal_v2 WHERE SRC_PATH_ID = ? AND FILENAME = ? AND MODALITY_ID = ? AND VERSION_ID = ? AND TIME_INVALID_us IS NOT NULL",
      folderId,
      path.name,
      modalityId,
      versionId,
    ).map(([md5]) => String(md5)),
  );
}
