/** Where a manifest's files come from: what the journal knows, or a walk. */

import type { Site } from "../config/config.ts";
import { decide } from "../journal/change_rules.ts";
import type { Journal } from "../journal/journal.ts";
import type { ActiveRow, JournalRow } from "../journal/journal_row.ts";
import type { CentralLayout } from "../layout/central_path.ts";
import { joinJournalPath, splitJournalPath } from "../layout/local_path.ts";
import { compilePattern, type Pattern } from "../layout/pattern.ts";
import { groupFile, type Grouping } from "../manifest/grouping.ts";
import { type KnownHash, knownHashes, rememberHashes } from "../manifest/known_hashes.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { mappedFiles } from "../manifest/mapping_file.ts";
import type { StagedFile, Staging, Submission } from "../manifest/staging.ts";
import type { FoundBatch } from "../scan/found_file.ts";
import { centralKeyOf } from "../transfer/plan.ts";
import { isChorusError } from "../errors/chorus_error.ts";
import type { RootedRequest, SiteRoot } from "./site_root.ts";
import type { Emit } from "./workflow_event.ts";

/** What both sources work with. */
export interface SourceContext {
  manifest: Manifest;
  staging: Staging;
  grouping: Grouping;
  /** True when the mapping was loaded. */
  mapped: boolean;
  /** The waveforms' place; undefined where there is no configuration. */
  site: Site | undefined;
  /** How waveforms lie in the central store; undefined where there is no configuration. */
  layout: CentralLayout | undefined;
  journal: Journal | undefined;
  modality: string;
  signal: AbortSignal;
  emit: Emit;
}

/** What a source did. */
export interface SourceResult {
  files: number;
  /** Files and bytes that had to be hashed. */
  hashed: number;
  hashedBytes: number;
  /** Files and folders that could not be read, or of which the journal has several rows. */
  failed: number;
  /** False: files may have been missed, so nothing may be taken for gone. */
  complete: boolean;
}

/** A file before it has its record. */
interface Candidate {
  path: string;
  personId: string | undefined;
  md5: string;
  submission: Submission | undefined;
}

/** Stages every active waveform row of the journal. Nothing is read but the journal. */
export function stageFromJournal(context: SourceContext, journal: Journal): SourceResult {
  const { staging, signal, emit, modality } = context;
  const result = noResult();
  const person = personReader(context.site);
  const submissionOf = submissionReader(journal, context.layout);
  const candidateOf = (row: JournalRow): Candidate => {
    const path = joinJournalPath(row.folder, row.name);
    return { path, personId: person(path), md5: row.md5, submission: submissionOf(row) };
  };
  for (const page of journal.rows({ modalities: [modality], active: true })) {
    signal.throwIfAborted();
    staging.add(groupAll(context, page.map(candidateOf)));
    result.files += page.length;
    emit({ kind: "progress", stage: "manifest", files: result.files, bytes: 0 });
  }
  staging.finish();
  for (const paths of staging.duplicates()) {
    for (const path of paths) {
      const rows = journal.schema === 2 ? rowsAt(journal, modality, path) : [];
      if (rows.length === 1) {
        // Replaced by an update while the journal was being read.
        staging.replace(path, groupAll(context, [candidateOf(rows[0])])[0]);
        continue;
      }
      staging.replace(path, { kind: "held", path });
      result.failed++;
      emit({
        kind: "failure",
        stage: "manifest",
        path,
        reason: "the journal has several active rows for it; what the manifest has of it stays",
      });
    }
  }
  stageEarlier(context, journal);
  return result;
}

/** Stages contents that were sent, and have been replaced or removed since. */
function stageEarlier({ staging, signal, modality, layout }: SourceContext, journal: Journal) {
  const submissionOf = submissionReader(journal, layout);
  for (const page of journal.rows({ modalities: [modality], active: false, uploaded: true })) {
    signal.throwIfAborted();
    staging.addEarlier(page.flatMap((row) =>
      row.uploaded === null ? [] : [{
        path: joinJournalPath(row.folder, row.name),
        md5: row.md5,
        submission: { ...submissionOf(row), uploaded: row.uploaded },
      }]
    ));
  }
}

