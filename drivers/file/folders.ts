/** Folders that exist, last, and lie inside the store. */

import { dirname, sep } from "node:path";
import { FileFailure } from "./failure.ts";
import type { Spelling } from "./spelling.ts";
import { codeOf } from "./system_calls.ts";

/** Folders remembered as made and checked. */
const REMEMBERED = 1_000;

/** What a file system answers that can't sync a folder. */
const NO_FOLDER_SYNC: ReadonlySet<string> = new Set([
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EBADF",
  "EISDIR",
]);

/** The folders of one store. */
export class Folders {
  readonly #root: string;
  readonly #known = new Set<string>();
  readonly #spelling: Spelling;
  #realRoot: string | undefined;

  constructor(root: string, spelling: Spelling) {
    this.#root = root;
    this.#spelling = spelling;
  }

  /**
   * Makes a folder and those above it, and sees that it lies inside the root.
   *
   * @throws {FileFailure} `unsupported` when a link leads out of the root, or case is
   *   ignored and the folder is spelled otherwise
   */
  async ensure(folder: string): Promise<void> {
    if (this.#known.has(folder)) return;
    // The root first, then links above the folder: not even an empty one may appear elsewhere.
    if (this.#realRoot === undefined) await makeLasting(this.#root);
    await this.requireInside(await nearestFolder(folder));
    await makeLasting(folder);
    await this.requireInside(folder);
    await this.#spelling.require(folder);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.add(folder);
  }

  /** Forgets a folder that turned out to be gone. */
  forget(folder: string): void {
    this.#known.delete(folder);
  }

  /** @throws {FileFailure} `unsupported` when the folder, its links followed, lies elsewhere */
  async requireInside(folder: string): Promise<void> {
    this.#realRoot ??= await Deno.realPath(this.#root);
    const real = await Deno.realPath(folder);
    const below = this.#realRoot.endsWith(sep) ? this.#realRoot : this.#realRoot + sep;
    if (real !== this.#realRoot && !real.startsWith(below)) {
      throw new FileFailure(
        "unsupported",
        `a link leads out of the folder, to ${real}`,
        "Replace the link by a folder.",
      );
    }
  }
}

/** The folder itself, or the nearest one above it that is there. */
async function nearestFolder(folder: string): Promise<string> {
  for (let each = folder;;) {
    try {
      return await Deno.realPath(each);
    } catch (error) {
      const above = dirname(each);
      if (!(error instanceof Deno.errors.NotFound) || above === each) throw error;
      each = above;
    }
  }
}

/** Makes a folder with those above it; their names are on the disk when it resolves. */
async function makeLasting(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      if ((await Deno.stat(folder)).isDirectory) return;
      throw new FileFailure("unsupported", `${folder} is a file, not a folder`);
    }
    const above = dirname(folder);
    if (!(error instanceof Deno.errors.NotFound) || above === folder) {
      throw error;
    }
    await makeLasting(above);
    return await makeLasting(folder);
  }
  await syncFolder(dirname(folder));
}

/** Brings the names in a folder to the disk, where the file system can. */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using file = await Deno.open(folder, { read: true });
  try {
    await file.sync();
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(codeOf(error))) throw error;
  }
}
