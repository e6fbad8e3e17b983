import { joinJournalPath } from "../layout/local_path.ts";
import { isVersion } from "../layout/version.ts";
import type { FolderEnd, FolderJob, FolderSink, FoundColumns } from "./folder_job.ts";
import type { ScanProblem } from "./found_file.ts";
import { sortByUtf8 } from "./name_order.ts";
import type { Claim, FolderJudgement, ScanPlan } from "./scan_plan.ts";

/** The modalities to which one name goes. */
export interface Takers {
  /** Those that want a file of this name. */
  takers: readonly Claim[];
  /** True when any modality, wanted or not, matches or excludes it. */
  claimed: boolean;
}

/** What one folder holds, sorted into files by modality, folders that lead on, and the rest. */
export class FolderContents {
  readonly claims: readonly Claim[];
  readonly #job: FolderJob;
  readonly #plan: ScanPlan;
  readonly #sink: FolderSink;
  /** True when every file goes to the one modality here, whatever its name. */
  readonly #everyName: boolean;
  readonly #files: string[][];
  readonly #folders: string[] = [];
  readonly #linked: [string, FolderJob][] = [];
  readonly #skipped: string[] = [];
  #unmatched = 0;

  constructor(job: FolderJob, plan: ScanPlan, sink: FolderSink) {
    this.#job = job;
    this.#plan = plan;
    this.#sink = sink;
    this.claims = plan.claims(job.folder, job.modalities);
    this.#files = this.claims.map(() => []);
    const [only] = this.claims;
    this.#everyName = this.claims.length === 1 && only.match.everyName &&
      only.modality.wanted && only.modality.excludes === undefined;
  }

  /** A path relative to the root. */
  pathOf(name: string): string {
    return joinJournalPath(this.#job.folder, name);
  }

  /** What the plan says of a folder in this one. */
  judge(name: string): FolderJudgement {
    return this.#plan.judge(this.pathOf(name), this.#job.modalities);
  }

  /** To whom a file of this name goes. */
  takers(name: string, among = this.claims): Takers {
    let claimed = false;
    const takers = among.filter(({ match, modality }) => {
      const excluded = modality.excludes?.(this.pathOf(name)) ?? false;
      const matches = match.matchName(name) !== undefined;
      claimed ||= matches || excluded;
      return matches && !excluded && modality.wanted;
    });
    return { takers, claimed };
  }

  /** Adds a file; `among` limits the modalities that may have it. */
  addFile(name: string, among = this.claims): void {
    if (this.#everyName && among === this.claims) {
      this.#files[0].push(name);
      return;
    }
    const { takers, claimed } = this.takers(name, among);
    if (!claimed) this.addUnmatched();
    for (const claim of takers) {
      const version = claim.match.matchName(name)?.version;
      if (version !== undefined && !isVersion(version)) {
        this.problem(name, noVersion(version), [claim.index], "version");
      } else {
        this.#files[this.claims.indexOf(claim)].push(name);
      }
    }
  }

  /** Counts a file that belongs to nothing, unless a modality excludes this folder. */
  addUnmatched(): void {
    if (!this.#job.excluded) this.#unmatched++;
  }

  /** Adds a folder. */
  addFolder(name: string): void {
    const judged = this.judge(name);
    for (const index of judged.badVersion) {
      const version = this.#plan.modalities[index].pattern.folder(this.pathOf(name))?.version;
      this.problem(name, noVersion(version), [index], "version");
    }
    if (judged.read) this.#folders.push(name);
    else if (
      judged.modalities.length === 0 && judged.badVersion.length === 0 &&
      !judged.excluded && !this.#job.excluded
    ) this.#skipped.push(name);
  }

  /** Adds a folder that a link leads to, with what is needed to read it. */
  addLinkedFolder(name: string, job: FolderJob): void {
    this.#folders.push(name);
    this.#linked.push([name, job]);
  }

  /** The files of each claim so far, names ascending, and forgets them. */
  *takeFiles(): Generator<{ claim: Claim; names: readonly string[] }> {
    for (const [index, claim] of this.claims.entries()) {
      const names = sortByUtf8(this.#files[index].splice(0));
      if (names.length > 0) yield { claim, names };
    }
  }

  /** Files as they travel. */
  columns(
    claim: Claim,
    names: readonly string[],
    numbers: Float64Array<ArrayBuffer>,
  ): FoundColumns {
    const { everyName, personId, version } = claim.match;
    return {
      modality: claim.index,
      folder: this.#job.folder,
      count: names.length,
      names: names.join("/"),
      numbers,
      personId,
      version,
      each: everyName ? undefined : names.map((name) => {
        const found = claim.match.matchName(name);
        return [found?.personId, found?.version] as const;
      }),
    };
  }

  /** What is known now that everything was added. */
  end(): FolderEnd {
    return {
      folders: sortByUtf8(this.#folders).join("/"),
      linked: this.#linked,
      skipped: sortByUtf8(this.#skipped).join("/"),
      unmatched: this.#unmatched,
    };
  }

  /** Those of some modalities that are wanted. */
  wanted(indexes: readonly number[]): readonly number[] {
    return indexes.filter((index) => this.#plan.modalities[index].wanted);
  }

  /** The wanted modalities that miss something when `name`, file or folder, can't be read. */
  affected(name: string): readonly number[] {
    const asFile = this.takers(name).takers.map(({ index }) => index);
    return [...new Set([...asFile, ...this.wanted(this.judge(name).modalities)])];
  }

  /** Reports what is the matter with a name in this folder, `.` for the folder itself. */
  problem(
    name: string,
    reason: string,
    indexes: readonly number[],
    cause: ScanProblem["cause"],
  ): void {
    this.#sink.problem({
      kind: "problem",
      path: name === "." ? this.#job.folder : this.pathOf(name),
      reason,
      modalities: this.#plan.names(indexes),
      cause,
    });
  }
}

function noVersion(version: string | undefined): string {
  return `"${version}" can't be a version`;
}
