import type { Emit, WorkflowEvent } from "../workflows/workflow_event.ts";
import { formatTime, printable, wrapText } from "./format.ts";
import { progressLine, type StageProgress } from "./progress_line.ts";
import { colored, type Terminal } from "./terminal.ts";

const REDRAW_MS = 100;
/** How often a plain line is printed where nobody watches, milliseconds. */
const PLAIN_MS = 30_000;
/** Failures shown as they happen; the rest are in the list at the end and in the file. */
const LIVE_FAILURES = 10;

/** Prints the events of one command: a line in place on a terminal, plain lines elsewhere. */
export interface Reporter extends Disposable {
  emit: Emit;
  /** Clears the line in place, so that something else may be printed. */
  pause(): void;
}

export interface ReporterOptions {
  terminal: Terminal;
  /** Injected clock. */
  now: () => Date;
  /** Receives every event too: the log. */
  log?: (event: WorkflowEvent) => void;
}

/**
 * Makes the reporter for a terminal or for a file behind `nohup`. Nothing is
 * drawn during the first moments, so that a quick command stays quiet.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { terminal, now } = options;
  let progress: StageProgress | undefined;
  let drawn = false;
  let lastDrawMs = 0;
  let lastPlainMs = now().getTime();
  let failures = 0;

  const clear = () => {
    if (drawn) terminal.err("\r\x1b[2K");
    drawn = false;
  };
  const say = (text: string) => {
    clear();
    terminal.err(text + "\n");
  };
  const sayWrapped = (
    label: string,
    color: "yellow" | "red" | "dim",
    message: string,
  ) =>
    say(
      colored(terminal, color, label) + " " +
        wrapText(printable(message), terminal.columns - label.length - 1, 2),
    );
  const draw = () => {
    if (progress === undefined) return;
    const nowMs = now().getTime();
    if (terminal.live) {
      if (nowMs - lastDrawMs < REDRAW_MS) return;
      lastDrawMs = nowMs;
      terminal.err(
        "\r" + progressLine(progress, nowMs, terminal.columns - 1) + "\x1b[K",
      );
      drawn = true;
    } else if (nowMs - lastPlainMs >= PLAIN_MS) {
      lastPlainMs = nowMs;
      terminal.err(
        `${formatTime(now())}  ${progressLine(progress, nowMs, 200)}\n`,
      );
    }
  };
  const timer = setInterval(draw, 1000);
  Deno.unrefTimer(timer);

  const emit = (event: WorkflowEvent) => {
    options.log?.(event);
    switch (event.kind) {
      case "stage":
        progress = {
          stage: event.stage,
          modality: event.modality,
          startedMs: now().getTime(),
          files: 0,
          bytes: 0,
          totalFiles: event.totalFiles,
          totalBytes: event.totalBytes,
        };
        break;
      case "progress":
        if (progress?.stage !== event.stage) {
          progress = {
            stage: event.stage,
            startedMs: now().getTime(),
            files: 0,
            bytes: 0,
          };
        }
        progress.files = event.files;
        progress.bytes = event.bytes;
        progress.current = event.current;
        draw();
        break;
      case "failure":
        failures++;
        if (failures <= LIVE_FAILURES) {
          sayWrapped("failed:", "red", `${event.path}: ${event.reason}`);
        } else if (failures === LIVE_FAILURES + 1) {
          sayWrapped(
            "failed:",
            "red",
            "more failures follow; they are listed at the end",
          );
        }
        break;
      case "warning":
        sayWrapped("warning:", "yellow", event.message);
        break;
      case "notice":
        say(wrapText(printable(event.message), terminal.columns, 2));
        break;
      case "waiting":
        sayWrapped("waiting:", "yellow", event.message);
        break;
      default:
        event satisfies never;
    }
  };
  return {
    emit,
    pause: clear,
    [Symbol.dispose]() {
      clearInterval(timer);
      clear();
      progress = undefined;
    },
  };
}
