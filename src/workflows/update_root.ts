import type { HashResult } from "../hash/hash_pool.ts";
import { conclude, decide, isUnchanged } from "../journal/change_rules.ts";
import type { ActiveRow, JournalChange } from "../journal/journal_row.ts";
import type { Journal } from "../journal/journal.ts";
import type { SeenRows } from "../journal/seen_rows.ts";
import { joinJournalPath } from "../layout/local_path.ts";
import { isVersion } from "../layout/version.ts";
import type { FoundBatch, FoundFile, ScanItem } from "../scan/found_file.ts";
import type { RootedRequest, SiteRoot } from "./site_root.ts";
import { rowsByFile } from "./rows_by_file.ts";
import type { ModalityUpdate, TimeSpent, UnmatchedSummary } from "./update_summary.ts";
import type { Emit } from "./workflow_event.ts";

/** What the update of one root works with. */
export interface RootUpdate {
  root: SiteRoot;
  journal: Journal;
  /** Active rows by modality when the run began. */
  activeBefore: ReadonlyMap<string, number>;
  /** The version of files whose path names none. */
  version: string;
  /** Microseconds within which two times are the same. */
  mtimeToleranceUs: number;
  /** When the run began, microseconds since 1970 UTC. */
  startedUs: number;
  /** Files younger than this are left alone, milliseconds. */
  minAgeMs: number;
  now: () => Date;
  signal: AbortSignal;
  emit: Emit;
  /** Takes changes as they are concluded. */
  change: (change: JournalChange) => void;
  /** Rows whose file was found. */
  seen: SeenRows;
  counts: ReadonlyMap<string, ModalityUpdate>;
  unmatched: UnmatchedSummary;
  time: TimeSpent;
  /** Files met and bytes hashed so far over all roots, for the progress line. */
  progress: { files: number; bytes: number };
}

/** A file to hash with what the rules need afterwards. */
interface Task extends RootedRequest {
  modality: string;
  personId: string | undefined;
  version: string;
  row: ActiveRow | undefined;
}

/** How many examples of unmatched folders are kept for the report. */
const EXAMPLES = 10;

/**
 * Walks one root, applies the change rules to what is found, and hands on the
 * changes. Files that can't be journaled are emitted as failures and counted.
 *
 * @returns the modalities whose files may be incomplete because something could
 *   not be read: nothing of theirs may be declared gone
 */
export async function updateRoot(update: RootUpdate): Promise<Set<string>> {
  const { root, signal } = update;
  const incomplete = new Set<string>();
  const fresh = root.modalities.every((modality) => (update.activeBefore.get(modality) ?? 0) === 0);
  const stat = !fresh || update.minAgeMs > 0;
  const results = root.hash(tasksOf(update, root.scan({ signal, stat }), incomplete), { signal });
  let waitingSince = performance.now();
  for await (const batch of results) {
    update.time.waiting += (performance.now() - waitingSince) / 1000;
    for (const result of batch) finish(update, result, incomplete);
    waitingSince = performance.now();
  }
  signal.throwIfAborted();
  return incomplete;
}

/** What the scan finds, as tasks for the hash; what needs none is settled here. */
async function* tasksOf(
  update: RootUpdate,
  items: AsyncIterable<ScanItem>,
  incomplete: Set<string>,
): AsyncGenerator<Task[], void, undefined> {
  for await (const item of items) {
    if (item.kind === "files") {
      const tasks = decideBatch(update, item, incomplete);
      report(update, item.folder);
      if (tasks.length > 0) yield tasks;
    } else if (item.kind === "unmatched") {
      noteUnmatched(update.unmatched, item);
    } else {
      for (const modality of item.modalities) incomplete.add(modality);
      if (item.cause === "link_loop") {
        // Nothing is missed by not following it.
        update.emit({ kind: "warning", message: `${item.path}: ${item.reason}` });
      } else {
        update.emit({ kind: "failure", stage: "scan", path: item.path, reason: item.reason });
      }
    }
  }
}

