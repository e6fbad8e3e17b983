/** Names on file systems that ignore upper and lower case. */

import { basename, dirname } from "node:path";
import { FileFailure } from "./failure.ts";

/** Folders remembered as spelled rightly. */
const REMEMBERED = 1_000;

/**
 * Sees to it that a path means the file of exactly this name: where case is
 * ignored, `Images/x` leads to `images/x`, and reading, replacing or removing it
 * would hit another object than was meant.
 */
export class Spelling {
  readonly #root: string;
  readonly #right = new Set<string>();
  #caseCounts = false;

  /** @param root the store's folder; how it is spelled itself does not matter */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * @param path of something that exists, in or below the root
   * @throws {FileFailure} `unsupported` when its name is another one
   */
  async require(path: string): Promise<void> {
    if (path === this.#root || this.#caseCounts || await this.#findCaseCounts(path)) return;
    for (let at = path; at !== this.#root && at !== dirname(at); at = dirname(at)) {
      if (this.#right.has(at)) return;
      await requireListed(at);
      if (at === path) continue;
      if (this.#right.size >= REMEMBERED) this.#right.clear();
      this.#right.add(at);
    }
  }

  /** True, from then on, when the same name in other case is another file, or none. */
  async #findCaseCounts(path: string): Promise<boolean> {
    const name = basename(path);
    const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
    if (other === name) return false;
    const here = await infoOf(path);
    // Gone meanwhile: nothing to take for another.
    if (here === undefined) return true;
    const there = await infoOf(path.slice(0, -name.length) + other);
    this.#caseCounts = there?.ino !== here.ino || there?.dev !== here.dev;
    return this.#caseCounts;
  }
}

async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function requireListed(path: string): Promise<void> {
  const name = basename(path);
  for await (const entry of Deno.readDir(dirname(path))) {
    if (entry.name === name) return;
  }
  throw new FileFailure(
    "unsupported",
    "this file system ignores upper and lower case and holds another spelling of the name",
    "Rename one of the two.",
  );
}
