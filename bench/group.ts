/** A group of cases, and what it is run with. */

import type { Report } from "./case.ts";

/** What a group is given. */
export interface GroupContext {
  /** Takes the results as they come. */
  report: Report;
  /** Says what is left out and why. */
  skip: (what: string, why: string) => void;
  /** An empty folder, removed afterwards. */
  folder: string;
  /** How often each pair is measured after its warm-up. */
  runs: number;
  /** A number of files, made smaller where the whole run is. */
  scaled: (count: number) => number;
}

/** Cases that share what they need. */
export interface Group {
  /** What the command line calls it. */
  name: string;
  about: string;
  run: (context: GroupContext) => Promise<void>;
}

/** `1,000,000`. */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** Where a program is found on the PATH; undefined when it is not. */
export async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${folder}/${program}`;
    try {
      if ((await Deno.stat(path)).isFile) return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
