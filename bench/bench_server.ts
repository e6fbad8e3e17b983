/** Servers and mounts that a group builds, starts and stops. */

import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** Builds a Go program of ours into a folder; undefined where there is no Go. */
export async function buildGo(source: string, folder: string): Promise<string | undefined> {
  const target = join(folder, source);
  try {
    const { success, stderr } = await new Deno.Command("go", {
      args: ["build", "-o", target, "."],
      cwd: fileURLToPath(new URL(`./${source}`, import.meta.url)),
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`go build ${source}: ${new TextDecoder().decode(stderr)}`);
    return target;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A program that serves until it is stopped, and prints one line when it is ready. */
export class BenchServer implements AsyncDisposable {
  static readonly #running = new Set<BenchServer>();

  private constructor(
    readonly firstLine: string,
    private readonly process: Deno.ChildProcess,
    private readonly reader: ReadableStreamDefaultReader<string>,
  ) {}

  static async start(command: string, args: readonly string[]): Promise<BenchServer> {
    const process = new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`${command} did not start: ${text}`);
      text += value;
    }
    const server = new BenchServer(text.slice(0, text.indexOf("\n")), process, reader);
    BenchServer.#running.add(server);
    return server;
  }

  /** Stops all without waiting: this process is about to end. */
  static stopAll(): void {
    for (const { process } of BenchServer.#running) process.kill("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    BenchServer.#running.delete(this);
    this.process.kill("SIGTERM");
    await this.process.status;
    await this.reader.cancel();
  }
}
