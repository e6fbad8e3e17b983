import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import type { Edge } from "./edge.ts";

/** Options that every command takes, before the command's name or after it. */
export interface CommonOptions {
  config?: string;
  verbose?: true;
  json?: true;
  logFile?: string;
}

/** Adds the options that every command takes. No defaults: the more specific place wins. */
export function withCommonOptions<A extends unknown[], O extends Record<string, unknown>>(
  command: Command<A, O>,
) {
  return command
    .option("-c, --config <file>", "configuration file (default: config.toml)")
    .option("-v, --verbose", "more detail; a stack trace with an error")
    .option("--json", "machine-readable results on stdout")
    .option("--log-file <file>", "append a log, one JSON object per line");
}

/**
 * A leaf command: its name, one line of description, and an example that
 * `--help` ends with.
 */
export function leaf(name: string, description: string, examples: readonly string[]) {
  return withCommonOptions(new Command(name)).description(description).addHelpText(
    "after",
    `\nExample${examples.length > 1 ? "s" : ""}:\n` +
      examples.map((each) => `  $ chorus-upload ${each}\n`).join(""),
  );
}

/** Where a finished command leaves its exit code. */
export interface Outcome {
  exitCode: number;
}

/**
 * Ends the description of a leaf: what it does when it is called.
 *
 * @param run the command's work; gives the exit code
 */
export function acting<A extends unknown[], O extends Record<string, unknown>>(
  command: Command<A, O>,
  edge: Edge,
  outcome: Outcome,
  run: (command: Command, flags: O, edge: Edge) => Promise<number>,
): Command {
  const plain = command as unknown as Command;
  plain.action(async (flags) => {
    outcome.exitCode = await run(plain, flags as O, edge);
  });
  return plain;
}

/** What a leaf's module exports: it adds itself to its parent. */
export type LeafFactory = (edge: Edge, outcome: Outcome) => Command;

/** The common options of a leaf, those given before the command's name included. */
export function commonOptionsOf(command: Command): CommonOptions {
  const given: CommonOptions = {};
  const lineage: Command[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent as Command | null) {
    lineage.unshift(each);
  }
  for (const each of lineage) {
    const { config, verbose, json, logFile } = each.opts() as CommonOptions;
    if (config !== undefined) given.config = config;
    if (verbose !== undefined) given.verbose = verbose;
    if (json !== undefined) given.json = json;
    if (logFile !== undefined) given.logFile = logFile;
  }
  return given;
}

/** Parses a positive whole number. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("Give a whole number of at least 1.");
  }
  return value;
}

/** Parses `OMOP,Images` into its parts. */
export function parseNames(text: string): string[] {
  const names = text.split(",").map((each) => each.trim()).filter((each) => each !== "");
  if (names.length === 0) throw new InvalidArgumentError("Give names separated by commas.");
  return names;
}
