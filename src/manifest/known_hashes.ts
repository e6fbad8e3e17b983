/** Digests of files that were hashed for the manifest, so that each is hashed once. */

import type { Connection } from "../journal/connection.ts";
import type { ActiveRow } from "../journal/journal_row.ts";

/** A file as it was when it was hashed. */
export interface KnownHash {
  /** Relative to the modality's root, POSIX. */
  path: string;
  /** Bytes. */
  size: number;
  /** Microseconds since 1970 UTC. */
  mtimeUs: number;
  /** Lower-case hex. */
  md5: string;
  /** A moment before the first byte was read, microseconds. */
  hashedUs: number;
}

/** What is known of some files, by path, in the form that the journal's change rules take. */
export function knownHashes(
  connection: Connection,
  paths: readonly string[],
): Map<string, ActiveRow> {
  const rows = connection.all(
    "SELECT k.Srcfile, k.Size, k.Modified, k.MD5, k.Hashed FROM json_each(?) p CROSS JOIN known_hashes k ON k.Srcfile = p.value",
    JSON.stringify(paths),
  );
  return new Map(rows.map(([path, size, mtimeUs, md5, hashedUs]) => [String(path), {
    fileId: 0,
    name: String(path),
    size: Number(size),
    mtimeUs: Number(mtimeUs),
    md5: String(md5),
    hashedUs: Number(hashedUs),
  }]));
}

/** Remembers digests at once: a run that is killed later need not hash these files again. */
export function rememberHashes(connection: Connection, hashes: readonly KnownHash[]): void {
  connection.transaction(() => {
    for (const { path, size, mtimeUs, md5, hashedUs } of hashes) {
      connection.run(
        "INSERT OR REPLACE INTO known_hashes VALUES (?, ?, ?, ?, ?)",
        path,
        size,
        mtimeUs,
        md5,
        hashedUs,
      );
    }
  });
}

/** Forgets files that a complete walk has not come across. */
export function forgetOtherHashes(connection: Connection): void {
  connection.transaction(() =>
    connection.run(
      `DELETE FROM known_hashes WHERE NOT EXISTS
        (SELECT 1 FROM temp.found f WHERE f.Srcfile = known_hashes.Srcfile)
        AND Srcfile NOT IN (SELECT Srcfile FROM temp.held)`,
    )
  );
}
