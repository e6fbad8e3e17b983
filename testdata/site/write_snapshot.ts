import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { ChangeEntry } from "./changes.ts";
import { planSnapshot } from "./plan_snapshot.ts";
import type { PlannedFile } from "./planned_file.ts";
import type { SiteSpecification } from "./site_options.ts";

/**
 * Where a snapshot goes: `whole` writes every file into an empty folder,
 * `difference` brings a folder from the snapshot before to this one, `nowhere`
 * only finds out sizes and digests.
 */
export type Target =
  | { kind: "whole"; folder: string }
  | { kind: "difference"; folder: string }
  | { kind: "nowhere"; digests: boolean };

/**
 * Writes one snapshot, a file at a time.
 *
 * The digests come from `node:crypto` and not from the product's own kernel, so
 * that they can serve as oracle for it.
 *
 * @returns what was done to each file, once it was done
 */
export function* writeSnapshot(
  site: SiteSpecification,
  snapshot: number,
  target: Target,
): Generator<ChangeEntry, void, undefined> {
  const folders = new Folders();
  for (const file of planSnapshot(site, snapshot)) {
    const { action, path, record } = file;
    const identity = {
      path,
      modality: file.modality ?? null,
      person: file.person ?? null,
      action,
    };
    if (action === "gone") {
      if (target.kind === "difference") remove(target.folder, path);
      yield { ...identity, size: null, md5: null, mtimeMs: null, record };
      continue;
    }
    const local = target.kind === "nowhere" ? undefined : join(target.folder, ...path.split("/"));
    const writes = target.kind === "whole" || action === "added" || action === "changed";
    if (local !== undefined && writes) folders.make(dirname(local));
    const { size, md5 } = put(
      file,
      writes ? local : undefined,
      target.kind !== "nowhere" || target.digests,
    );
    if (local !== undefined && (writes || action === "touched")) {
      const time = new Date(file.mtimeMs);
      Deno.utimeSync(local, time, time);
    }
    yield { ...identity, size, md5, mtimeMs: file.mtimeMs, record };
  }
}

/** Sends a file's bytes through the digest and to the path, if any. */
function put(
  file: PlannedFile,
  path: string | undefined,
  digested: boolean,
): { size: number; md5: string | null } {
  using output = path === undefined
    ? undefined
    : Deno.openSync(path, { write: true, create: true, truncate: true });
  const digest = digested ? createHash("md5") : undefined;
  let size = 0;
  for (const piece of file.content()) {
    digest?.update(piece);
    for (let done = 0; output !== undefined && done < piece.length;) {
      done += output.writeSync(piece.subarray(done));
    }
    size += piece.length;
  }
  return { size, md5: digest?.digest("hex") ?? null };
}

/** Makes folders, asking the system once for each as long as files come folder by folder. */
class Folders {
  readonly #made = new Set<string>();

  make(folder: string): void {
    if (this.#made.has(folder)) return;
    Deno.mkdirSync(folder, { recursive: true });
    if (this.#made.size > 1_000) this.#made.clear();
    this.#made.add(folder);
  }
}

/** Removes a file, and the folders that are empty then. */
function remove(root: string, path: string): void {
  const parts = path.split("/");
  Deno.removeSync(join(root, ...parts));
  for (let length = parts.length - 1; length > 0; length--) {
    const folder = join(root, ...parts.slice(0, length));
    if (!Deno.readDirSync(folder)[Symbol.iterator]().next().done) return;
    Deno.removeSync(folder);
  }
}
