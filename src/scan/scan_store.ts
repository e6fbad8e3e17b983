import { joinJournalPath, splitJournalPath } from "../layout/local_path.ts";
import { isVersion } from "../layout/version.ts";
import type { ListEntry, ListOptions, ObjectInfo } from "../storage/driver.ts";
import type { ScanItem, ScanProblem } from "./found_file.ts";
import {
  BATCH_FILES,
  type FolderEnd,
  type FolderJob,
  type FoundColumns,
  sortByUtf8,
} from "./read_folder.ts";
import { type Claim, planSource, ScanPlan } from "./scan_plan.ts";
import type { TreeModality } from "./tree_modality.ts";
import { type AnswerSink, type NumberedJob, type Readers, walkInOrder } from "./walk.ts";

/** The one method of a store that a scan needs. */
export interface ListingStore {
  list(prefix: string, options: ListOptions): AsyncIterable<ListEntry>;
}

export interface ScanStoreOptions {
  /** Ends the walk. */
  signal?: AbortSignal;
  /** Is told of each folder before it is listed. */
  onFolder?: (folder: string) => void;
}

/** Listings in flight. */
const LISTINGS = 16;

/**
 * What {@linkcode scanTree} yields, from a store that lists objects.
 *
 * Folders are listed one level at a time while a pattern still decides which of
 * them lead on, and with everything below them from where it no longer does.
 * Sizes and times come with the listing. There are no links. Below a folder that
 * is listed with everything, the order is the store's own; each batch is in
 * ascending order in itself.
 *
 * @param store the root, opened
 * @param modalities those that live here, unwanted ones too
 * @throws whatever listing throws: the store has then tried often enough
 */
export async function* scanStore(
  store: ListingStore,
  modalities: readonly TreeModality[],
  options: ScanStoreOptions = {},
): AsyncGenerator<ScanItem, void, undefined> {
  options.signal?.throwIfAborted();
  const plan = await ScanPlan.compile(modalities.map(planSource));
  yield* walkInOrder(
    plan,
    { folder: ".", path: "", modalities: plan.all, excluded: false, followed: [] },
    (sink) => new PrefixReaders(store, plan, sink),
    options,
  );
}

