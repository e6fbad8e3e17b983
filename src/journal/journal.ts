/** The open journal: what the rest of the program holds. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { type ActivePath, ActiveRows } from "./active_rows.ts";
import {
  beginCommand,
  beginsWith,
  type CommandEntry,
  type CommandRecord,
  finishCommand,
  readHistory,
} from "./command_history.ts";
import type { Connection } from "./connection.ts";
import type {
  ActiveRow,
  JournalChange,
  JournalRow,
  JournalVersion,
  ProofLevel,
  RowFilter,
} from "./journal_row.ts";
import { Lookups } from "./lookups.ts";
import { type JournalSchema, queryRows, type RowPageOptions } from "./query_rows.ts";
import { SeenRows } from "./seen_rows.ts";
import { summarize, type VersionSummary } from "./summary.ts";
import {
  distrustRows,
  earlierMd5s,
  markUploaded,
  type UploadedItem,
  type UploadMark,
} from "./upload_marks.ts";
import {
  provenRows,
  recordVerification,
  type Verification,
  verificationsOf,
} from "./verification.ts";
import { type VersionFolder, versionFolders } from "./version_folders.ts";
import { lastFileId, writePage, type WrittenPage } from "./write_page.ts";

/** What a journal is opened for. */
export type JournalAccess = "read" | "write";

const PENDING_VERSION = "pending_version";
const RESUME_PREFIX = "resume:";

/**
 * A journal file, open. Made by `openJournal` only.
 *
 * Every call is synchronous and holds SQLite's lock only while it runs; the
 * generators hold nothing between two pages. Calls that write are one
 * transaction each and throw `journal_version` on a version-1 journal. All
 * throw ChorusError: `locked`, `disk_full`, `journal_damaged`, `io`.
 */
export class Journal implements Disposable {
  readonly #connection: Connection;
  readonly #lookups: Lookups;
  readonly #activeRows: ActiveRows;
  readonly #release: () => void;
  /** SQLite's count of changes by others, as it was at opening. */
  readonly #dataVersion: number;

