/** A small site with waveforms, the program run on it, and its manifest asked by SQL. */

import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { run } from "../../src/commands/program.ts";
import type { Edge } from "../../src/commands/edge.ts";

/** Where syncing thousands of files costs nothing, where there is such a place. */
const IN_MEMORY = isThere("/dev/shm") ? { dir: "/dev/shm" } : {};

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Well before any test, so that journal and manifest trust it. */
export const OLD = new Date("2024-01-05T10:15:00.123Z");

/** What a command left. */
export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

type Row = Record<string, string | number | null>;

/** A temporary folder with a configuration, a site and a central folder. */
export class ManifestSite implements Disposable {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "chorus-manifest-test-", ...IN_MEMORY });
  /** Changes the clock of the commands; the real one when undefined. */
  clock: (() => Date) | undefined;

  /**
   * @param files content by path relative to the site's root
   * @param site the site's root, when it is not ours
   */
  constructor(files: Readonly<Record<string, string>> = {}, site?: string) {
    Deno.mkdirSync(this.at("central"));
    Deno.mkdirSync(this.at("site"));
    for (const [path, content] of Object.entries(files)) this.write(path, content);
    this.configure(site ?? this.at("site"));
  }

  configure(site: string): void {
    Deno.writeTextFileSync(
      this.at("config.toml"),
      `[journal]
journaling_mode = "full"
[journal.local]
path = '${this.at("journal.db")}'
[journal.source]
path = '${this.at("journal.db")}'
[central_path]
path = '${this.at("central")}'
[site_path.default]
path = '${site}'
`,
    );
  }

  at(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes a file of the site, with an old time unless another one is given. */
  write(path: string, content: string, mtime: Date = OLD): void {
    const file = this.at("site", path);
    Deno.mkdirSync(dirname(file), { recursive: true });
    Deno.writeTextFileSync(file, content);
    Deno.utimeSync(file, mtime, mtime);
  }

  remove(path: string): void {
    Deno.removeSync(this.at("site", path));
  }

  /** Runs a command in this process, with the configuration. */
  async cli(...args: string[]): Promise<Ran> {
    return await this.plain("-c", this.at("config.toml"), ...args);
  }

  /** Runs a command in this process as it is. */
  async plain(...args: string[]): Promise<Ran> {
    const ran: Ran = { code: -1, stdout: "", stderr: "" };
    const edge: Edge = {
      terminal: {
        out: (text) => ran.stdout += text,
        err: (text) => ran.stderr += text,
        live: false,
        outIsTerminal: false,
        interactive: false,
        // Wide, so that no message is broken where a test looks.
        columns: 1000,
        color: false,
      },
      environment: {},
      now: this.clock ?? (() => new Date()),
      signal: new AbortController().signal,
      user: () => "tester",
      host: () => "here",
    };
    ran.code = await run(args, edge);
    return ran;
  }

  /** Runs a command that must succeed, and gives what it said as JSON. */
  // deno-lint-ignore no-explicit-any
  async json(...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await this.cli(...args, "--json");
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return JSON.parse(stdout);
  }

  /** `journal update`, then `manifest generate`; gives the manifest's summary. */
  async updateAndGenerate(version: string, ...options: string[]) {
    await this.json("journal", "update", "--version", version, "--yes");
    return await this.generate(...options);
  }

  async generate(...options: string[]) {
    return (await this.json("manifest", "generate", "--output", this.manifest, ...options))
      .manifest;
  }

  get manifest(): string {
    return this.at("manifest.db");
  }

  /** Rows of the manifest. */
  rows(sql: string, ...values: (string | number)[]): Row[] {
    using database = new DatabaseSync(this.manifest);
    return database.prepare(sql).all(...values).map((row) => ({ ...row }) as Row);
  }

  /** The manifest as it must not be. */
  spoil(sql: string): void {
    using database = new DatabaseSync(this.manifest, { enableForeignKeyConstraints: false });
    database.exec(sql);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** The path of a waveform file. */
export function waveform(
  person: string,
  start: string,
  extension = "dat",
  folder = "",
): string {
  return `${person}/Waveforms/${folder}${person}_${start}_60.${extension}`;
}
