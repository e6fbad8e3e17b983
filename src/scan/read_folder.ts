import type { FileCalls } from "./file_calls.ts";
import { FolderContents } from "./folder_contents.ts";
import { BATCH_FILES, type FolderEnd, type FolderJob, type FolderSink } from "./folder_job.ts";
import { resolveLink } from "./links.ts";
import type { Claim, ScanPlan } from "./scan_plan.ts";

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

/** Links that are followed at a time. */
const LINKS_SIDE_BY_SIDE = 16;

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
  await reading.followLinks();
  await reading.askForFiles();
  return reading.contents.end();
}

/** One folder while it is being read. */
class FolderReading {
  readonly contents: FolderContents;
  readonly #job: FolderJob;
  readonly #context: ReadContext;
  readonly #sink: FolderSink;
  readonly #links: string[] = [];
  /** Names that hold U+FFFD, and entries of a kind that the listing does not tell. */
  readonly #odd: string[] = [];
  /** Files that are links, with what they lead to. */
  readonly #linkedFiles = new Map<string, Deno.FileInfo>();

  constructor(job: FolderJob, context: ReadContext, sink: FolderSink) {
    this.contents = new FolderContents(job, context.plan, sink);
    this.#job = job;
    this.#context = context;
    this.#sink = sink;
  }

