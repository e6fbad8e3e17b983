import { joinJournalPath, splitJournalPath } from "../layout/local_path.ts";
import type { ListEntry, ListOptions, ObjectInfo } from "../storage/driver.ts";
import { FolderContents } from "./folder_contents.ts";
import {
  BATCH_FILES,
  type FolderEnd,
  type FolderJob,
  type FolderSink,
  type NumberedJob,
} from "./folder_job.ts";
import type { ScanItem } from "./found_file.ts";
import { planSource, ScanPlan } from "./scan_plan.ts";
import type { TreeModality } from "./tree_modality.ts";
import { type AnswerSink, type Readers, walkInOrder } from "./walk.ts";

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

/** One folder, or one with everything below it, while it is being listed. */
class PrefixReading {
  readonly #job: FolderJob;
  readonly #plan: ScanPlan;
  readonly #sink: FolderSink;
  readonly #contents: FolderContents;
  /** Folders that have files waiting to make batches, with the files' sizes and times. */
  readonly #open = new Map<string, OpenFolder>();
  #waiting = 0;
  #unmatchedBelow = 0;

  constructor(job: FolderJob, plan: ScanPlan, sink: FolderSink) {
    this.#job = job;
    this.#plan = plan;
    this.#sink = sink;
    this.#contents = new FolderContents(job, plan, sink);
  }

  async list(store: ListingStore, signal: AbortSignal): Promise<FolderEnd> {
    const prefix = this.#job.folder === "." ? "" : `${this.#job.folder}/`;
    const { claims } = this.#contents;
    const recursive = claims.length > 0 &&
      claims.every(({ match, modality }) => match.everyName && modality.excludes === undefined);
    for await (const entry of store.list(prefix, { recursive, metadata: true, signal })) {
      signal.throwIfAborted();
      if (entry.kind === "folder") this.#addFolder(entry.key.slice(prefix.length, -1));
      else if (entry.kind === "object") this.#addObject(entry.object);
      if (this.#waiting >= BATCH_FILES) await this.#flush();
    }
    await this.#flush();
    const end = this.#contents.end();
    return { ...end, unmatched: end.unmatched + this.#unmatchedBelow };
  }

  #addFolder(name: string): void {
    if (isUnusable(name)) this.#unusable(joinJournalPath(this.#job.folder, name));
    else this.#contents.addFolder(name);
  }

  #addObject({ key, size, modifiedMs, metadata }: ObjectInfo): void {
    if (isFolderMarker(key, size, metadata)) return;
    if (isUnusable(key)) return this.#unusable(key);
    const { folder, name } = splitJournalPath(key);
    let open = this.#open.get(folder);
    if (open === undefined) {
      const contents = folder === this.#job.folder
        ? this.#contents
        : new FolderContents({ ...this.#job, folder }, this.#plan, this.#sink);
      open = { contents, facts: new Map() };
      this.#open.set(folder, open);
    }
    open.contents.addFile(name);
    open.facts.set(name, [size, modifiedMs]);
    this.#waiting++;
  }

  async #flush(): Promise<void> {
    const folders = [...this.#open.values()];
    this.#open.clear();
    this.#waiting = 0;
    for (const { contents, facts } of folders) {
      for (const { claim, names } of contents.takeFiles()) {
        const numbers = new Float64Array(2 * names.length);
        names.forEach((name, index) => {
          const [size, modifiedMs] = facts.get(name) ?? [-1, -1];
          numbers[index] = size;
          numbers[names.length + index] = modifiedMs;
        });
        await this.#sink.files(contents.columns(claim, names, numbers));
      }
      if (contents !== this.#contents) this.#unmatchedBelow += contents.end().unmatched;
    }
  }

  #unusable(path: string): void {
    this.#sink.problem({
      kind: "problem",
      path,
      reason: "its name holds an empty part, . or .., and can't be journaled",
      modalities: this.#plan.names(this.#contents.wanted(this.#job.modalities)),
      cause: "name",
    });
  }
}

/** A folder some of whose files wait to make a batch. */
interface OpenFolder {
  contents: FolderContents;
  /** Size and modification time by name. */
  facts: Map<string, readonly [number, number]>;
}

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
