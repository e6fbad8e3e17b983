import { joinJournalPath } from "../layout/local_path.ts";
import { isVersion } from "../layout/version.ts";
import type { FileCalls } from "./file_calls.ts";
import type { ScanProblem } from "./found_file.ts";
import { type FollowedLink, resolveLink } from "./links.ts";
import type { Claim, ScanPlan } from "./scan_plan.ts";

/** A folder to read. */
export interface FolderJob {
  /** Relative to the root, `.` for the root itself. */
  folder: string;
  /** Where the operating system finds it, ending with a separator. */
  path: string;
  /** Indexes of the modalities that it may lead to. */
  modalities: readonly number[];
  /** True when a further modality excludes it: what matches nothing here is left out on purpose. */
  excluded: boolean;
  /** The links that led here. */
  followed: readonly FollowedLink[];
}

/**
 * Files of one modality in one folder, in columns: cheap to send from a worker
 * and small while it waits. Packed names are joined by `/`.
 */
export interface FoundColumns {
  /** Index in the plan's modalities. */
  modality: number;
  /** Where it isn't the folder that was asked for but one below. */
  folder?: string;
  count: number;
  /** Packed. */
  names: string;
  /** All sizes, then all modification times. */
  numbers: Float64Array<ArrayBuffer>;
  /** What all of them share. */
  personId: string | undefined;
  version: string | undefined;
  /** Where file names hold the fields: patient id and version of each. */
  each: readonly (readonly [string | undefined, string | undefined])[] | undefined;
}

/** What is known of a folder once it is read. */
export interface FolderEnd {
  /** Names of the folders below that are to be read, ascending by UTF-8 bytes; packed. */
  folders: string;
  /** Those of `folders` that are links, with where they lead. */
  linked: readonly (readonly [name: string, job: FolderJob])[];
  /** Names of the folders below that lead to nothing; packed. */
  skipped: string;
  /** Files that match nothing. */
  unmatched: number;
}

/** Takes what reading a folder finds, as it is found. */
export interface FolderSink {
  files(columns: FoundColumns): Promise<void> | void;
  problem(problem: ScanProblem): void;
}

/** What reading needs besides the folder. */
export interface ReadContext {
  plan: ScanPlan;
  /** Real path of the root. */
  realRoot: string;
  calls: FileCalls;
  /** False: sizes and times stay -1. */
  stat: boolean;
  /** Made true when nobody wants the answer any more. */
  stopped: boolean;
}

/** Files in one batch, at most. */
export const BATCH_FILES = 1000;

/** U+FFFD, which the runtime puts in place of bytes that are not valid UTF-8. */
const REPLACEMENT = "\ufffd";

/**
 * Reads one folder: lists it, sorts its names, judges folders and files, follows
 * links, asks for sizes and times.
 *
 * What can't be read becomes a problem and reading goes on. The listing is made
 * with the asynchronous call although one by one the synchronous one would be
 * cheaper: `Deno.readDirSync` gives what it has read so far as if it were all
 * when the operating system reports an error in the middle.
 */
export async function readFolder(
  job: FolderJob,
  context: ReadContext,
  sink: FolderSink,
): Promise<FolderEnd> {
  const reading = new FolderReading(job, context, sink);
  await reading.list();
  await reading.settleOdd();
  await reading.statFiles();
  return reading.end();
}

/** One folder while it is being read. */
class FolderReading {
  readonly #job: FolderJob;
  readonly #context: ReadContext;
  readonly #sink: FolderSink;
  readonly #claims: readonly Claim[];
  /** True when every file goes to the one modality here, whatever its name. */
  readonly #everyName: boolean;
  /** Per claim, the names of its files. */
  readonly #files: string[][];
  /** Files that are links, with what they lead to. */
  readonly #linkedFiles = new Map<string, Deno.FileInfo>();
  readonly #folders: string[] = [];
  readonly #linked: [string, FolderJob][] = [];
  readonly #skipped: string[] = [];
  /** Links, and entries of a kind that the listing does not tell. */
  readonly #odd: string[] = [];
  #unmatched = 0;

