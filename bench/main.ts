/**
 * Runs the benchmarks: `deno task bench [--write] [--runs N] [--scale S] [group…]`.
 *
 * Each case makes what it needs in a temporary folder and removes it. What the
 * numbers mean is in README.md, how they were is in RESULTS.md.
 */

import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { BenchServer } from "./bench_server.ts";
import { type CaseResult, reportLine } from "./case.ts";
import { firstUpdate } from "./first_update.ts";
import type { Group, GroupContext } from "./group.ts";
import { run as runKernel } from "./kernel_bench.ts";
import { largeJournal } from "./large_journal.ts";
import { memory } from "./memory.ts";
import { repeatedUpdate } from "./repeated_update.ts";
import { type GroupResults, type Occasion, section, table, withSections } from "./results.ts";
import { slowMount } from "./slow_mount.ts";
import { startup } from "./startup.ts";
import { upload, uploadToAzurite } from "./upload.ts";

/** Pairs: enough to look, and for results that are kept. */
const RUNS = { look: 3, keep: 5 };
const RESULTS = new URL("./RESULTS.md", import.meta.url);

const kernel: Group = {
  name: "kernel",
  about: "the MD5 kernel in memory, one core",
  run: ({ report }) => runKernel(report),
};

/** All groups, in the order in which they run. */
export const GROUPS: readonly Group[] = [
  startup,
  kernel,
  firstUpdate,
  repeatedUpdate,
  largeJournal,
  slowMount,
  memory,
  upload,
  uploadToAzurite,
];

/** How to run groups. */
export interface BenchOptions {
  runs: number;
  /** 1 for all; 0.01 for a hundredth of the files. */
  scale: number;
  print: (text: string) => void;
}

/** Runs one group in a folder of its own. */
export async function runGroup(group: Group, options: BenchOptions): Promise<GroupResults> {
  const results: CaseResult[] = [];
  const skipped: string[] = [];
  const folder = await Deno.makeTempDir({ prefix: "chorus_bench_" });
  const context: GroupContext = {
    folder,
    runs: options.runs,
    scaled: (number) => Math.max(1, Math.round(number * options.scale)),
    report: (result) => {
      results.push(result);
      options.print(reportLine(result));
    },
    skip: (what, why) => {
      skipped.push(`${what}: ${why}`);
      options.print(`left out: ${what}: ${why}\n`);
    },
  };
  const removeAndEnd = () => {
    BenchServer.stopAll();
    Deno.removeSync(folder, { recursive: true });
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", removeAndEnd);
  try {
    await group.run(context);
  } finally {
    Deno.removeSignalListener("SIGINT", removeAndEnd);
    await Deno.remove(folder, { recursive: true });
  }
  return { name: group.name, about: group.about, results, skipped };
}

/** This machine, in a few words. */
function machine(): string {
  const all = cpus();
  return `${all.length} × ${
    all[0]?.model.trim() || "unknown processor"
  }, ${Deno.build.os}, Deno ${Deno.version.deno}`;
}

async function writeResults(groups: readonly GroupResults[], occasion: Occasion): Promise<void> {
  const sections = new Map(groups.map((group) => [group.name, section(group, occasion)]));
  const text = await Deno.readTextFile(RESULTS);
  const order = GROUPS.map((group) => group.name);
  await Deno.writeTextFile(RESULTS, withSections(text, sections, order));
  const format = new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", fileURLToPath(RESULTS)] });
  await format.output();
}

async function main(): Promise<void> {
  const print = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  const { values, positionals } = parseArgs({
    args: Deno.args.filter((argument) => argument !== "--"),
    allowPositionals: true,
    options: {
      write: { type: "boolean", default: false },
      runs: { type: "string" },
      scale: { type: "string", default: "1" },
    },
  });
  const unknown = positionals.find((name) => !GROUPS.some((group) => group.name === name));
  if (unknown !== undefined) {
    const names = GROUPS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join("\n");
    print(`There is no group "${unknown}". Groups:\n${names}\n`);
    Deno.exit(2);
  }
  const wanted = GROUPS.filter(({ name }) =>
    positionals.length === 0 || positionals.includes(name)
  );
  const options = {
    runs: Number(values.runs ?? (values.write ? RUNS.keep : RUNS.look)),
    scale: Number(values.scale),
    print,
  };
  const occasion = { date: new Date(), machine: machine(), runs: options.runs };
  const began = performance.now();
  const groups: GroupResults[] = [];
  for (const group of wanted) {
    print(`\n${group.name}: ${group.about}\n`);
    groups.push(await runGroup(group, options));
    if (values.write) await writeResults(groups, occasion);
  }
  print(`\n${occasion.machine}\n\n${table(groups.flatMap(({ results }) => results))}\n`);
  const seconds = Math.round((performance.now() - began) / 1000);
  print(`\n${Math.floor(seconds / 60)} min ${seconds % 60} s\n`);
}

if (import.meta.main) await main();
