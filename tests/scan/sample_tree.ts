/** Trees on disk for the scan's tests, and what a scan yields in comparable form. */

import { compilePattern } from "../../src/layout/pattern.ts";
import { defaultPattern } from "../../src/layout/modality.ts";
import type { ScanItem, ScanProblem } from "../../src/scan/found_file.ts";
import type { TreeModality } from "../../src/scan/tree_modality.ts";

/** A temporary folder that is removed with everything in it. */
export class SampleTree implements AsyncDisposable {
  readonly root: string;

  constructor() {
    this.root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "scan" }));
  }

  /** Writes files, making their folders. */
  write(...paths: string[]): this {
    for (const path of paths) {
      this.folder(path.split("/").slice(0, -1).join("/"));
      Deno.writeTextFileSync(`${this.root}/${path}`, path);
    }
    return this;
  }

  folder(path: string): this {
    Deno.mkdirSync(`${this.root}/${path}`, { recursive: true });
    return this;
  }

  /** Makes a link; a target that is not absolute is relative to the link. */
  link(path: string, target: string): this {
    this.folder(path.split("/").slice(0, -1).join("/"));
    Deno.symlinkSync(target, `${this.root}/${path}`);
    return this;
  }

  /** Runs a line of shell in the root, for what the runtime can't do. */
  async shell(script: string): Promise<this> {
    const { success, stderr } = await new Deno.Command("sh", {
      args: ["-c", script],
      cwd: this.root,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // rm also removes paths that are too long, or no UTF-8, for the runtime.
    if (Deno.build.os === "windows") await Deno.remove(this.root, { recursive: true });
    else await new Deno.Command("rm", { args: ["-rf", this.root] }).output();
  }
}

/** A modality with its default pattern, unless told otherwise. */
export function modality(
  name: string,
  { pattern = defaultPattern(name), ...others }:
    & Partial<Omit<TreeModality, "pattern">>
    & { pattern?: string } = {},
): TreeModality {
  return {
    modality: name,
    pattern: compilePattern(pattern),
    exclude: [],
    followLinks: "inside",
    wanted: true,
    ...others,
  };
}

/** The modalities that every site has. */
export const STANDARD: readonly TreeModality[] = ["OMOP", "Images", "Waveforms", "Metadata"]
  .map((name) => modality(name));

/** What a scan yielded. */
export interface Collected {
  /** `Modality path`, in the order in which they came. */
  files: string[];
  /** `path: cause (modalities)`, sorted. */
  problems: string[];
  reasons: Map<string, ScanProblem>;
  /** Unmatched files by folder. */
  unmatched: Record<string, number>;
  skipped: string[];
}

/** Reads a scan to its end. */
export async function collect(items: AsyncIterable<ScanItem>): Promise<Collected> {
  const all: Collected = {
    files: [],
    problems: [],
    reasons: new Map(),
    unmatched: {},
    skipped: [],
  };
  for await (const item of items) {
    if (item.kind === "files") {
      const above = item.folder === "." ? "" : `${item.folder}/`;
      for (const { name } of item.files) all.files.push(`${item.modality} ${above}${name}`);
    } else if (item.kind === "problem") {
      all.problems.push(`${item.path}: ${item.cause} (${item.modalities})`);
      all.reasons.set(item.path, item);
    } else if (item.skipped) all.skipped.push(item.folder);
    else all.unmatched[item.folder] = (all.unmatched[item.folder] ?? 0) + item.files;
  }
  all.problems.sort();
  return all;
}
