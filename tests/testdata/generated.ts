/** A generated site in a temporary folder. */

import { join } from "node:path";
import { readChanges, type SnapshotEntry } from "../../testdata/site/changes.ts";
import { type GenerateOptions, generateSite } from "../../testdata/site/generate_site.ts";

/** A temporary folder, removed when disposed. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "chorus-testdata-" });

  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Generates a site below the folder and reads its list of changes. */
export async function generated(
  folder: TemporaryFolder,
  options: Omit<GenerateOptions, "output"> = {},
): Promise<SnapshotEntry[]> {
  const { changes } = await generateSite({ ...options, output: folder.at("out") });
  return await Array.fromAsync(readChanges(changes));
}

/** Every file below a folder, by path with `/`, in order. */
export async function treeOf(root: string, folder = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isDirectory) paths.push(...await treeOf(root, path));
    else paths.push(path);
  }
  return paths.sort();
}