/** Tells what a journal row says about the submission. */
function submissionReader(
  journal: Journal,
  layout: CentralLayout | undefined,
): (row: JournalRow) => Submission {
  const versions = new Map<string, number>();
  return (row) => {
    if (!versions.has(row.version)) {
      // Read anew for a version that an update under way has made meanwhile.
      for (const { id, version } of journal.versions()) versions.set(version, id);
    }
    return {
      versionId: versions.get(row.version) ?? 0,
      version: row.version,
      centralPath: centralPathOf(row, layout),
      uploaded: row.uploaded,
    };
  };
}

/** The active rows of one path, with their texts. */
function rowsAt(journal: Journal, modality: string, path: string): JournalRow[] {
  const { folder, name } = splitJournalPath(path);
  return journal.activeRows(modality, folder, [name]).filter((each) => each.name === name)
    .flatMap(({ fileId }) =>
      journal.rows({ active: true }, { pageSize: 1, afterFileId: fileId - 1 }).next().value ?? []
    );
}

/**
 * Walks a root and stages what it finds. A file is hashed only when neither
 * the journal nor the manifest knows it with this size and time; what was
 * hashed is remembered page by page, whatever becomes of the run.
 */
export async function stageFromPath(
  context: SourceContext,
  root: SiteRoot,
  options: {
    /** Microseconds within which two times are the same. */
    mtimeToleranceUs: number;
    /** When the run began, microseconds since 1970 UTC. */
    startedUs: number;
    /** Remember what was hashed. */
    remember: boolean;
  },
): Promise<SourceResult> {
  const { staging, signal, emit } = context;
  const result = noResult();
  const walk = new Walk(context, options.mtimeToleranceUs, result);
  for await (const results of root.hash(walk.tasks(root), { signal })) {
    const candidates: Candidate[] = [];
    const hashes: KnownHash[] = [];
    for (const { request, outcome } of results) {
      const path = joinJournalPath(request.folder, request.name);
      if (!outcome.ok) {
        walk.fail(path, outcome.message);
        continue;
      }
      result.hashed++;
      result.hashedBytes += outcome.size;
      hashes.push({
        path,
        size: outcome.size,
        mtimeUs: outcome.mtimeMs * 1000,
        md5: outcome.md5,
        hashedUs: options.startedUs,
      });
      candidates.push({
        path,
        personId: request.personId,
        md5: outcome.md5,
        submission: undefined,
      });
    }
    if (options.remember) rememberHashes(context.manifest.connection, hashes);
    staging.add(groupAll(context, candidates));
    emit({
      kind: "progress",
      stage: "manifest",
      files: result.files,
      bytes: result.hashedBytes,
    });
  }
  signal.throwIfAborted();
  staging.finish();
  if (context.journal !== undefined) stageSubmissions(context, context.journal);
  return result;
}

/** Adds to what a walk has found where the journal says that it was sent. */
function stageSubmissions(context: SourceContext, journal: Journal): void {
  const { staging, signal, modality, layout } = context;
  const submissionOf = submissionReader(journal, layout);
  for (const page of journal.rows({ modalities: [modality], active: true })) {
    signal.throwIfAborted();
    staging.addSubmissions(page.map((row) => ({
      path: joinJournalPath(row.folder, row.name),
      md5: row.md5,
      submission: submissionOf(row),
    })));
  }
  stageEarlier(context, journal);
}

interface Task extends RootedRequest {
  personId: string | undefined;
}

/** One walk: stages what needs no hash, and gives the rest to be hashed. */
class Walk {
  constructor(
    private readonly context: SourceContext,
    private readonly toleranceUs: number,
    private readonly result: SourceResult,
  ) {}

  async *tasks(root: SiteRoot): AsyncGenerator<Task[], void, undefined> {
    const { signal, emit } = this.context;
    for await (const item of root.scan({ signal, stat: true })) {
      if (item.kind === "files") {
        const tasks = this.#batch(root, item);
        if (tasks.length > 0) yield tasks;
      } else if (item.kind === "problem") {
        if (item.cause === "link_loop") {
          emit({ kind: "warning", message: `${item.path}: ${item.reason}` });
        } else this.fail(item.path, item.reason);
      }
    }
  }