function decideBatch(update: RootUpdate, batch: FoundBatch, incomplete: Set<string>): Task[] {
  const counts = update.counts.get(batch.modality);
  if (counts === undefined) return [];
  update.progress.files += batch.files.length;
  const started = performance.now();
  const rows = rowsByFile(
    update.journal.activeRows(batch.modality, batch.folder, batch.files.map((each) => each.name)),
    batch.files,
  );
  update.time.journal += (performance.now() - started) / 1000;
  const youngestMs = update.now().getTime() - update.minAgeMs;
  const tasks: Task[] = [];
  for (const [index, file] of batch.files.entries()) {
    const active = rows[index];
    const several = Array.isArray(active) ? active : [];
    const row = Array.isArray(active) ? undefined : active;
    // Found is found, whatever becomes of it: a row is gone only when its file is.
    if (row !== undefined) update.seen.add(row.fileId);
    for (const each of several) update.seen.add(each.fileId);
    if (update.minAgeMs > 0 && file.mtimeMs > youngestMs) {
      counts.tooYoung++;
      continue;
    }
    if (file.version !== undefined && !isVersion(file.version)) {
      counts.failed++;
      fail(update, batch, file.name, `"${file.version}" in its path can't be a version`);
      continue;
    }
    const found = { size: file.size, mtimeUs: file.mtimeMs * 1000 };
    // Most files of most updates: nothing is made for them.
    if (row !== undefined && isUnchanged(found, row, update.mtimeToleranceUs)) {
      counts.kept++;
      continue;
    }
    const decision = decide(
      found,
      row === undefined ? several : [row],
      update.mtimeToleranceUs,
    );
    switch (decision.kind) {
      case "keep":
        counts.kept++;
        break;
      case "inconsistent":
        counts.failed++;
        incomplete.add(batch.modality);
        fail(
          update,
          batch,
          file.name,
          `the journal has ${decision.rows.length} active rows for it; it is left alone`,
        );
        break;
      case "hash":
        if (decision.reason === "suspicious") {
          counts.suspicious++;
          update.emit({
            kind: "warning",
            message: `${joinJournalPath(batch.folder, file.name)}: its size changed from ` +
              `${decision.row.size} to ${file.size} bytes but its time did not`,
          });
        }
        tasks.push(
          task(update, batch, file, decision.reason === "new" ? undefined : decision.row),
        );
        break;
      default:
        decision satisfies never;
    }
  }
  return tasks;
}

function task(
  update: RootUpdate,
  batch: FoundBatch,
  file: FoundFile,
  row: ActiveRow | undefined,
): Task {
  return {
    path: update.root.address(batch.folder, file.name),
    size: file.size < 0 ? undefined : file.size,
    isFile: true,
    folder: batch.folder,
    name: file.name,
    modality: batch.modality,
    personId: file.personId,
    version: file.version ?? update.version,
    row,
  };
}

function finish(
  update: RootUpdate,
  { request, outcome }: HashResult<Task>,
  incomplete: Set<string>,
): void {
  const counts = update.counts.get(request.modality);
  if (counts === undefined) return;
  if (!outcome.ok) {
    counts.failed++;
    // What can't be read is still there, and what vanished may come back: neither is gone for sure.
    incomplete.add(request.modality);
    fail(update, request, request.name, outcome.message);
    return;
  }
  counts.hashedBytes += outcome.size;
  if (update.root.stored) update.time.reading += outcome.seconds;
  const hashed = { size: outcome.size, mtimeUs: outcome.mtimeMs * 1000, md5: outcome.md5 };
  const conclusion = conclude(hashed, request.row, update.mtimeToleranceUs);
  // Dated at the start of the run: certainly before the first byte was read.
  const hashedUs = update.startedUs;
  const { modality, folder, row } = request;
  const file = {
    ...hashed,
    name: request.name,
    personId: request.personId,
    version: request.version,
    hashedUs,
    hashSeconds: outcome.seconds,
  };
  counts[conclusion]++;
  if (conclusion === "added" || conclusion === "updated") counts.newBytes += outcome.size;
  if (conclusion === "added" || row === undefined) {
    update.change({ kind: "added", modality, folder, file });
  } else if (conclusion === "confirmed") {
    update.change({ kind: "confirmed", fileId: row.fileId, hashedUs });
  } else {
    update.change({ kind: conclusion, modality, folder, file, old: row });
  }
  report(update, folder);
}

function fail(
  update: RootUpdate,
  { folder }: { folder: string },
  name: string,
  reason: string,
): void {
  update.emit({ kind: "failure", stage: "hash", path: joinJournalPath(folder, name), reason });
}

function report({ progress, emit }: RootUpdate, current: string): void {
  emit({ kind: "progress", stage: "scan", files: progress.files, bytes: progress.bytes, current });
}

function noteUnmatched(
  unmatched: UnmatchedSummary,
  { folder, files, skipped }: { folder: string; files: number; skipped: boolean },
): void {
  unmatched.folders++;
  if (skipped) unmatched.skippedFolders++;
  else unmatched.files += files;
  if (unmatched.examples.length < EXAMPLES) unmatched.examples.push({ folder, files, skipped });
}
