import { isChorusError } from "../errors/chorus_error.ts";
import { exitCodeOf } from "../errors/exit_code.ts";
import { printable, wrapText } from "./format.ts";
import { colored, type Terminal } from "./terminal.ts";

/** The innermost message that says more than the error itself. */
function causeOf(error: Error): string | undefined {
  const cause = error.cause;
  if (!(cause instanceof Error) || cause.message === "" || error.message.includes(cause.message)) {
    return undefined;
  }
  return cause.message;
}

/** Prints an error on several lines where its message has several: each is one problem. */
function lines(text: string, columns: number): string {
  return text.split("\n").map((line) => wrapText(printable(line), columns, 2)).join("\n");
}

/** What to do where Deno itself was not given a permission. */
const FORBIDDEN =
  "Deno was started without this permission: add it for that path. The journal and " +
  "the configuration need their whole folder, since files are made beside them.";

/**
 * Prints an error that ended a command: what happened, to what, what to do.
 * With `json`, an envelope on stdout as well.
 */
export function reportError(
  error: unknown,
  terminal: Terminal,
  options: { verbose: boolean; json: boolean },
): void {
  const { columns } = terminal;
  const known = isChorusError(error);
  const forbidden = error instanceof Deno.errors.NotCapable;
  const message = error instanceof Error ? error.message || error.name : String(error);
  terminal.err(colored(terminal, "red", "error:") + " " + lines(message, columns - 7) + "\n");
  if (known && error.remedy !== undefined) {
    terminal.err(lines(error.remedy, columns) + "\n");
  }
  if (options.verbose && error instanceof Error) {
    const cause = causeOf(error);
    if (cause !== undefined) terminal.err(`caused by: ${lines(cause, columns - 11)}\n`);
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      terminal.err(`${each.stack ?? each.message}\n`);
    }
  } else if (forbidden) {
    terminal.err(lines(FORBIDDEN, columns) + "\n");
  } else if (!known) {
    terminal.err("This was not expected; --verbose shows where it happened.\n");
  }
  if (options.json) {
    terminal.out(
      JSON.stringify({
        error: {
          code: known ? error.code : forbidden ? "permission" : "unexpected",
          message,
          remedy: known ? error.remedy : forbidden ? FORBIDDEN : undefined,
          subject: known ? error.subject : undefined,
          exitCode: exitCodeOf(error),
        },
      }) + "\n",
    );
  }
}
