/** Listing a folder, folder by folder. */

import { join } from "node:path";
import type { ListEntry, ListOptions } from "../../src/storage/driver.ts";
import { FileFailure } from "./failure.ts";
import { objectInfo } from "./object_info.ts";
import { isOwnName } from "./own_names.ts";

/** Look-ups in flight: a mount answers many at once, a disk does not mind. */
const LOOK_UPS = 32;

/**
 * The files below a prefix. Links to folders are not followed; links to files
 * are listed as the file.
 */
export async function* listFolder(
  root: string,
  prefix: string,
  { recursive, signal }: ListOptions,
): AsyncGenerator<ListEntry, void, void> {
  // A missing root is an error, a missing prefix is not.
  const info = await Deno.stat(root);
  if (!info.isDirectory) {
    throw new FileFailure("not_found", `${root} is not a folder`);
  }
  const pending = [prefix];
  for (;;) {
    const folder = pending.pop();
    if (folder === undefined) return;
    const below: string[] = [];
    for await (const entry of entriesOf(root, folder, signal)) {
      if (entry.kind === "folder" && recursive) below.push(entry.key);
      else yield entry;
    }
    // Popped from the end: the first one found comes first.
    pending.push(...below.reverse());
  }
}

async function* entriesOf(
  root: string,
  folder: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListEntry, void, void> {
  const path = join(root, ...folder.split("/").filter((part) => part !== ""));
  let names: Deno.DirEntry[] = [];
  const flush = async () => {
    signal?.throwIfAborted();
    const found = await Promise.all(
      names.map((entry) => look(path, folder, entry)),
    );
    names = [];
    return found.filter((entry) => entry !== undefined);
  };
  try {
    for await (const entry of Deno.readDir(path)) {
      if (isOwnName(entry.name)) continue;
      names.push(entry);
      if (names.length === LOOK_UPS) yield* await flush();
    }
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return;
    throw error;
  }
  yield* await flush();
}

async function look(
  path: string,
  folder: string,
  entry: Deno.DirEntry,
): Promise<ListEntry | undefined> {
  const key = folder + entry.name;
  if (entry.isDirectory) return { kind: "folder", key: `${key}/` };
  try {
    const info = await Deno.stat(join(path, entry.name));
    return info.isFile ? { kind: "object", object: objectInfo(key, info) } : undefined;
  } catch (error) {
    // Removed meanwhile, or a link that leads nowhere.
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
