import { backUpJournal } from "../checkout/backup_journal.ts";
import type { Config, Place, RateTimetable } from "../config/config.ts";
import { isCancellation } from "../errors/chorus_error.ts";
import type { Journal } from "../journal/journal.ts";
import { Profile } from "../journal/profile.ts";
import { sharedHashing } from "../hash/shared_hashing.ts";
import { stampUtc } from "../layout/version.ts";
import type { Store } from "../storage/store.ts";
import { collectBatches } from "../transfer/collect_batches.ts";
import { RateLimit } from "../transfer/rate_limit.ts";
import { type ReceiptFile, receiptOf, receiptOfRefused } from "../transfer/receipt.ts";
import { BusyTime, measuredFiles } from "../transfer/measured_files.ts";
import { sendAll } from "../transfer/send_pool.ts";
import type { SendOutcome, Transfer } from "../transfer/transfer.ts";
import {
  conflictsOf,
  countUnsent,
  planPages,
  type UploadSelection,
  type UploadTotals,
} from "./plan_uploads.ts";
import { siteFilesOf } from "./site_root.ts";
import { type ModalityUpload, noUpload, type UploadSummary } from "./upload_summary.ts";
import type { Emit } from "./workflow_event.ts";

/** A proof is in the journal this soon, milliseconds. */
const MARK_WITHIN_MS = 1_500;

/** How to upload. */
export interface UploadOptions extends UploadSelection {
  /** Send this many files at most. */
  maxNumFiles?: number;
  /** In place of the configured rate. */
  maxRate?: RateTimetable | "unlimited";
  /** One line per file, successes included. */
  receipts?: ReceiptFile;
  /** Plan only. */
  dryRun: boolean;
  /** `user@host`, for the record of who proved. */
  checkedBy: string;
  openStore: (place: Place) => Promise<Store>;
  now: () => Date;
  signal: AbortSignal;
  emit: Emit;
}

/**
 * Sends every active row that has no upload stamp, marks it only when its
 * content is proven to be in its place, and leaves a copy of the journal beside
 * the data. A file that fails is emitted and counted, the others go on.
 *
 * @param journal open for writing (for reading with `dryRun`)
 * @returns what was done; `interrupted` when the signal ended it early
 * @throws ChorusError what ends the run for all files: credentials, permission, a service that
 *   stays away, a full disk
 */
export async function uploadFiles(
  journal: Journal,
  config: Config,
  options: UploadOptions,
): Promise<UploadSummary> {
  const began = performance.now();
  const run = new UploadRun(journal, config, options);
  const { summary } = run;
  const { time } = summary;
  const hashedBefore = sharedHashing.seconds;
  try {
    await run.execute();
  } catch (error) {
    if (!options.signal.aborted && !isCancellation(error)) throw error;
    summary.interrupted = true;
  }
  time.total = secondsSince(began);
  time.reading = run.readingSeconds;
  time.hashing = sharedHashing.seconds - hashedBefore;
  const own = time.planning + time.reading + time.hashing + time.journal;
  time.waiting = Math.max(0, time.total - own);
  return summary;
}

class UploadRun {
  readonly summary: UploadSummary;
  readonly #counts: Map<string, ModalityUpload>;
  readonly #versions = new Set<string>();
  readonly #reading = new BusyTime();
  #profile: Profile | undefined;
  #files = 0;
  #bytes = 0;
  #begun = 0;

  constructor(
    private readonly journal: Journal,
    private readonly config: Config,
    private readonly options: UploadOptions,
  ) {
    const modalities = options.modalities.map(noUpload);
    this.#counts = new Map(modalities.map((each) => [each.modality, each]));
    this.summary = {
      stamp: stampUtc(options.now()),
      dryRun: options.dryRun,
      modalities,
      versions: [],
      backups: [],
      leftOver: 0,
      time: { total: 0, planning: 0, reading: 0, hashing: 0, journal: 0, waiting: 0 },
      interrupted: false,
    };
  }

  get readingSeconds(): number {
    return this.#reading.seconds;
  }

