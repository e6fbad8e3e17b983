import type { Terminal } from "../report/terminal.ts";

/** Everything a command gets from the outside world; made once, in `main.ts`. */
export interface Edge {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string>>;
  /** The clock. */
  readonly now: () => Date;
  /** Aborted by Ctrl-C, SIGTERM or a lost terminal; the reason is a {@linkcode StopRequest}. */
  readonly signal: AbortSignal;
  /** Who runs this, for the lock. */
  readonly user: () => string;
  readonly host: () => string;
}

/** The reason of the edge's signal: which signal arrived. */
export class StopRequest extends Error {
  override readonly name = "AbortError";
  readonly exitCode: number;

  /** @param signal the signal's name; `exitCode` is 128 plus its number */
  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`stopped by ${signal}`);
    this.exitCode = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
  }
}
