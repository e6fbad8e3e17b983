import { ChorusError } from "../errors/chorus_error.ts";
import { FolderReaders } from "./folder_readers.ts";
import type { ScanItem } from "./found_file.ts";
import { describeError, withSeparator } from "./read_folder.ts";
import { planSource, ScanPlan } from "./scan_plan.ts";
import type { TreeModality } from "./tree_modality.ts";
import { walkInOrder } from "./walk.ts";

export interface ScanTreeOptions {
  /** False: sizes and times are not asked for and come as -1. Default true. */
  stat?: boolean;
  /** Cap on the threads that read folders; by default as many as the mount can use. */
  numThreads?: number;
  /** Ends the walk. */
  signal?: AbortSignal;
  /** Is told of each folder before it is read. */
  onFolder?: (folder: string) => void;
  /** Makes a worker, for tests. */
  newWorker?: () => Worker;
}

/**
 * Walks one root for all modalities that live there, and yields what it finds
 * folder by folder.
 *
 * The order is that of the tree, whatever the disk's is: a folder before those
 * below it, names ascending by their UTF-8 bytes. Each folder that can lead to a
 * match of a wanted modality is read once, no other is. A file that several
 * modalities match is yielded for each. What can't be read becomes a problem and
 * the walk goes on. Nothing is kept of what was yielded; what is read ahead is
 * bounded, but the names of one folder are held together.
 *
 * @param root absolute path of a local folder
 * @param modalities those that live here, unwanted ones too, so that their files
 *   do not count as unmatched
 * @throws ChorusError `not_found`, `permission` or `config` when the root itself
 *   can't be read; `io` when a thread dies
 */
export async function* scanTree(
  root: string,
  modalities: readonly TreeModality[],
  options: ScanTreeOptions = {},
): AsyncGenerator<ScanItem, void, undefined> {
  options.signal?.throwIfAborted();
  const realRoot = await openRoot(root);
  const plan = await ScanPlan.compile(modalities.map(planSource));
  yield* walkInOrder(
    plan,
    { folder: ".", path: withSeparator(root), modalities: plan.all, excluded: false, followed: [] },
    (sink) =>
      new FolderReaders(plan, realRoot, options.stat ?? true, {
        numThreads: options.numThreads,
        processors: navigator.hardwareConcurrency,
        newWorker: options.newWorker,
      }, sink),
    options,
  );
}

/** Checks that the root can be read, and gives its real path. */
async function openRoot(root: string): Promise<string> {
  try {
    const real = await Deno.realPath(root);
    const entries = Deno.readDir(root)[Symbol.asyncIterator]();
    await entries.next();
    await entries.return?.();
    return real;
  } catch (error) {
    const about = { subject: root, cause: error };
    if (error instanceof Deno.errors.NotFound) {
      throw new ChorusError("not_found", `The folder "${root}" does not exist.`, {
        ...about,
        remedy: "Correct site_path in the configuration, or mount the share.",
      });
    }
    if (error instanceof Deno.errors.NotADirectory) {
      throw new ChorusError("config", `"${root}" is not a folder.`, {
        ...about,
        remedy: "Let site_path in the configuration name a folder.",
      });
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new ChorusError("permission", `The folder "${root}" may not be read.`, {
        ...about,
        remedy: "Ask for permission to read it, or run as another user.",
      });
    }
    throw new ChorusError(
      "io",
      `The folder "${root}" can't be read: ${describeError(error)}.`,
      about,
    );
  }
}