  /**
   * @param release called after the connection was closed
   * @param hasExtraTables false when only the predecessor has written the file
   */
  constructor(
    connection: Connection,
    readonly schema: JournalSchema,
    readonly access: JournalAccess,
    readonly hasExtraTables: boolean,
    release: () => void,
  ) {
    this.#connection = connection;
    this.#lookups = new Lookups(connection);
    this.#activeRows = new ActiveRows(
      connection,
      this.#lookups,
      hasExtraTables,
    );
    this.#release = release;
    this.#dataVersion = this.#readDataVersion();
  }

  /** The journal file. */
  get path(): string {
    return this.#connection.path;
  }

  [Symbol.dispose](): void {
    try {
      if (this.access === "write") removeSideFile(this.#connection);
      this.#connection[Symbol.dispose]();
    } finally {
      this.#release();
    }
  }

  // What is in it

  /** Versions that have rows or had some, oldest first. */
  versions(): JournalVersion[] {
    if (this.schema === 1) {
      return this.#connection.all(
        "SELECT min(FILE_ID), VERSION FROM journal WHERE VERSION IS NOT NULL GROUP BY VERSION ORDER BY 1",
      ).map(([id, version]) => ({ id: Number(id), version: String(version) }));
    }
    return [...this.#lookups.texts("versions")].map(([id, version]) => ({
      id,
      version,
    }));
  }

  /** The version with the highest id, undefined in an empty journal. */
  newestVersion(): JournalVersion | undefined {
    return this.versions().at(-1);
  }

  /** The newest version that has an active row with an upload stamp. */
  newestUploadedVersion(): JournalVersion | undefined {
    return this.versions().findLast(({ version }) => {
      const pages = this.rows(
        { version, active: true, uploaded: true },
        { pageSize: 1 },
      );
      return !pages.next().done;
    });
  }

  /** Modalities that have rows or had some, in order of appearance. */
  modalities(): string[] {
    if (this.schema === 1) {
      return this.#connection.all(
        "SELECT MODALITY FROM journal WHERE MODALITY IS NOT NULL GROUP BY MODALITY ORDER BY min(FILE_ID)",
      ).map(([modality]) => String(modality));
    }
    return [...this.#lookups.texts("modalities").values()];
  }

  /** Pages of rows with their texts, in order of FILE_ID, from either schema. */
  rows(
    filter: RowFilter = {},
    options: RowPageOptions = {},
  ): Generator<JournalRow[]> {
    return queryRows(this.#connection, this.schema, filter, options);
  }

  /** Counts per version and modality, oldest version first. */
  summary(
    filter: Pick<RowFilter, "version" | "modalities"> = {},
  ): VersionSummary[] {
    const versions: ReadonlyMap<number | string, string> = this.schema === 2
      ? this.#lookups.texts("versions")
      : new Map(this.versions().map(({ version }) => [version, version]));
    const modalities: ReadonlyMap<number | string, string> = this.schema === 2
      ? this.#lookups.texts("modalities")
      : new Map(this.modalities().map((modality) => [modality, modality]));
    return summarize(
      this.#connection,
      this.schema,
      versions,
      modalities,
      filter,
    );
  }

  /** Pages of different folders that have active rows. */
  folders(
    filter: Pick<RowFilter, "version" | "modalities"> = {},
  ): Generator<VersionFolder[]> {
    return versionFolders(this.#connection, this.schema, filter);
  }

  // Update

  /**
   * Active rows of a folder, as the change rules need them. Version 2 only.
   *
   * @param names where given, at least the rows of these names, and never many
   * more than there are names: a folder of a million files is read in batches
   */
  activeRows(
    modality: string,
    folder: string,
    names?: readonly string[],
  ): ActiveRow[] {
    this.#requireVersion2();
    return this.#activeRows.inFolder(modality, folder, names);
  }

  /** The active rows of one version that have one of these names in a folder. Version 2 only. */
  activeInVersion(
    version: string,
    modality: string,
    folder: string,
    names: readonly string[],
  ): { fileId: number; name: string }[] {
    this.#requireVersion2();
    return this.#activeRows.inVersion(version, modality, folder, names);
  }

  /** The number of active rows of a modality. Version 2 only. */
  countActive(modality: string): number {
    this.#requireVersion2();
    return this.#activeRows.count(modality);
  }

  /** The number of active rows by modality, in one scan. Version 2 only. */
  activeCounts(): Map<string, number> {
    this.#requireVersion2();
    return this.#activeRows.counts();
  }

  /** An empty set for the rows that an update will come across. Version 2 only. */
  trackSeenRows(): SeenRows {
    this.#requireVersion2();
    return new SeenRows(lastFileId(this.#connection));
  }

  /** Pages of active rows of a modality that are not in `seen`: candidates for deletion. */
  unseenActive(modality: string, seen: SeenRows): Generator<ActivePath[]> {
    this.#requireVersion2();
    return this.#activeRows.unseen(modality, seen);
  }

  /**
   * Writes a page of changes, all or nothing.
   *
   * @param nowUs microseconds since 1970 UTC, the rows' valid or invalid time
   */
  writePage(changes: readonly JournalChange[], nowUs: number): WrittenPage {
    const written = this.#write(() => writePage(this.#connection, this.#lookups, changes, nowUs));
    if (written.notes > 0) this.#activeRows.expectNotes();
    return written;
  }

  /** The version of an update that began and did not finish. */
  pendingVersion(): string | undefined {
    return this.#state(PENDING_VERSION);
  }

  /** Remembers the version of the update that begins. */
  setPendingVersion(version: string): void {
    this.#setState(PENDING_VERSION, version);
  }

  /** The update is finished. */
  clearPendingVersion(): void {
    this.#deleteState(PENDING_VERSION);
  }

  // Upload and verification

  /**
   * Marks rows as uploaded and remembers the proofs. Rows that are no longer
   * active, or marked already, are left alone.
   *
   * @returns how many rows were marked
   */
  markUploaded(items: readonly UploadedItem[], mark: UploadMark): number {
    return this.#write(() => markUploaded(this.#connection, this.#lookups, items, mark));
  }

  /**
   * Remembers that these rows' files were found to hold other content, so that the
   * next update hashes them again even where size and time are unchanged.
   */
  distrust(fileIds: readonly number[]): void {
    if (fileIds.length > 0) this.#write(() => distrustRows(this.#connection, fileIds));
  }

  /** Where interrupted uploads of large files left off, by central key. */
  resumeTokens(): {
    get(centralKey: string): string | undefined;
    set(centralKey: string, token: string): void;
    delete(centralKey: string): void;
  } {
    return {
      get: (centralKey) => this.#state(RESUME_PREFIX + centralKey),
      set: (centralKey, token) => this.#setState(RESUME_PREFIX + centralKey, token),
      delete: (centralKey) => this.#deleteState(RESUME_PREFIX + centralKey),
    };
  }

  /** MD5s of invalidated rows of the same path in the same version. Version 2 only. */
  earlierMd5s(
    path: { version: string; modality: string; folder: string; name: string },
  ): Set<string> {
    this.#requireVersion2();
    return earlierMd5s(this.#connection, this.#lookups, path);
  }

  /** Remembers results of checks, one transaction. */
  recordVerifications(checks: readonly Verification[]): void {
    this.#write(() => {
      for (const check of checks) recordVerification(this.#connection, check);
    });
  }

  /** What is remembered about one row. */
  verificationsOf(fileId: number): Verification[] {
    return this.hasExtraTables ? verificationsOf(this.#connection, fileId) : [];
  }

  /** Of a page of rows, the ones found equal at a level since a moment, microseconds. */
  provenRows(
    fileIds: readonly number[],
    level: ProofLevel,
    sinceUs = 0,
  ): Set<number> {
    return this.hasExtraTables ? provenRows(this.#connection, fileIds, level, sinceUs) : new Set();
  }

  // History

  /** Every recorded command, oldest first. */
  history(): CommandRecord[] {
    return readHistory(this.#connection, this.schema);
  }

  /** Records that a command begins; gives its id for {@linkcode finishCommand}. */
  beginCommand(entry: CommandEntry): number {
    return this.#write(() => beginCommand(this.#connection, entry));
  }

  /** Records how long a command took. */
  finishCommand(id: number, seconds: number): void {
    this.#write(() => finishCommand(this.#connection, id, seconds));
  }

  /** True when this journal's history begins with all of the other's. */
  historyBeginsWith(other: Journal): boolean {
    return beginsWith(this.history(), other.history());
  }

  // Upkeep

  /** What `PRAGMA integrity_check` finds wrong with the file; empty when it is whole. Reads all of it. */
  damage(): string[] {
    try {
      return this.#connection.all("PRAGMA integrity_check")
        .map(([message]) => String(message))
        .filter((message) => message !== "ok");
    } catch (error) {
      // Where a page is too damaged, SQLite gives up instead of listing it.
      if (isChorusError(error, "journal_damaged")) return [error.message];
      throw error;
    }
  }

  /** Damage, and rows that refer to nothing; empty when the journal is sound. Reads all of it. */
  integrityCheck(): string[] {
    const damage = this.damage();
    if (damage.length > 0) return damage;
    const dangling = this.#connection.all(
      'SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2',
    ).map(([table, parent, count]) => `${count} rows of ${table} refer to nothing in ${parent}`);
    return dangling;
  }

  #state(name: string): string | undefined {
    if (!this.hasExtraTables) return undefined;
    return this.#connection.text("SELECT VALUE FROM chorus_state WHERE NAME = ?", name);
  }

  #setState(name: string, value: string): void {
    this.#write(() =>
      this.#connection.run(
        "INSERT OR REPLACE INTO chorus_state (NAME, VALUE) VALUES (?, ?)",
        name,
        value,
      )
    );
  }

  #deleteState(name: string): void {
    this.#write(() => this.#connection.run("DELETE FROM chorus_state WHERE NAME = ?", name));
  }

  #write<T>(body: () => T): T {
    this.#requireVersion2();
    if (this.access === "read") {
      throw new ChorusError(
        "io",
        `The journal "${this.path}" was opened for reading only.`,
        { subject: this.path },
      );
    }
    try {
      return this.#connection.transaction(() => {
        this.#requireAlone();
        return body();
      });
    } catch (error) {
      this.#lookups.forget();
      throw error;
    }
  }

  #requireVersion2(): void {
    if (this.schema === 2) return;
    throw journalVersionError(this.path);
  }

  /** Rows read before a change by another program may be out of date. */
  #requireAlone(): void {
    if (this.#readDataVersion() === this.#dataVersion) return;
    throw new ChorusError(
      "locked",
      `Another program has changed the journal "${this.path}" while it was being written here; what was written before is whole.`,
      {
        subject: this.path,
        remedy: "End the other program, then run the command again.",
      },
    );
  }

  #readDataVersion(): number {
    return this.#connection.number("PRAGMA data_version");
  }
}

/** The emptied rollback file means nothing, but it should not lie about either. */
function removeSideFile(connection: Connection): void {
  try {
    connection.execute("PRAGMA journal_mode = DELETE");
  } catch {
    // Closing must not fail for it.
  }
}

/** The error of commands that write, for a version-1 journal. */
export function journalVersionError(path: string): ChorusError {
  return new ChorusError(
    "journal_version",
    `The journal "${path}" has the old version-1 tables, which can only be read.`,
    { subject: path, remedy: "Run `journal upgrade` first." },
  );
}