  async execute(): Promise<void> {
    const { journal, config, options, summary } = this;
    const central = await options.openStore(config.central);
    const planning = performance.now();
    options.emit({ kind: "stage", stage: "plan" });
    const totals = countUnsent(journal, options);
    const conflicts = conflictsOf(journal, config, totals.versions, options.signal);
    for (const { path, reason } of conflicts) {
      options.emit({ kind: "failure", stage: "plan", path, reason });
    }
    summary.time.planning = secondsSince(planning);
    const named = new Set(conflicts.map(({ fileId }) => fileId));
    const transfers = this.#transfers(
      planPages(journal, config, options, central, conflicts),
      named,
    );
    if (options.dryRun) {
      for await (const { modality, size } of transfers) {
        const counts = this.#countsOf(modality);
        counts.created++;
        counts.bytes += size;
      }
      summary.leftOver = Math.max(0, totals.files - this.#begun - this.#failed());
      return;
    }
    using profile = config.profiling ? new Profile(journal.path) : undefined;
    this.#profile = profile;
    try {
      await this.#send(central, transfers, totals);
    } finally {
      summary.versions = [...this.#versions];
      summary.leftOver = Math.max(0, totals.files - this.#files);
    }
    summary.backups = await backUpJournal({
      journal: journal.path,
      central,
      versions: summary.versions,
      emit: options.emit,
      signal: options.signal,
    });
  }

  async #send(
    central: Store,
    transfers: AsyncIterable<Transfer>,
    totals: UploadTotals,
  ): Promise<void> {
    const { journal, config, options, summary } = this;
    const asked = options.maxRate ?? config.transfer.maxRate;
    const timetable = asked === "unlimited" ? undefined : asked;
    options.emit({
      kind: "stage",
      stage: "upload",
      totalFiles: Math.min(totals.files, options.maxNumFiles ?? Infinity),
      totalBytes: options.maxNumFiles === undefined ? totals.bytes : undefined,
    });
    const sites = await siteFilesOf(config, options.modalities, options.openStore);
    const outcomes = sendAll(transfers, {
      store: central,
      sites: new Map(
        [...sites].map(([modality, files]) => [modality, measuredFiles(files, this.#reading)]),
      ),
      earlierMd5s: (transfer) => journal.earlierMd5s(transfer),
      tokens: journal.resumeTokens(),
      stamp: summary.stamp,
      maxConcurrent: config.numThreads,
      rate: timetable === undefined ? undefined : new RateLimit(timetable),
      onBytes: (bytes) => {
        this.#bytes += bytes;
        this.#report();
      },
      signal: options.signal,
    });
    const batches = collectBatches(outcomes, {
      maxCount: config.pageSize,
      maxWaitMs: MARK_WITHIN_MS,
    });
    for await (const batch of batches) await this.#record(batch);
  }

  /** The rows that can be sent; the others are emitted as failures on the way. */
  async *#transfers(
    pages: ReturnType<typeof planPages>,
    named: ReadonlySet<number>,
  ): AsyncGenerator<Transfer, void, undefined> {
    const { emit, receipts, dryRun, maxNumFiles: most = Infinity } = this.options;
    for (const page of pages) {
      for (const planned of page) {
        if (this.#begun >= most) return;
        if (planned.kind === "refused") {
          this.#files++;
          this.#countsOf(planned.modality).failed++;
          if (!dryRun) await receipts?.write([receiptOfRefused(planned, this.summary.stamp)]);
          if (named.has(planned.fileId)) continue;
          const { path, reason, remedy } = planned;
          emit({ kind: "failure", stage: "plan", path, reason, remedy });
        } else {
          this.#begun++;
          yield planned.transfer;
        }
      }
    }
  }

  /** Marks what is proven, in one transaction, then tells about it. */
  async #record(outcomes: readonly SendOutcome[]): Promise<void> {
    const { journal, options, summary } = this;
    const started = performance.now();
    const sent = outcomes.filter((outcome) => outcome.ok);
    if (sent.length > 0) {
      journal.markUploaded(
        sent.map(({ transfer, proof }) => ({ fileId: transfer.fileId, level: proof })),
        {
          stamp: summary.stamp,
          checkedUs: options.now().getTime() * 1000,
          checkedBy: options.checkedBy,
        },
      );
      this.#profile?.recordUploads(
        sent.map(({ transfer, seconds }) => ({ fileId: transfer.fileId, uploadSeconds: seconds })),
      );
    }
    journal.distrust(
      outcomes.filter((each) => !each.ok && each.code === "source_changed")
        .map(({ transfer }) => transfer.fileId),
    );
    summary.time.journal += secondsSince(started);
    for (const outcome of outcomes) this.#count(outcome);
    this.#report(outcomes.at(-1)?.transfer.path);
    await options.receipts?.write(outcomes.map((each) => receiptOf(each, summary.stamp)));
  }

  #count(outcome: SendOutcome): void {
    const { transfer } = outcome;
    const counts = this.#countsOf(transfer.modality);
    this.#files++;
    if (outcome.ok) {
      counts[outcome.action]++;
      counts.bytes += transfer.size;
      if (outcome.action !== "present") counts.sentBytes += transfer.size;
      this.#versions.add(transfer.version);
    } else {
      counts.failed++;
      const { path } = transfer;
      const { reason, remedy } = outcome;
      this.options.emit({ kind: "failure", stage: "upload", path, reason, remedy });
    }
  }

  #countsOf(modality: string): ModalityUpload {
    let counts = this.#counts.get(modality);
    if (counts === undefined) {
      counts = noUpload(modality);
      this.#counts.set(modality, counts);
      this.summary.modalities.push(counts);
    }
    return counts;
  }

  #failed(): number {
    return this.summary.modalities.reduce((sum, each) => sum + each.failed, 0);
  }

  #report(current?: string): void {
    this.options.emit({
      kind: "progress",
      stage: "upload",
      files: this.#files,
      bytes: this.#bytes,
      current,
    });
  }
}

function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}
