import { basename } from "node:path";
import type { Config, Place } from "../config/config.ts";
import { ChorusError, isCancellation } from "../errors/chorus_error.ts";
import type { Journal } from "../journal/journal.ts";
import type { Verification } from "../journal/verification.ts";
import { journalBackupPath } from "../layout/central_path.ts";
import { checkVersion } from "../layout/version.ts";
import { lastPartOf } from "../storage/location.ts";
import type { Store } from "../storage/store.ts";
import { toVerification, type Verified, VerifyTally } from "../verify/verified.ts";
import { verifyVersion } from "../verify/verify_version.ts";
import { centralLayouts } from "./central_layouts.ts";
import type { Emit } from "./workflow_event.ts";

/** Results are remembered in pages of this many, and this soon, milliseconds. */
const RECORD_PAGE = 1_000;
const RECORD_MS = 3_000;

/** How to verify. */
export interface VerifyFilesOptions {
  /** One submission version; by default the newest that has uploaded files. */
  version?: string;
  /** Every version that has uploaded files. */
  all: boolean;
  modalities: readonly string[];
  /** Read and hash the content. */
  deep: boolean;
  /** Leave out what an earlier deep check found equal. */
  resume: boolean;
  /** Part of the files to read, from 0 to 1. */
  share: number;
  /** Unproven is a failure. */
  strict: boolean;
  /** Remember the results in the journal: it is open for writing. */
  record: boolean;
  /** `user@host`, for the record of who checked. */
  checkedBy: string;
  openStore: (place: Place) => Promise<Store>;
  /** Told of every result. */
  each: (item: Verified) => void;
  now: () => Date;
  signal: AbortSignal;
  emit: Emit;
}

export interface VerifySummary {
  versions: string[];
  tally: VerifyTally;
  deep: boolean;
  /** Results remembered in the journal. */
  recorded: boolean;
  /** True when the store keeps no MD5, so that only reading proves. */
  sizesOnly: boolean;
  /** Content bytes read. */
  readBytes: number;
  /** Seconds. */
  seconds: number;
  interrupted: boolean;
}

/**
 * Compares the uploaded, active rows of one or all versions with the objects in
 * the central store, and reports objects that the journal does not know.
 * Nothing in the store is changed.
 *
 * @throws ChorusError `usage` for a version without uploaded files; what listing throws
 */
export async function verifyFiles(
  journal: Journal,
  config: Config,
  options: VerifyFilesOptions,
): Promise<VerifySummary> {
  const began = performance.now();
  const { emit, signal } = options;
  const versions = versionsOf(journal, options);
  const store = await options.openStore(config.central);
  const tally = new VerifyTally();
  const summary: VerifySummary = {
    versions,
    tally,
    deep: options.deep,
    recorded: options.record,
    sizesOnly: !store.traits.storesMd5 && !options.deep,
    readBytes: 0,
    seconds: 0,
    interrupted: false,
  };
  const recorder = new Recorder(journal, options);
  const backups = [basename(journal.path), basename(config.journal.local)];
  backups.push(lastPartOf(config.journal.source.path));
  const totalFiles = uploadedFiles(journal, versions, options.modalities);
  emit({ kind: "stage", stage: "verify", totalFiles });
  try {
    for (const version of versions) {
      const known = new Set(backups.map((name) => journalBackupPath(version, name)));
      const verified = verifyVersion({
        store,
        version,
        layouts: centralLayouts(config),
        uploadedRows: () =>
          journal.rows({ version, modalities: options.modalities, active: true, uploaded: true }),
        allRows: () => journal.rows({ version }),
        isKnown: (key) => known.has(key),
        deep: options.deep
          ? {
            share: options.share,
            provenUs: options.resume ? (fileId) => provenUs(journal, fileId) : undefined,
          }
          : undefined,
        maxConcurrent: config.numThreads,
        onBytes: (bytes) => {
          summary.readBytes += bytes;
          emit({
            kind: "progress",
            stage: "verify",
            files: tally.files,
            bytes: summary.readBytes,
          });
        },
        signal,
      });
      for await (const item of verified) {
        tally.add(item);
        options.each(item);
        recorder.add(item);
        report(item, summary, options);
      }
    }
    signal.throwIfAborted();
  } catch (error) {
    recorder.flush();
    if (!signal.aborted && !isCancellation(error)) throw error;
    summary.interrupted = true;
  }
  recorder.flush();
  summary.seconds = (performance.now() - began) / 1000;
  return summary;
}

function report(item: Verified, summary: VerifySummary, options: VerifyFilesOptions): void {
  const { emit } = options;
  emit({
    kind: "progress",
    stage: "verify",
    files: summary.tally.files,
    bytes: summary.readBytes,
    current: item.centralKey,
  });
  if (item.kind === "unknown" || item.result === "equal") return;
  if (item.result === "unproven" && !options.strict) return;
  const reason = item.reason ?? item.result;
  emit({ kind: "failure", stage: "verify", path: item.centralKey, reason });
}

function versionsOf(journal: Journal, options: VerifyFilesOptions): string[] {
  const uploaded = journal.summary({ modalities: options.modalities })
    .filter((each) => each.active > each.toUpload)
    .map((each) => each.version);
  if (options.version !== undefined) {
    const version = checkVersion(options.version);
    if (uploaded.includes(version)) return [version];
    throw new ChorusError("usage", `Version ${version} has no uploaded files to verify.`, {
      subject: version,
      remedy: uploaded.length === 0
        ? "Run `file upload` first."
        : `Versions that have some: ${uploaded.join(", ")}.`,
    });
  }
  if (options.all) return uploaded;
  const newest = uploaded.at(-1);
  return newest === undefined ? [] : [newest];
}

function uploadedFiles(
  journal: Journal,
  versions: readonly string[],
  modalities: readonly string[],
): number {
  return journal.summary({ modalities })
    .filter((each) => versions.includes(each.version))
    .reduce((sum, each) => sum + each.active - each.toUpload, 0);
}

/** When a deep check last found the file equal, microseconds since 1970 UTC. */
function provenUs(journal: Journal, fileId: number): number | undefined {
  return journal.verificationsOf(fileId)
    .find(({ level, result }) => level === "deep" && result === "equal")?.checkedUs;
}

/** Remembers results page by page, so that an interrupted check need not begin anew. */
class Recorder {
  #page: Verification[] = [];
  #startedMs = 0;

  constructor(
    private readonly journal: Journal,
    private readonly options: VerifyFilesOptions,
  ) {}

  add(item: Verified): void {
    const { record, now, checkedBy } = this.options;
    if (!record) return;
    const check = toVerification(item, now().getTime() * 1000, checkedBy);
    if (check === undefined) return;
    const nowMs = performance.now();
    if (this.#page.length === 0) this.#startedMs = nowMs;
    this.#page.push(check);
    // Large files take their time: what was read must not be read again after a kill.
    if (this.#page.length >= RECORD_PAGE || nowMs - this.#startedMs >= RECORD_MS) this.flush();
  }

  flush(): void {
    if (this.#page.length === 0) return;
    const page = this.#page;
    this.#page = [];
    this.journal.recordVerifications(page);
  }
}