  async list(): Promise<void> {
    const { contents } = this;
    try {
      const entries = Deno.readDir(this.#job.path)[Symbol.asyncIterator]();
      while (!this.#context.stopped) {
        const { value: entry, done } = await entries.next();
        if (done) return;
        if (entry.name.includes(REPLACEMENT)) this.#odd.push(entry.name);
        else if (entry.isFile) contents.addFile(entry.name);
        else if (entry.isDirectory) contents.addFolder(entry.name);
        else if (entry.isSymlink) this.#links.push(entry.name);
        else this.#odd.push(entry.name);
      }
      await entries.return?.();
    } catch (error) {
      contents.problem(
        ".",
        `the folder can't be read: ${describeError(error)}`,
        contents.wanted(this.#job.modalities),
        "read_error",
      );
    }
  }

  /** Finds out what each odd entry is. */
  async settleOdd(): Promise<void> {
    const { contents } = this;
    const genuine = new Set<string>();
    for (const name of this.#odd) {
      if (this.#context.stopped) return;
      const replaced = name.includes(REPLACEMENT);
      let info: Deno.FileInfo;
      try {
        info = await Deno.lstat(this.#job.path + name);
      } catch (error) {
        if (replaced && error instanceof Deno.errors.NotFound) this.#badName(name);
        else this.#unreadable(name, error, contents.affected(name));
        continue;
      }
      // One entry at most has this very name; what else is listed under it has other bytes.
      if (genuine.has(name)) {
        this.#badName(name);
        continue;
      }
      if (replaced) genuine.add(name);
      if (info.isSymlink) this.#links.push(name);
      else if (info.isFile) contents.addFile(name);
      else if (info.isDirectory) contents.addFolder(name);
      else this.#addSpecial(name);
    }
  }

  #addSpecial(name: string): void {
    const { takers, claimed } = this.contents.takers(name);
    if (takers.length > 0) {
      this.contents.problem(
        name,
        "it is neither a file nor a folder, and was not opened",
        indexesOf(takers),
        "not_a_file",
      );
    } else if (!claimed) this.contents.addUnmatched();
  }

  /** Follows the links, several at a time: each takes calls that wait on a network mount. */
  async followLinks(): Promise<void> {
    const lane = async () => {
      for (let name = this.#links.pop(); name !== undefined; name = this.#links.pop()) {
        if (this.#context.stopped) return;
        await this.#addLink(name);
      }
    };
    const lanes = Math.min(LINKS_SIDE_BY_SIDE, this.#links.length);
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  async #addLink(name: string): Promise<void> {
    const { contents } = this;
    const affected = contents.affected(name);
    const follow = contents.claims.filter(({ index, modality }) =>
      affected.includes(index) && modality.followLinks !== "never"
    );
    if (follow.length === 0) {
      // A file or a folder, either way nothing of it is wanted.
      const judged = contents.judge(name);
      const known = contents.takers(name).claimed || judged.modalities.length > 0 ||
        judged.excluded;
      if (affected.length > 0 || !known) contents.addUnmatched();
      return;
    }
    const anywhere = follow.filter(({ modality }) => modality.followLinks === "anywhere");
    const target = await resolveLink(
      this.#job.path + name,
      this.#job.folder,
      this.#job.followed,
      this.#context.realRoot,
      anywhere.length > 0,
    );
    switch (target.kind) {
      case "broken":
        return contents.problem(
          name,
          `the link can't be followed: ${describeError(target.error)}`,
          indexesOf(follow),
          "read_error",
        );
      case "outside":
        return this.#leftOutside(name, target.path, follow);
      case "special":
        return this.#addSpecial(name);
      case "loop":
        return contents.problem(
          name,
          "the link leads to a folder that it lies in itself, and was not followed",
          indexesOf(follow),
          "link_loop",
        );
      case "file":
      case "folder": {
        const going = target.inside ? follow : anywhere;
        const staying = follow.filter((claim) => !going.includes(claim));
        if (staying.length > 0) this.#leftOutside(name, target.path, staying);
        if (target.kind === "folder") return this.#addLinkedFolder(name, target.path, going);
        this.#linkedFiles.set(name, target.info);
        return contents.addFile(name, going);
      }
      default:
        target satisfies never;
    }
  }

  #addLinkedFolder(name: string, real: string, going: readonly Claim[]): void {
    const folder = this.contents.pathOf(name);
    const judged = this.#context.plan.judge(folder, indexesOf(going));
    if (!judged.read) return;
    this.contents.addLinkedFolder(name, {
      folder,
      path: withSeparator(real),
      modalities: judged.modalities,
      excluded: judged.excluded || this.#job.excluded,
      followed: [...this.#job.followed, { at: folder, target: real }],
    });
  }

  /** Asks for sizes and times and hands the files on. */
  async askForFiles(): Promise<void> {
    for (const { claim, names } of this.contents.takeFiles()) {
      for (let from = 0; from < names.length; from += BATCH_FILES) {
        if (this.#context.stopped) return;
        const some = names.slice(from, from + BATCH_FILES);
        const { kept, numbers } = this.#context.stat
          ? await this.#ask(claim, some)
          : { kept: some, numbers: new Float64Array(2 * some.length).fill(-1) };
        if (kept.length > 0) await this.#sink.files(this.contents.columns(claim, kept, numbers));
      }
    }
  }

  /** Sizes and times of files; those that can't be had are reported and left out. */
  async #ask(
    claim: Claim,
    names: readonly string[],
  ): Promise<{ kept: readonly string[]; numbers: Float64Array<ArrayBuffer> }> {
    const numbers = new Float64Array(2 * names.length);
    const failed = new Set<number>();
    await this.#context.calls.lstatAll(this.#job.path, names, {
      found: (index, info) => {
        const file = info.isFile ? info : this.#linkedFiles.get(names[index]);
        if (file === undefined) {
          failed.add(index);
          this.contents.problem(
            names[index],
            "it was replaced by something else while the folder was being read",
            [claim.index],
            "read_error",
          );
        } else {
          numbers[index] = file.size;
          numbers[names.length + index] = file.mtime?.getTime() ?? 0;
        }
      },
      failed: (index, error) => {
        failed.add(index);
        this.#unreadable(names[index], error, [claim.index]);
      },
    });
    if (failed.size === 0) return { kept: names, numbers };
    return {
      kept: names.filter((_, index) => !failed.has(index)),
      numbers: numbers.filter((_, index) => !failed.has(index % names.length)),
    };
  }

  #leftOutside(name: string, target: string, claims: readonly Claim[]): void {
    this.contents.problem(
      name,
      `the link leads out of the modality's root, to "${target}", and was not followed`,
      indexesOf(claims),
      "link_outside",
    );
  }

  /** Its true name is unknown, so any modality may have lost something. */
  #badName(name: string): void {
    this.contents.problem(
      name,
      "its name is not valid UTF-8",
      this.contents.wanted(this.#job.modalities),
      "name",
    );
  }

  #unreadable(name: string, error: unknown, indexes: readonly number[]): void {
    if (indexes.length === 0) return;
    this.contents.problem(
      name,
      error instanceof Deno.errors.NotFound
        ? "it vanished while the folder was being read"
        : `it can't be read: ${describeError(error)}`,
      indexes,
      "read_error",
    );
  }
}

function indexesOf(claims: readonly Claim[]): readonly number[] {
  return claims.map(({ index }) => index);
}

/** The operating system's words for an error, without the path and the number. */
export function describeError(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "nothing is there";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  const text = error instanceof Error ? error.message : String(error);
  const words = text.replace(/ \(os error \d+\).*$/s, "");
  return words.slice(0, 1).toLowerCase() + words.slice(1);
}

/** A folder's path with a separator at its end, so that names can be put after it. */
export function withSeparator(path: string): string {
  const separator = path.includes("\\") && !path.startsWith("/") ? "\\" : "/";
  return path.endsWith(separator) ? path : path + separator;
}
