import { configure, getJsonLinesFormatter, getLogger, type LogRecord } from "@logtape/logtape";
import type { WorkflowEvent } from "../workflows/workflow_event.ts";
import { requireNoDatabase } from "./output_file.ts";

/** Writes events to a log as JSON lines. */
export interface EventLog extends AsyncDisposable {
  write(event: WorkflowEvent): void;
  /** Something that is not an event: the command line, the outcome. */
  note(message: string, properties?: Record<string, unknown>): void;
}

/** A progress event is logged at most this often, milliseconds. */
const PROGRESS_MS = 10_000;

/**
 * Opens a log file for appending; mode 0600, as paths may name patients.
 *
 * @param path the file
 * @param secrets texts that must never be written; each is replaced by `[secret]`
 * @throws ChorusError `usage` when it is a database; whatever the operating system says when
 *   the file can't be opened
 */
export async function openEventLog(
  path: string,
  secrets: readonly string[],
): Promise<EventLog> {
  requireNoDatabase(path);
  const file = Deno.openSync(path, {
    append: true,
    create: true,
    write: true,
    mode: 0o600,
  });
  const format = getJsonLinesFormatter();
  const hidden = secrets.filter((secret) => secret.length >= 4);
  const encoder = new TextEncoder();
  const sink = (record: LogRecord) => {
    let line = String(format(record));
    if (!line.endsWith("\n")) line += "\n";
    for (const secret of hidden) {
      line = line.replaceAll(JSON.stringify(secret).slice(1, -1), "[secret]");
    }
    const bytes = encoder.encode(line);
    try {
      for (let done = 0; done < bytes.length;) {
        done += file.writeSync(bytes.subarray(done));
      }
    } catch {
      // A log on a full disk must not stop the work it describes.
    }
  };
  await configure({
    reset: true,
    sinks: { file: sink },
    loggers: [
      { category: "chorus", sinks: ["file"], lowestLevel: "debug" },
      { category: ["logtape", "meta"], sinks: [] },
    ],
  });
  const logger = getLogger("chorus");
  let lastProgressMs = 0;
  return {
    write(event) {
      if (event.kind === "progress") {
        const nowMs = performance.now();
        if (nowMs - lastProgressMs < PROGRESS_MS) return;
        lastProgressMs = nowMs;
      }
      const properties: Record<string, unknown> = { ...event };
      if (event.kind === "failure") logger.error("failure", properties);
      else if (event.kind === "warning" || event.kind === "waiting") {
        logger.warn(event.kind, properties);
      } else logger.info(event.kind, properties);
    },
    note(message, properties = {}) {
      logger.info("{text}", { text: message, ...properties });
    },
    async [Symbol.asyncDispose]() {
      await configure({ reset: true, sinks: {}, loggers: [] });
      file.close();
    },
  };
}