/** Lists folders of a store, several at a time. */
class PrefixReaders implements Readers {
  readonly #store: ListingStore;
  readonly #plan: ScanPlan;
  readonly #sink: AnswerSink;
  readonly #listing = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(store: ListingStore, plan: ScanPlan, sink: AnswerSink) {
    this.#store = store;
    this.#plan = plan;
    this.#sink = sink;
  }

  get room(): number {
    return Math.max(0, LISTINGS - this.#listing.size);
  }

  read(jobs: readonly NumberedJob[]): void {
    for (const { id, job } of jobs) {
      const reading = new PrefixReading(job, this.#plan, {
        files: (columns) => this.#sink.answer({ id, columns }),
        problem: (problem) => void this.#sink.answer({ id, problem }),
      });
      const listing = reading.list(this.#store, this.#stop.signal).then(
        (end) => void this.#sink.answer({ id, end }),
        (error) => this.#sink.fail(error),
      ).finally(() => this.#listing.delete(listing));
      this.#listing.add(listing);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#listing);
  }
}

interface PrefixSink {
  files(columns: FoundColumns): Promise<void> | void;
  problem(problem: ScanProblem): void;
}

/** Objects of one modality and folder that wait to make a batch. */
interface OpenBatch {
  modality: number;
  folder: string;
  objects: { name: string; size: number; mtimeMs: number }[];
}

/** One folder, or one with everything below it, while it is being listed. */
class PrefixReading {
  readonly #job: FolderJob;
  readonly #plan: ScanPlan;
  readonly #sink: PrefixSink;
  readonly #batches = new Map<string, OpenBatch>();
  readonly #folders: string[] = [];
  readonly #skipped: string[] = [];
  #claimsOf: string | undefined;
  #claims: readonly Claim[] = [];
  #waiting = 0;
  #unmatched = 0;

  constructor(job: FolderJob, plan: ScanPlan, sink: PrefixSink) {
    this.#job = job;
    this.#plan = plan;
    this.#sink = sink;
  }

  async list(store: ListingStore, signal: AbortSignal): Promise<FolderEnd> {
    const { folder, modalities } = this.#job;
    const prefix = folder === "." ? "" : `${folder}/`;
    const claims = this.#plan.claims(folder, modalities);
    const recursive = claims.length > 0 &&
      claims.every(({ match, modality }) => match.everyName && modality.excludes === undefined);
    for await (const entry of store.list(prefix, { recursive, metadata: true, signal })) {
      if (entry.kind === "folder") this.#addFolder(entry.key.slice(prefix.length, -1));
      else if (entry.kind === "object") this.#addObject(entry.object);
      if (this.#waiting >= BATCH_FILES) await this.#flush();
    }
    await this.#flush();
    return {
      folders: sortByUtf8(this.#folders).join("/"),
      linked: [],
      skipped: sortByUtf8(this.#skipped).join("/"),
      unmatched: this.#unmatched,
    };
  }

  #addFolder(name: string): void {
    const path = joinJournalPath(this.#job.folder, name);
    if (isUnusable(name)) return this.#problem(path, UNUSABLE, this.#job.modalities, "name");
    const judged = this.#plan.judge(path, this.#job.modalities);
    if (judged.badVersion.length > 0) {
      this.#problem(path, "its name can't be a version", judged.badVersion, "version");
    }
    if (judged.read) this.#folders.push(name);
    else if (
      judged.modalities.length === 0 && judged.badVersion.length === 0 &&
      !judged.excluded && !this.#job.excluded
    ) this.#skipped.push(name);
  }

  #addObject({ key, size, modifiedMs, metadata }: ObjectInfo): void {
    if (isFolderMarker(key, size, metadata)) return;
    if (isUnusable(key)) return this.#problem(key, UNUSABLE, this.#job.modalities, "name");
    const { folder, name } = splitJournalPath(key);
    // Neighbours in a listing mostly share their folder.
    if (folder !== this.#claimsOf) {
      this.#claims = this.#plan.claims(folder, this.#job.modalities);
      this.#claimsOf = folder;
    }
    let claimed = this.#job.excluded;
    for (const { index, modality, match } of this.#claims) {
      const found = match.matchName(name);
      const excluded = modality.excludes?.(key) ?? false;
      claimed ||= found !== undefined || excluded;
      if (found === undefined || excluded || !modality.wanted) continue;
      if (found.version !== undefined && !isVersion(found.version)) {
        this.#problem(key, `"${found.version}" can't be a version`, [index], "version");
        continue;
      }
      const of = `${index}:${folder}`;
      const batch = this.#batches.get(of) ?? { modality: index, folder, objects: [] };
      batch.objects.push({ name, size, mtimeMs: modifiedMs });
      this.#batches.set(of, batch);
      this.#waiting++;
    }
    if (!claimed) this.#unmatched++;
  }

  async #flush(): Promise<void> {
    const batches = [...this.#batches.values()];
    this.#batches.clear();
    this.#waiting = 0;
    for (const batch of batches) await this.#sink.files(this.#columns(batch));
  }

  #columns({ modality, folder, objects }: OpenBatch): FoundColumns {
    const byName = new Map(objects.map((object) => [object.name, object]));
    const names = sortByUtf8([...byName.keys()]);
    const numbers = new Float64Array(2 * names.length);
    names.forEach((name, index) => {
      numbers[index] = byName.get(name)?.size ?? -1;
      numbers[names.length + index] = byName.get(name)?.mtimeMs ?? -1;
    });
    const [{ match }] = this.#plan.claims(folder, [modality]);
    return {
      modality,
      folder,
      count: names.length,
      names: names.join("/"),
      numbers,
      personId: match.personId,
      version: match.version,
      each: match.everyName ? undefined : names.map((name) => {
        const found = match.matchName(name);
        return [found?.personId, found?.version] as const;
      }),
    };
  }

  #problem(
    path: string,
    reason: string,
    indexes: readonly number[],
    cause: ScanProblem["cause"],
  ): void {
    const modalities = this.#plan.names(
      indexes.filter((index) => this.#plan.modalities[index].wanted),
    );
    this.#sink.problem({ kind: "problem", path, reason, modalities, cause });
  }
}

const UNUSABLE = "its name holds an empty part, . or .., and can't be journaled";

function isUnusable(key: string): boolean {
  return key.split("/").some((part) => part === "" || part === "." || part === "..");
}

/** Empty objects by which services and tools remember folders; no files of anybody's. */
function isFolderMarker(
  key: string,
  size: number,
  metadata: Readonly<Record<string, string>> | undefined,
): boolean {
  return size === 0 && (key.endsWith("/") || metadata?.hdi_isfolder === "true");
}
