/** Active rows by folder, for the change rules, and the ones an update did not come across. */

import type { Connection, SqlValue } from "./connection.ts";
import type { ActiveRow } from "./journal_row.ts";
import type { Lookups } from "./lookups.ts";
import { PathLookup } from "./path_lookup.ts";
import type { SeenRows } from "./seen_rows.ts";

/** Rows looked at per step when rows that were not seen are searched. */
const SCAN_STEP = 20_000;

/** A folder with this many more rows than asked for is read by name instead of as a whole. */
const FOLDER_SLACK = 2_000;

/** An active row with its place. */
export interface ActivePath {
  fileId: number;
  folder: string;
  name: string;
}

/** Reads active rows of a version-2 journal. */
export class ActiveRows {
  readonly #paths: PathLookup;
  /** The last folder that was too large to be read as a whole. */
  #largeFolder: string | undefined;
  /** Rows with a note are rare; looking each one up costs a third more. */
  #hasNotes: boolean;

  /** @param hasHashTimes false for a journal that only the predecessor has written */
  constructor(
    private readonly connection: Connection,
    private readonly lookups: Lookups,
    hasHashTimes: boolean,
  ) {
    this.#paths = new PathLookup(connection);
    this.#hasNotes = hasHashTimes &&
      connection.number("SELECT EXISTS (SELECT 1 FROM hash_time)") === 1;
  }

  /** To be called when moments of hashes were noted. */
  expectNotes(): void {
    this.#hasNotes = true;
  }

  /**
   * The active rows of a folder. With `names`, at least the rows of these names
   * and never many more than there are names, however large the folder is.
   */
  inFolder(
    modality: string,
    folder: string,
    names?: readonly string[],
  ): ActiveRow[] {
    const folderId = this.lookups.find("srcpaths", folder);
    const modalityId = this.lookups.find("modalities", modality);
    if (folderId === undefined || modalityId === undefined) return [];
    if (names === undefined) {
      return this.connection.all(
        `SELECT ${this.#columns()} FROM ${this.#paths.inFolder()} AND j.MODALITY_ID = ?`,
        folderId,
        modalityId,
      ).map(toActiveRow);
    }
    const key = `${modalityId} ${folderId}`;
    if (this.#largeFolder !== key) {
      const most = names.length + FOLDER_SLACK;
      const rows = this.connection.all(
        `SELECT ${this.#columns()} FROM ${this.#paths.inFolder()} AND j.MODALITY_ID = ? LIMIT ?`,
        folderId,
        modalityId,
        most,
      );
      if (rows.length < most) return rows.map(toActiveRow);
      this.#largeFolder = key;
    }
    return this.connection.all(
      `SELECT ${this.#columns()} FROM ${this.#paths.byNames()} AND j.MODALITY_ID = ?`,
      JSON.stringify(names),
      folderId,
      modalityId,
    ).map(toActiveRow);
  }

  #columns(): string {
    const hashed = this.#hasNotes
      ? "coalesce((SELECT HASHED_us FROM hash_time h WHERE h.FILE_ID = j.FILE_ID), j.TIME_VALID_us)"
      : "j.TIME_VALID_us";
    return `j.FILE_ID, j.FILENAME, j.SIZE, j.SRC_MODTIME_us, j.MD5, ${hashed}`;
  }

  /** The active rows of one version that have one of these names in a folder. */
  inVersion(
    version: string,
    modality: string,
    folder: string,
    names: readonly string[],
  ): { fileId: number; name: string }[] {
    const folderId = this.lookups.find("srcpaths", folder);
    const modalityId = this.lookups.find("modalities", modality);
    const versionId = this.lookups.find("versions", version);
    if (folderId === undefined || modalityId === undefined || versionId === undefined) return [];
    return this.connection.all(
      `SELECT j.FILE_ID, j.FILENAME FROM ${this.#paths.byNames()} AND j.MODALITY_ID = ? AND j.VERSION_ID = ?`,
      JSON.stringify(names),
      folderId,
      modalityId,
      versionId,
    ).map(([fileId, name]) => ({ fileId: Number(fileId), name: String(name) }));
  }

  /** The number of active rows by modality, in one scan. */
  counts(): Map<string, number> {
    const modalities = [...this.lookups.texts("modalities")];
    if (modalities.length === 0) return new Map();
    const sums = modalities.map(([id]) => `total(MODALITY_ID = ${id})`);
    const counts = this.connection.first(
      `SELECT ${sums.join(", ")} FROM journal_v2 NOT INDEXED WHERE TIME_INVALID_us IS NULL`,
    ) ?? [];
    return new Map(modalities.map(([, modality], index) => [modality, Number(counts[index])]));
  }

  /** The number of active rows of a modality. */
  count(modality: string): number {
    const modalityId = this.lookups.find("modalities", modality);
    if (modalityId === undefined) return 0;
    return this.connection.number(
      "SELECT count(*) FROM journal_v2 NOT INDEXED WHERE MODALITY_ID = ? AND TIME_INVALID_us IS NULL",
      modalityId,
    );
  }

  /** Pages of active rows that were there at the start and were not seen, in order of FILE_ID. */
  *unseen(modality: string, seen: SeenRows): Generator<ActivePath[]> {
    const modalityId = this.lookups.find("modalities", modality);
    if (modalityId === undefined) return;
    let after = 0;
    while (after < seen.lastFileId) {
      const until = Math.min(after + SCAN_STEP, seen.lastFileId);
      const missing = this.connection.all(
        "SELECT FILE_ID FROM journal_v2 WHERE FILE_ID > ? AND FILE_ID <= ? AND MODALITY_ID = ? AND TIME_INVALID_us IS NULL ORDER BY FILE_ID",
        after,
        until,
        modalityId,
      ).map(([fileId]) => Number(fileId)).filter((fileId) => !seen.has(fileId));
      if (missing.length > 0) {
        yield this.connection.all(
          "SELECT j.FILE_ID, p.SRC_PATH, j.FILENAME FROM json_each(?) n CROSS JOIN journal_v2 j ON j.FILE_ID = n.value JOIN srcpaths p ON p.id = j.SRC_PATH_ID ORDER BY j.FILE_ID",
          JSON.stringify(missing),
        ).map(([fileId, folder, name]) => ({
          fileId: Number(fileId),
          folder: String(folder),
          name: String(name),
        }));
      }
      after = until;
    }
  }
}

function toActiveRow(columns: SqlValue[]): ActiveRow {
  return {
    fileId: columns[0] as number,
    name: columns[1] as string,
    size: columns[2] as number,
    mtimeUs: columns[3] as number,
    md5: columns[4] as string,
    hashedUs: columns[5] as number,
  };
}
