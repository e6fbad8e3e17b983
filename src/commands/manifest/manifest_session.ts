import type { Command } from "@commander-js/extra-typings";
import { FailureList } from "../../report/failure_list.ts";
import { JsonOutput } from "../../report/json_output.ts";
import { createReporter } from "../../report/reporter.ts";
import type { Emit } from "../../workflows/workflow_event.ts";
import type { Edge } from "../edge.ts";
import { type CommonOptions, commonOptionsOf } from "../leaf.ts";
import type { Session } from "../session.ts";

/** What a command on a manifest holds while it runs; a configuration only where there is one. */
export interface ManifestSession extends AsyncDisposable {
  /** Undefined where no configuration is needed and none is there. */
  readonly site: Session | undefined;
  readonly emit: Emit;
  readonly failures: FailureList;
  readonly json: JsonOutput | undefined;
  readonly pause: () => void;
  /** How the person called the program. */
  readonly program: string;
}

/**
 * Prepares a command. A manifest can be made from a plain folder, and read
 * anywhere: there the configuration may be absent.
 *
 * @param manifest the manifest's path; a list of failures goes beside it
 * @param config `required`; `optional`: used when it was named or lies in the current folder;
 *   `none`: not looked at
 */
export async function openManifestSession(
  command: Command,
  edge: Edge,
  manifest: string,
  config: "required" | "optional" | "none",
): Promise<ManifestSession> {
  const common = commonOptionsOf(command);
  const program = common.config === undefined
    ? "chorus-upload"
    : `chorus-upload -c ${common.config}`;
  if (config === "required" || (config === "optional" && await hasConfig(common))) {
    const { openSession } = await import("../session.ts");
    const site = await openSession(command, edge);
    const { emit, failures, json, pause } = site;
    return {
      site,
      emit,
      failures,
      json,
      pause,
      program,
      [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
    };
  }
  return await withoutConfig(command, edge, manifest, common, program);
}

async function withoutConfig(
  command: Command,
  edge: Edge,
  manifest: string,
  common: CommonOptions,
  program: string,
): Promise<ManifestSession> {
  const { openLog } = await import("../session.ts");
  const log = common.logFile === undefined
    ? undefined
    : await openLog(common.logFile, [], command.name());
  const reporter = createReporter({
    terminal: edge.terminal,
    now: edge.now,
    log: log && ((event) => log.write(event)),
  });
  const failures = new FailureList(
    `${manifest.replace(/\.db$/, "")}_${command.name()}_failures.txt`,
  );
  return {
    site: undefined,
    emit: (event) => {
      if (event.kind === "failure") failures.add(event);
      reporter.emit(event);
    },
    failures,
    json: common.json ? new JsonOutput(edge.terminal) : undefined,
    pause: reporter.pause,
    program,
    async [Symbol.asyncDispose]() {
      reporter[Symbol.dispose]();
      failures[Symbol.dispose]();
      await log?.[Symbol.asyncDispose]();
    },
  };
}

async function hasConfig(common: CommonOptions): Promise<boolean> {
  if (common.config !== undefined) return true;
  try {
    return (await Deno.stat("config.toml")).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
