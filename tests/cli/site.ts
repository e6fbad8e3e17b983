/** A small site in a temporary folder, and the program run on it as a process of its own. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program's entry point. */
export const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** What a finished process left. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** The commands of a submission, in order. */
export const RUNBOOK = [
  "journal checkout",
  "journal update",
  "file list",
  "file upload",
  "file verify",
  "journal checkin",
] as const;

/** A time well before any test, so that the journal trusts it. */
export const OLD = new Date("2024-01-05T10:15:00.123Z");

/** What the configuration says. */
export interface SiteOptions {
  mode?: "append" | "full";
  /** Lines before everything else. */
  extra?: string;
  /** Where the journal lives; by default it is used in place. */
  journal?: string;
  /** The central path; by default a folder. */
  central?: string;
  /** Lines of the `auth` sections of both. */
  auth?: string;
}

/** A temporary folder with a configuration, a site and a central folder; removed when disposed. */
export class TestSite implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /**
   * @param files content by path relative to the site's root; by default two patients
   * @param extra lines that are added to the configuration
   */
  static async make(
    files: Readonly<Record<string, string>> = DEFAULT_FILES,
    options: SiteOptions = {},
  ): Promise<TestSite> {
    const site = new TestSite(await Deno.makeTempDir({ prefix: "chorus-cli-" }));
    await Deno.mkdir(site.at("central"));
    await Deno.mkdir(site.at("site"));
    for (const [path, content] of Object.entries(files)) await site.write(path, content);
    await site.configure(options);
    return site;
  }

  /** A path in the folder. */
  at(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes a file of the site, with an old modification time. */
  async write(path: string, content: string | Uint8Array, mtime: Date = OLD): Promise<void> {
    const file = this.at("site", path);
    await Deno.mkdir(dirname(file), { recursive: true });
    await Deno.writeFile(
      file,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    await Deno.utime(file, mtime, mtime);
  }

  async configure(options: SiteOptions = {}): Promise<void> {
    const auth = (section: string) => options.auth ? `[${section}.auth]\n${options.auth}\n` : "";
    await Deno.writeTextFile(
      this.at("config.toml"),
      `${options.extra ?? ""}
[journal]
journaling_mode = "${options.mode ?? "append"}"
[journal.local]
path = "journal.db"
[journal.source]
path = "${options.journal ?? "journal.db"}"
${auth("journal.source")}[central_path]
path = "${options.central ?? "central"}"
${auth("central_path")}[site_path.default]
path = "site"
`,
    );
  }

  /** Starts the program; the caller awaits or kills it. */
  start(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, ...args],
      cwd: this.folder,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** Runs the program to its end. */
  async run(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
    const { code, stdout, stderr } = await this.start(args, env).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Runs the program with `--json` and gives what it said. */
  // deno-lint-ignore no-explicit-any
  async json(args: readonly string[]): Promise<{ code: number; value: any; stderr: string }> {
    const { code, stdout, stderr } = await this.run([...args, "--json"]);
    return { code, value: JSON.parse(stdout), stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

export const DEFAULT_FILES: Readonly<Record<string, string>> = {
  "OMOP/person.csv": "person_id\n1\n2\n",
  "Metadata/about.md": "# A site\n",
  "00123/Images/scan 1.dcm": "image one",
  "00123/Waveforms/00123_20240105_101500_60.dat": "wave one",
  "p_02/Images/O'Brien $5 100%.dcm": "image two",
  "p_02/waveforms/deep/er/x.dat": "wave two",
  "p_02/Notes/private.txt": "belongs to no modality",
};
