/** Other processes that use a journal at the same time. */

import { fileURLToPath } from "node:url";

const WRITER = fileURLToPath(new URL("./writer_process.ts", import.meta.url));

/** A running process with line-based output; killed when disposed. */
export class LineProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #buffered = "";

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next line of output, undefined at its end. */
  async line(): Promise<string | undefined> {
    while (!this.#buffered.includes("\n")) {
      const { done, value } = await this.#lines.read();
      if (done) return undefined;
      this.#buffered += value;
    }
    const end = this.#buffered.indexOf("\n");
    const line = this.#buffered.slice(0, end);
    this.#buffered = this.#buffered.slice(end + 1);
    return line;
  }

  /** Ends the process at once, as `kill -9` does. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#lines.cancel();
    try {
      await this.#child.stdin.close();
    } catch {
      // Its other end is gone.
    }
  }
}

/** A process that has the journal open for writing, and does nothing or writes pages. */
export function startWriter(path: string, mode: "hold" | "write"): LineProcess {
  return new LineProcess(Deno.execPath(), ["run", "-A", "--no-check", WRITER, path, mode]);
}
