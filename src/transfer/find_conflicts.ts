/**
 * Finds active rows that would share one central path, in bounded memory.
 *
 * Where the pattern lets every name pass (`…/{filepath}`), the central folder of
 * a file follows from its folder alone; so only folders are compared, by a
 * 53-bit hash of their central path in sorted arrays of bounded length, in
 * several passes when there are many. Rows are looked at only where folders meet
 * (or where folders decide nothing), through an index on disk. What is found
 * grows with the number of conflicts only.
 */

import { isChorusError } from "../errors/chorus_error.ts";
import { CentralKeyIndex } from "../journal/central_key_index.ts";
import type { JournalRow } from "../journal/journal_row.ts";
import type { CentralLayout } from "../layout/central_path.ts";
import { joinJournalPath } from "../layout/local_path.ts";
import { centralKeyOf } from "./plan.ts";

/** A folder that holds active rows. */
export interface ActiveFolder {
  modality: string;
  /** POSIX, relative to the modality's root, `.` for the root. */
  folder: string;
}

/** A row as far as its central path goes. */
export type PlacedRow = Pick<
  JournalRow,
  "fileId" | "modality" | "folder" | "name"
>;

/** The active rows of one version, uploaded ones included; each call reads them anew. */
export interface VersionRows {
  /** Pages of folders, each once per modality. */
  folders(): Iterable<readonly ActiveFolder[]>;
  /** Pages of all rows. */
  rows(): Iterable<readonly PlacedRow[]>;
}

/** Options of {@linkcode findConflicts}. */
export interface ConflictOptions {
  version: string;
  /** By canonical modality name; rows of other modalities are left out. */
  layouts: ReadonlyMap<string, CentralLayout>;
  /** Hashes held at a time, 8 bytes each; by default two million. */
  hashesAtOnce?: number;
  signal?: AbortSignal;
}

/** A row in conflict, with the sentence that says so. */
export interface Conflict {
  fileId: number;
  modality: string;
  path: string;
  centralKey: string;
  /** One sentence that names another row too. */
  reason: string;
}

/** Stands for any name while a folder's central path is computed. */
const ANY_NAME = "x";

/**
 * Every active row of a version that shares its central path with another
 * active row of that version.
 */
export function findConflicts(
  version: VersionRows,
  options: ConflictOptions,
): Conflict[] {
  if (!foldersDecide(version, options)) {
    return compareRows(version, options, () => true);
  }
  const meeting = findMeetingFolders(version, options);
  if (meeting.size === 0) return [];
  return compareRows(
    version,
    options,
    ({ modality, folder }) => meeting.has(folderId(modality, folder)),
  );
}

/** True when each folder's central folder follows from its own path. */
function foldersDecide(version: VersionRows, options: ConflictOptions): boolean {
  for (const page of version.folders()) {
    options.signal?.throwIfAborted();
    for (const { modality, folder } of page) {
      const match = options.layouts.get(modality)?.pattern.folder(folder);
      if (match !== undefined && !match.everyName) return false;
    }
  }
  return true;
}

/** Ids of folders that share their central folder with another one. */
function findMeetingFolders(
  version: VersionRows,
  options: ConflictOptions,
): Set<string> {
  const atOnce = options.hashesAtOnce ?? 2_000_000;
  let count = 0;
  for (const page of version.folders()) count += page.length;
  const passes = Math.max(1, Math.ceil(count / atOnce));
  const meeting = new Set<string>();
  for (let pass = 0; pass < passes; pass++) {
    const hashes = new HashList(Math.ceil(count / passes));
    for (const { key } of centralFolders(version, options)) {
      const hash = hash53(key);
      if (hash % passes === pass) hashes.add(hash);
    }
    const alike = hashes.seenTwice();
    if (alike.size === 0) continue;
    const byKey = new Map<string, string>();
    for (const { key, id } of centralFolders(version, options)) {
      if (!alike.has(hash53(key))) continue;
      const other = byKey.get(key);
      if (other === undefined) byKey.set(key, id);
      else if (other !== id) meeting.add(other).add(id);
    }
  }
  return meeting;
}