  constructor(job: FolderJob, context: ReadContext, sink: FolderSink) {
    this.#job = job;
    this.#context = context;
    this.#sink = sink;
    this.#claims = context.plan.claims(job.folder, job.modalities);
    this.#files = this.#claims.map(() => []);
    const [only] = this.#claims;
    this.#everyName = this.#claims.length === 1 && only.match.everyName &&
      only.modality.wanted && only.modality.excludes === undefined;
  }

  async list(): Promise<void> {
    try {
      const entries = Deno.readDir(this.#job.path)[Symbol.asyncIterator]();
      while (!this.#context.stopped) {
        const { value: entry, done } = await entries.next();
        if (done) return;
        this.#enter(entry);
      }
      await entries.return?.();
    } catch (error) {
      this.#problem(
        this.#job.folder,
        `the folder can't be read: ${describeError(error)}`,
        this.#wanted(this.#job.modalities),
        "read_error",
      );
    }
  }

  #enter(entry: Deno.DirEntry): void {
    if (entry.name.includes(REPLACEMENT)) this.#odd.push(entry.name);
    else if (entry.isFile) this.#addFile(entry.name);
    else if (entry.isDirectory) this.#addFolder(entry.name);
    else this.#odd.push(entry.name);
  }

  #addFile(name: string, linked?: Deno.FileInfo, among = this.#claims): void {
    if (linked !== undefined) this.#linkedFiles.set(name, linked);
    if (this.#everyName && among === this.#claims) {
      this.#files[0].push(name);
      return;
    }
    const { takers, claimed } = this.#takers(name, among);
    if (!claimed && !this.#job.excluded) this.#unmatched++;
    for (const claim of takers) {
      const found = claim.match.matchName(name);
      if (found?.version !== undefined && !isVersion(found.version)) {
        this.#badVersion(name, found.version, [claim.index]);
      } else {
        this.#files[this.#claims.indexOf(claim)].push(name);
      }
    }
  }

  /** The claims that want a file of this name, and whether any, wanted or not, knows it. */
  #takers(name: string, among = this.#claims): {
    takers: readonly Claim[];
    claimed: boolean;
  } {
    let claimed = false;
    const takers = among.filter(({ match, modality }) => {
      const excluded = modality.excludes?.(this.#pathOf(name)) ?? false;
      const matches = match.matchName(name) !== undefined;
      claimed ||= matches || excluded;
      return matches && !excluded && modality.wanted;
    });
    return { takers, claimed };
  }

  #addFolder(name: string): void {
    const path = this.#pathOf(name);
    const judged = this.#context.plan.judge(path, this.#job.modalities);
    if (judged.badVersion.length > 0) {
      this.#badVersion(name, undefined, judged.badVersion);
    }
    if (judged.read) this.#folders.push(name);
    else if (
      judged.modalities.length === 0 && judged.badVersion.length === 0 &&
      !judged.excluded && !this.#job.excluded
    ) this.#skipped.push(name);
  }

  /** Deals with names that hold U+FFFD, links, and what is neither file nor folder. */
  async settleOdd(): Promise<void> {
    const genuine = new Set<string>();
    for (const name of this.#odd) {
      if (this.#context.stopped) return;
      let info: Deno.FileInfo;
      try {
        info = await Deno.lstat(this.#job.path + name);
      } catch (error) {
        if (
          name.includes(REPLACEMENT) && error instanceof Deno.errors.NotFound
        ) this.#badName(name);
        else this.#unreadable(name, error);
        continue;
      }
      // One file at most has this very name; what else is listed under it has other bytes.
      if (genuine.has(name)) {
        this.#badName(name);
        continue;
      }
      if (name.includes(REPLACEMENT)) genuine.add(name);
      if (info.isSymlink) await this.#addLink(name);
      else if (info.isFile) this.#addFile(name);
      else if (info.isDirectory) this.#addFolder(name);
      else this.#addSpecial(name);
    }
  }

  #addSpecial(name: string): void {
    const { takers, claimed } = this.#takers(name);
    if (takers.length > 0) {
      this.#problem(
        this.#pathOf(name),
        "it is neither a file nor a folder, and was not opened",
        takers.map(({ index }) => index),
        "not_a_file",
      );
    } else if (!claimed && !this.#job.excluded) this.#unmatched++;
  }

  async #addLink(name: string): Promise<void> {
    const { plan, realRoot } = this.#context;
    const path = this.#pathOf(name);
    const judged = plan.judge(path, this.#job.modalities);
    const { takers } = this.#takers(name);
    const asFolder = this.#wanted(judged.modalities);
    const interested = this.#claims.filter((claim) =>
      takers.includes(claim) || asFolder.includes(claim.index)
    );
    const follow = interested.filter(({ modality }) => modality.followLinks !== "never");
    if (follow.length === 0) {
      // It may be a file or a folder; either way it belongs to nothing that is wanted.
      const { claimed } = this.#takers(name);
      const known = interested.length === 0 &&
        (claimed || judged.modalities.length > 0 || judged.excluded);
      if (!known && !this.#job.excluded) this.#unmatched++;
      return;
    }
    const anywhere = follow.filter(({ modality }) => modality.followLinks === "anywhere");
    const target = await resolveLink(
      this.#job.path + name,
      this.#job.folder,
      this.#job.followed,
      realRoot,
      anywhere.length > 0,
    );
    const indexes = follow.map(({ index }) => index);
    switch (target.kind) {
      case "broken":
        return this.#problem(
          path,
          `the link can't be followed: ${
            target.error instanceof Deno.errors.NotFound
              ? "nothing is where it leads"
              : describeError(target.error)
          }`,
          indexes,
          "read_error",
        );
      case "outside":
        return this.#outside(path, target.path, indexes);
      case "special":
        return this.#addSpecial(name);
      case "loop":
        return this.#problem(
          path,
          "the link leads to a folder that it lies in itself, and was not followed",
          indexes,
          "link_loop",
        );
      case "file":
      case "folder": {
        const going = target.inside ? follow : anywhere;
        const staying = follow.filter((claim) => !going.includes(claim));
        if (staying.length > 0) {
          this.#outside(path, "outside", staying.map(({ index }) => index));
        }
        if (target.kind === "file") {
          return this.#addFile(name, target.info, going);
        }
        return this.#addLinkedFolder(name, target.path, going);
      }
      default:
        target satisfies never;
    }
  }

  #addLinkedFolder(name: string, real: string, going: readonly Claim[]): void {
    const among = going.map(({ index }) => index);
    const path = this.#pathOf(name);
    const judged = this.#context.plan.judge(path, among);
    if (!judged.read) return;
    this.#folders.push(name);
    this.#linked.push([name, {
      folder: path,
      path: withSeparator(real),
      modalities: judged.modalities,
      excluded: judged.excluded || this.#job.excluded,
      followed: [...this.#job.followed, { at: path, target: real }],
    }]);
  }

  async statFiles(): Promise<void> {
    for (const [which, names] of this.#files.entries()) {
      sortByUtf8(names);
      for (let from = 0; from < names.length; from += BATCH_FILES) {
        if (this.#context.stopped) return;
        const some = names.slice(from, from + BATCH_FILES);
        const columns = await this.#columns(this.#claims[which], some);
        if (columns.count > 0) await this.#sink.files(columns);
      }
      names.length = 0;
    }
  }

  async #columns(claim: Claim, names: readonly string[]): Promise<FoundColumns> {
    const { kept, numbers } = this.#context.stat
      ? await this.#stat(claim, names)
      : { kept: names, numbers: new Float64Array(2 * names.length).fill(-1) };
    const { everyName, personId, version } = claim.match;
    return {
      modality: claim.index,
      count: kept.length,
      names: kept.join("/"),
      numbers,
      personId,
      version,
      each: everyName ? undefined : kept.map((name) => {
        const found = claim.match.matchName(name);
        return [found?.personId, found?.version] as const;
      }),
    };
  }

  /** Sizes and times of files; those that can't be asked are reported and left out. */
  async #stat(
    claim: Claim,
    names: readonly string[],
  ): Promise<{ kept: readonly string[]; numbers: Float64Array<ArrayBuffer> }> {
    const infos = new Float64Array(2 * names.length);
    const failed = new Set<number>();
    await this.#context.calls.lstatAll(this.#job.path, names, {
      found: (index, info) => {
        const file = this.#linkedFiles.get(names[index]) ?? info;
        infos[index] = file.size;
        infos[names.length + index] = file.mtime?.getTime() ?? 0;
        if (file.isFile) return;
        failed.add(index);
        this.#problem(
          this.#pathOf(names[index]),
          "it was replaced by something else while the folder was being read",
          [claim.index],
          "read_error",
        );
      },
      failed: (index, error) => {
        failed.add(index);
        this.#unreadable(names[index], error, [claim.index]);
      },
    });
    if (failed.size === 0) return { kept: names, numbers: infos };
    return {
      kept: names.filter((_, index) => !failed.has(index)),
      numbers: infos.filter((_, index) => !failed.has(index % names.length)),
    };
  }

  end(): FolderEnd {
    return {
      folders: sortByUtf8(this.#folders).join("/"),
      linked: this.#linked,
      skipped: sortByUtf8(this.#skipped).join("/"),
      unmatched: this.#unmatched,
    };
  }

  #pathOf(name: string): string {
    return joinJournalPath(this.#job.folder, name);
  }

  #wanted(indexes: readonly number[]): readonly number[] {
    return indexes.filter((index) => this.#context.plan.modalities[index].wanted);
  }

  #outside(path: string, target: string, indexes: readonly number[]): void {
    this.#problem(
      path,
      target === "outside"
        ? "the link leads out of the modality's root, and was not followed"
        : `the link leads out of the modality's root, to "${target}", and was not followed`,
      indexes,
      "link_outside",
    );
  }

  #badName(name: string): void {
    this.#problem(
      this.#pathOf(name),
      "its name is not valid UTF-8",
      this.#wanted(this.#job.modalities),
      "name",
    );
  }

  #badVersion(
    name: string,
    version: string | undefined,
    indexes: readonly number[],
  ): void {
    const text = version ??
      this.#context.plan.modalities[indexes[0]].pattern
        .folder(this.#pathOf(name))?.version;
    this.#problem(
      this.#pathOf(name),
      `"${text}" can't be a version`,
      indexes,
      "version",
    );
  }

  #unreadable(
    name: string,
    error: unknown,
    indexes = this.#takers(name).takers.map(({ index }) => index),
  ): void {
    const path = this.#pathOf(name);
    const affected = new Set([
      ...indexes,
      ...this.#wanted(
        this.#context.plan.judge(path, this.#job.modalities).modalities,
      ),
    ]);
    if (affected.size === 0) return;
    this.#problem(
      path,
      error instanceof Deno.errors.NotFound
        ? "it vanished while the folder was being read"
        : `it can't be read: ${describeError(error)}`,
      [...affected],
      "read_error",
    );
  }

  #problem(
    path: string,
    reason: string,
    modalities: readonly number[],
    cause: ScanProblem["cause"],
  ): void {
    this.#sink.problem({
      kind: "problem",
      path,
      reason,
      modalities: this.#context.plan.names(modalities),
      cause,
    });
  }
}

/** Puts names in ascending order of their UTF-8 bytes, in place. */
export function sortByUtf8(names: string[]): string[] {
  // UTF-16 order is the same, except where surrogate pairs meet U+E000 to U+FFFF.
  return names.some((name) => /[\ud800-\udfff]/.test(name))
    ? names.sort(compareCodePoints)
    : names.sort();
}

function compareCodePoints(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length;) {
    const left = a.codePointAt(at) ?? 0;
    const right = b.codePointAt(at) ?? 0;
    if (left !== right) return left - right;
    at += left > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}

/** The operating system's words for an error, without the path and the number. */
export function describeError(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "it does not exist";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\).*$/s, "").replace(/^./, (first) => first.toLowerCase());
}

/** A folder's path with a separator at its end, so that names can be put after it. */
export function withSeparator(path: string): string {
  const separator = path.includes("\\") && !path.startsWith("/") ? "\\" : "/";
  return path.endsWith(separator) ? path : path + separator;
}