  /** Something could not be read: what the manifest has of it stays. */
  fail(path: string, reason: string): void {
    this.result.failed++;
    this.result.complete = false;
    this.context.staging.add([{ kind: "held", path }]);
    this.context.emit({ kind: "failure", stage: "manifest", path, reason });
  }

  #batch(root: SiteRoot, batch: FoundBatch): Task[] {
    const { context, result } = this;
    const paths = batch.files.map(({ name }) => joinJournalPath(batch.folder, name));
    const journaled = this.#journalRows(batch);
    const hashed = knownHashes(context.manifest.connection, paths);
    // Names that don't fit need no digest.
    const unfit = new Map(
      groupAll(
        context,
        batch.files.map(({ personId }, index) => ({
          path: paths[index],
          personId,
          md5: "",
          submission: undefined,
        })),
      ).filter((each) => each.kind === "unfit").map((each) => [each.path, each]),
    );
    context.staging.add([...unfit.values()]);
    const known: Candidate[] = [];
    const tasks: Task[] = [];
    batch.files.forEach((file, index) => {
      result.files++;
      const path = paths[index];
      if (unfit.has(path)) return;
      const rows = journaled.get(file.name) ?? [];
      // Several rows contradict each other: none of them is to be trusted.
      const row = rows.length === 1 ? rows[0] : undefined;
      const own = hashed.get(path);
      const state = { size: file.size, mtimeUs: file.mtimeMs * 1000 };
      const keeps = [row, own].find((each) =>
        each !== undefined && decide(state, [each], this.toleranceUs).kind === "keep"
      );
      if (keeps === undefined) {
        tasks.push({
          path: root.address(batch.folder, file.name),
          size: file.size,
          folder: batch.folder,
          name: file.name,
          personId: file.personId,
        });
        return;
      }
      known.push({ path, personId: file.personId, md5: keeps.md5, submission: undefined });
    });
    context.staging.add(groupAll(context, known));
    context.emit({
      kind: "progress",
      stage: "manifest",
      files: result.files,
      bytes: result.hashedBytes,
      current: batch.folder,
    });
    return tasks;
  }

  #journalRows({ folder, files }: FoundBatch): Map<string, ActiveRow[]> {
    const byName = new Map<string, ActiveRow[]>();
    const { journal, modality } = this.context;
    if (journal === undefined || journal.schema !== 2) return byName;
    for (const row of journal.activeRows(modality, folder, files.map(({ name }) => name))) {
      byName.set(row.name, [...byName.get(row.name) ?? [], row]);
    }
    return byName;
  }
}

/** Gives each file its record, or the reason why it has none. */
function groupAll(
  { manifest, mapped, grouping }: SourceContext,
  candidates: readonly Candidate[],
): StagedFile[] {
  const mapping = mapped
    ? mappedFiles(manifest.connection, candidates.map(({ path }) => path))
    : undefined;
  return candidates.map(({ path, personId, md5, submission }): StagedFile => {
    const record = groupFile(grouping, {
      path,
      folderPersonId: personId,
      mapped: mapping?.get(path),
    });
    return "reason" in record
      ? { kind: "unfit", path, reason: record.reason }
      : { kind: "found", path, md5, record, submission };
  });
}

/** Whose folder a journaled path lies in, as the configured pattern reads it. */
function personReader(site: Site | undefined): (path: string) => string | undefined {
  const pattern: Pattern | undefined = site && compilePattern(site.pattern);
  return (path) => pattern?.match(path)?.personId;
}

function centralPathOf(row: JournalRow, layout: CentralLayout | undefined): string | undefined {
  if (layout === undefined) return undefined;
  try {
    return centralKeyOf(joinJournalPath(row.folder, row.name), row.version, layout);
  } catch (error) {
    if (isChorusError(error)) return undefined;
    throw error;
  }
}

function noResult(): SourceResult {
  return { files: 0, hashed: 0, hashedBytes: 0, failed: 0, complete: true };
}
