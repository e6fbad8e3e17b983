/** The person's terminal, or what stands in its place. The only code that writes to it. */

/** Where a command writes and what it may assume about the reader. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Everything else: progress, warnings, errors. */
  err(text: string): void;
  /** stderr is a terminal, so a line can be rewritten in place. */
  readonly live: boolean;
  /** stdout is a terminal. */
  readonly outIsTerminal: boolean;
  /** A person can answer a question. */
  readonly interactive: boolean;
  /** Columns of the terminal; 80 when there is none. */
  readonly columns: number;
  readonly color: boolean;
}

/** The process's own terminal, which knows whether its results got out. */
export interface ProcessTerminal extends Terminal {
  /** Why results could not be written, a full disk for instance; a reader that went away is none. */
  readonly lost: Error | undefined;
}

const encoder = new TextEncoder();

/** Gives the error that kept the text from being written, undefined for a reader that went away. */
function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): Error | undefined {
  const bytes = encoder.encode(text);
  let done = 0;
  while (done < bytes.length) {
    try {
      done += stream.writeSync(bytes.subarray(done));
    } catch (error) {
      // A reader that went away (`| head`, a lost ssh session) must not stop an upload.
      if (
        error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.BadResource
      ) {
        return undefined;
      }
      if (error instanceof Deno.errors.WouldBlock) continue;
      // EIO: the terminal behind a `nohup`-less session is gone.
      const gone = error instanceof Error && "code" in error && error.code === "EIO";
      return gone ? undefined : error instanceof Error ? error : new Error(String(error));
    }
  }
  return undefined;
}

/**
 * The process's own streams.
 *
 * @param environment for `NO_COLOR` (https://no-color.org) and `TERM`
 */
export function processTerminal(
  environment: Readonly<Record<string, string>>,
): ProcessTerminal {
  let lost: Error | undefined;
  const live = Deno.stderr.isTerminal() && environment.TERM !== "dumb";
  return {
    out: (text) => {
      lost ??= writeAll(Deno.stdout, text);
    },
    // Nobody is left to tell about it.
    err: (text) => void writeAll(Deno.stderr, text),
    get lost() {
      return lost;
    },
    live,
    outIsTerminal: Deno.stdout.isTerminal(),
    interactive: Deno.stdin.isTerminal() && Deno.stderr.isTerminal(),
    get columns() {
      try {
        return Math.max(20, Deno.consoleSize().columns);
      } catch {
        return 80;
      }
    },
    color: live && (environment.NO_COLOR ?? "") === "",
  };
}

/** Wraps text in a colour where the terminal shows colours. */
export function colored(
  terminal: Terminal,
  color: "red" | "green" | "yellow" | "bold" | "dim",
  text: string,
): string {
  if (!terminal.color) return text;
  const code = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 }[color];
  return `\x1b[${code}m${text}\x1b[0m`;
}
