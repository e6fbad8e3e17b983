import type { Command } from "@commander-js/extra-typings";
import type { Config, Place } from "../config/config.ts";
import { ChorusError } from "../errors/chorus_error.ts";
import { FailureList } from "../report/failure_list.ts";
import { JsonOutput } from "../report/json_output.ts";
import type { EventLog } from "../report/log_file.ts";
import { createReporter } from "../report/reporter.ts";
import type { Store } from "../storage/store.ts";
import type { Emit } from "../workflows/workflow_event.ts";
import type { Edge } from "./edge.ts";
import { type CommonOptions, commonOptionsOf } from "./leaf.ts";

/** What a command that works on a site holds while it runs. */
export interface Session extends AsyncDisposable {
  readonly config: Config;
  readonly common: CommonOptions;
  readonly emit: Emit;
  /** Everything that was emitted as a failure. */
  readonly failures: FailureList;
  /** Present with `--json`. */
  readonly json: JsonOutput | undefined;
  /** Clears the progress line before something else is printed. */
  readonly pause: () => void;
  /** Opens the store of a place, once per place; closed with the session. */
  openStore(place: Place): Promise<Store>;
}

/**
 * Loads the configuration and prepares reporting for one command.
 *
 * @param command the leaf, for its common options
 * @throws ChorusError code `config`
 */
export async function openSession(command: Command, edge: Edge): Promise<Session> {
  const common = commonOptionsOf(command);
  const { loadConfig } = await import("../config/load_config.ts");
  const { config, warnings } = await loadConfig(common.config ?? "config.toml", {
    environment: edge.environment,
  });
  const log = common.logFile === undefined
    ? undefined
    : await openLog(common.logFile, await secretsIn(config), command.name());
  const reporter = createReporter({
    terminal: edge.terminal,
    now: edge.now,
    log: log && ((event) => log.write(event)),
  });
  const failures = new FailureList(failureListPath(config, command));
  const emit: Emit = (event) => {
    if (event.kind === "failure") failures.add(event);
    reporter.emit(event);
  };
  for (const warning of warnings) {
    // The new form of an old layout follows its warning, line by line.
    const [message, ...lines] = warning.split("\n");
    emit({ kind: "warning", message });
    for (const line of lines) emit({ kind: "notice", message: line });
  }
  const stores = new Map<string, Promise<Store>>();
  return {
    config,
    common,
    emit,
    failures,
    json: common.json ? new JsonOutput(edge.terminal) : undefined,
    pause: reporter.pause,
    openStore(place) {
      const key = JSON.stringify([place.path, place.auth]);
      let store = stores.get(key);
      if (store === undefined) {
        store = open(place, config, edge, emit);
        stores.set(key, store);
      }
      return store;
    },
    async [Symbol.asyncDispose]() {
      reporter[Symbol.dispose]();
      failures[Symbol.dispose]();
      for (const store of stores.values()) {
        const opened = await store.catch(() => undefined);
        await opened?.[Symbol.asyncDispose]();
      }
      await log?.[Symbol.asyncDispose]();
    },
  };
}

/** `journal_update_failures.txt` beside the journal's working copy. */
function failureListPath(config: Config, command: Command): string {
  const base = config.journal.local.replace(/\.db$/, "");
  return `${base}_${command.name()}_failures.txt`;
}

async function open(place: Place, config: Config, edge: Edge, emit: Emit): Promise<Store> {
  const { openStore } = await import("../storage/registry.ts");
  return await openStore(place, {
    drivers: config.drivers,
    environment: edge.environment,
    interactive: edge.terminal.interactive,
    maxConcurrency: config.numThreads,
    retry: { maxWaitMs: config.transfer.maxWaitMs },
    onWaiting: ({ message, untilMs }) => emit({ kind: "waiting", message, untilMs }),
    notify: (message) => emit({ kind: "waiting", message }),
    signal: edge.signal,
  });
}

async function secretsIn(config: Config): Promise<readonly string[]> {
  const { secretsOf } = await import("../config/redacted_config.ts");
  return secretsOf(config);
}

/**
 * Opens the log file of a command.
 *
 * @param secrets texts that are never written
 * @param command its name, the first thing in the log
 * @throws ChorusError `usage` when it can't be written
 */
export async function openLog(
  path: string,
  secrets: readonly string[],
  command: string,
): Promise<EventLog> {
  const { openEventLog } = await import("../report/log_file.ts");
  try {
    const log = await openEventLog(path, secrets);
    log.note("command", { command });
    return log;
  } catch (cause) {
    throw new ChorusError("usage", `The log file "${path}" can't be opened for writing.`, {
      remedy: "Give another path with --log-file.",
      subject: path,
      cause,
    });
  }
}