function* centralFolders(
  version: VersionRows,
  options: ConflictOptions,
): Generator<{ key: string; id: string }, void, undefined> {
  for (const page of version.folders()) {
    options.signal?.throwIfAborted();
    for (const { modality, folder } of page) {
      const key = keyOrNothing({ modality, folder, name: ANY_NAME }, options);
      if (key === undefined) continue;
      yield {
        key: key.slice(0, -ANY_NAME.length - 1),
        id: folderId(modality, folder),
      };
    }
  }
}

function folderId(modality: string, folder: string): string {
  return `${modality}\0${folder}`;
}

/** Undefined for a row without a central path, which the plan reports. */
function keyOrNothing(
  { modality, folder, name }: Omit<PlacedRow, "fileId">,
  { layouts, version }: ConflictOptions,
): string | undefined {
  const layout = layouts.get(modality);
  if (layout === undefined) return undefined;
  try {
    return centralKeyOf(joinJournalPath(folder, name), version, layout);
  } catch (error) {
    if (isChorusError(error, "unsupported")) return undefined;
    throw error;
  }
}

/** Compares the rows that are concerned, by their exact central path. */
function compareRows(
  version: VersionRows,
  options: ConflictOptions,
  concerned: (row: PlacedRow) => boolean,
): Conflict[] {
  using index = new CentralKeyIndex();
  for (const page of version.rows()) {
    options.signal?.throwIfAborted();
    const keyed = [];
    for (const row of page) {
      if (!concerned(row)) continue;
      const key = keyOrNothing(row, options);
      if (key === undefined) continue;
      keyed.push({ key, fileId: row.fileId, size: 0, md5: "" });
    }
    if (keyed.length > 0) index.add(keyed);
  }
  const keyOf = new Map<number, string>();
  for (const { key, fileIds } of index.clashes()) {
    for (const fileId of fileIds) keyOf.set(fileId, key);
  }
  if (keyOf.size === 0) return [];

  const sharing = new Map<string, PlacedRow[]>();
  for (const page of version.rows()) {
    options.signal?.throwIfAborted();
    for (const row of page) {
      const key = keyOf.get(row.fileId);
      if (key === undefined) continue;
      const others = sharing.get(key);
      if (others === undefined) sharing.set(key, [row]);
      else others.push(row);
    }
  }
  return [...sharing].flatMap(([key, rows]) => describe(key, rows));
}

function describe(centralKey: string, rows: readonly PlacedRow[]): Conflict[] {
  return rows.map((row) => {
    const path = joinJournalPath(row.folder, row.name);
    const other = rows.find(({ fileId }) => fileId !== row.fileId) ?? row;
    const otherPath = joinJournalPath(other.folder, other.name);
    const reason = otherPath === path && other.modality === row.modality
      ? `"${path}" stands in the journal as active more than once.`
      : `"${path}" (${row.modality}) and "${otherPath}" (${other.modality}) would both become "${centralKey}".`;
    return {
      fileId: row.fileId,
      modality: row.modality,
      path,
      centralKey,
      reason,
    };
  });
}

/** Numbers, to find the ones that come twice. */
class HashList {
  #values: Float64Array<ArrayBuffer>;
  #length = 0;

  constructor(expected: number) {
    this.#values = new Float64Array(Math.ceil(expected * 1.2) + 16);
  }

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(this.#length * 2);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  seenTwice(): Set<number> {
    const sorted = this.#values.subarray(0, this.#length).sort();
    const twice = new Set<number>();
    for (let i = 1; i < sorted.length; i++) {
      const value = sorted[i];
      if (value !== undefined && value === sorted[i - 1]) twice.add(value);
    }
    return twice;
  }
}

/** A well-mixed 53-bit hash of a text: two 32-bit multiplicative lanes. */
function hash53(text: string): number {
  let a = 0x9e3779b1;
  let b = 0x85ebca77;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0xcc9e2d51);
    b = Math.imul(b ^ unit, 0x1b873593);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  a = Math.imul(a ^ (a >>> 16), 0x7feb352d);
  b = Math.imul(b ^ (b >>> 15), 0x846ca68b);
  a ^= a >>> 15;
  b ^= b >>> 16;
  return (b & 0x1fffff) * 2 ** 32 + (a >>> 0);
}
