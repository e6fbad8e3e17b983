/** From unsent rows of the journal to transfers; pure. */

import type { ErrorCode } from "../errors/chorus_error.ts";
import { isChorusError } from "../errors/chorus_error.ts";
import type { JournalRow } from "../journal/journal_row.ts";
import { type CentralLayout, centralPath } from "../layout/central_path.ts";
import { joinJournalPath } from "../layout/local_path.ts";
import type { DriverLimits, MultipartAbility } from "../storage/driver.ts";
import { keyProblem } from "../storage/object_key.ts";
import type { Transfer } from "./transfer.ts";

/** What decides where rows go and whether the central store can take them. */
export interface PlanRules {
  /** By canonical modality name. */
  layouts: ReadonlyMap<string, CentralLayout>;
  limits: DriverLimits;
  /** Absent where an object of any size is sent in one write. */
  multipart?: Pick<MultipartAbility, "maxPartBytes" | "maxParts">;
  /** Rows that share their central path with another: file id to the reason (`findConflicts`). */
  conflicts: ReadonlyMap<number, string>;
  /** Why the store can't hold a key, one clause, beyond what any store refuses. */
  keyProblem?: (key: string) => string | undefined;
  /**
   * The active rows of a version that have one of these names in a folder: tells
   * which path stands in the journal as active more than once, as old journals may hold it.
   */
  activeRows?: (
    version: string,
    modality: string,
    folder: string,
    names: readonly string[],
  ) => Iterable<{ fileId: number; name: string }>;
}

/** A row that can't be sent. */
export interface Refused {
  kind: "refused";
  fileId: number;
  modality: string;
  version: string;
  path: string;
  /** Where it would go, where that can be told. */
  centralKey: string | undefined;
  /** Bytes. */
  size: number;
  /** Lower-case hex, as journaled. */
  md5: string;
  code: ErrorCode;
  /** One sentence. */
  reason: string;
  remedy: string | undefined;
}

export type Planned = { kind: "transfer"; transfer: Transfer } | Refused;

/**
 * The central key of a journal row: under the version found in its path where
 * the modality's pattern holds one, else under the row's own.
 *
 * @throws ChorusError `unsupported` when the row's path has none
 */
export function centralKeyOf(
  path: string,
  version: string,
  layout: CentralLayout,
): string {
  const inPath = layout.pattern.version === undefined
    ? undefined
    : layout.pattern.match(path)?.version;
  return centralPath(path, inPath ?? version, layout);
}

/**
 * Plans one page of rows.
 *
 * @param rows active rows that are not uploaded
 * @returns one result per row, in the same order
 */
export function planTransfers(
  rows: readonly JournalRow[],
  rules: PlanRules,
): Planned[] {
  const twice = activeTwice(rows, rules);
  return rows.map((row) => planRow(row, rules, twice));
}

/** File ids of rows whose path is active more than once in their version. */
function activeTwice(
  rows: readonly JournalRow[],
  { activeRows }: PlanRules,
): ReadonlySet<number> {
  const twice = new Set<number>();
  if (activeRows === undefined) return twice;
  const byFolder = Map.groupBy(
    rows,
    ({ version, modality, folder }) => `${version}\0${modality}\0${folder}`,
  );
  for (const group of byFolder.values()) {
    const [{ version, modality, folder }] = group as [JournalRow];
    const ofName = new Map<string, number[]>(
      group.map(({ name }) => [name, []]),
    );
    for (const { fileId, name } of activeRows(version, modality, folder, [...ofName.keys()])) {
      ofName.get(name)?.push(fileId);
    }
    for (const fileIds of ofName.values()) {
      if (fileIds.length > 1) fileIds.forEach((fileId) => twice.add(fileId));
    }
  }
  return twice;
}

function planRow(
  row: JournalRow,
  rules: PlanRules,
  twice: ReadonlySet<number>,
): Planned {
  const path = joinJournalPath(row.folder, row.name);
  let centralKey: string | undefined;
  const refuse = (
    code: ErrorCode,
    reason: string,
    remedy: string | undefined,
  ): Refused => ({
    kind: "refused",
    fileId: row.fileId,
    modality: row.modality,
    version: row.version,
    path,
    centralKey,
    size: row.size,
    md5: row.md5,
    code,
    reason,
    remedy,
  });

  const layout = rules.layouts.get(row.modality);
  if (layout === undefined) {
    return refuse(
      "config",
      `"${path}" belongs to the modality ${row.modality}, which the configuration does not name.`,
      "Add it to configuration.supported_modalities.",
    );
  }
  try {
    centralKey = centralKeyOf(path, row.version, layout);
  } catch (error) {
    if (!isChorusError(error)) throw error;
    return refuse(error.code, error.message, error.remedy);
  }
  const conflict = rules.conflicts.get(row.fileId);
  if (conflict !== undefined) {
    return refuse(
      "unsupported",
      conflict,
      "Keep one of them: rename or move the other at the site and update the journal.",
    );
  }
  if (twice.has(row.fileId)) {
    return refuse(
      "journal_damaged",
      `"${path}" stands in the journal as active more than once.`,
      "One of the two rows has to be invalidated in the journal; all other files go.",
    );
  }
  const problem = keyProblem(centralKey, rules.limits) ??
    rules.keyProblem?.(centralKey);
  if (problem !== undefined) {
    return refuse(
      "unsupported",
      `The central store can't hold "${centralKey}": the name ${problem}.`,
      "Rename the file or folder and update the journal.",
    );
  }
  const largest = largestObject(rules);
  if (row.size > largest) {
    return refuse(
      "unsupported",
      `"${path}" has ${row.size} bytes; the central store takes at most ${largest}.`,
      "Split the file and update the journal.",
    );
  }
  return {
    kind: "transfer",
    transfer: {
      fileId: row.fileId,
      modality: row.modality,
      version: row.version,
      folder: row.folder,
      name: row.name,
      path,
      centralKey,
      size: row.size,
      md5: row.md5,
    },
  };
}

function largestObject({ limits, multipart }: PlanRules): number {
  return multipart === undefined ? Math.min(limits.maxObjectBytes, limits.maxWriteBytes) : Math.min(
    limits.maxObjectBytes,
    multipart.maxPartBytes * multipart.maxParts,
  );
}
