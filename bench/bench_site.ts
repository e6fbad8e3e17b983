/** A site to run the real program for: a configuration, a journal, a central store. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ProcessCost, processCost } from "./process_cost.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** What differs from site to site. */
export interface BenchSiteOptions {
  /** Holds the configuration, the journal, and the central store unless `central` says otherwise. */
  folder: string;
  /** The files: a folder, or any other location. */
  root: string;
  /** A location. */
  central?: string;
  /** Further lines of TOML, whole sections. */
  sections?: string;
  mode?: "append" | "full";
}

/** A site whose commands can be run and measured. */
export class BenchSite {
  readonly config: string;
  readonly journal: string;
  readonly central: string;

  private constructor(readonly folder: string, central: string) {
    this.config = join(folder, "config.toml");
    this.journal = join(folder, "journal.db");
    this.central = central;
  }

  /** Makes the folder and the configuration. */
  static async make(options: BenchSiteOptions): Promise<BenchSite> {
    const { folder, root, sections = "", mode = "append" } = options;
    const site = new BenchSite(folder, options.central ?? join(folder, "central"));
    await Deno.mkdir(folder, { recursive: true });
    if (options.central === undefined) await Deno.mkdir(site.central, { recursive: true });
    await Deno.writeTextFile(
      site.config,
      `[configuration]
supported_modalities = "Images"

[journal]
journaling_mode = "${mode}"

[journal.source]
path = "${site.journal}"

[central_path]
path = "${site.central}"

[site_path.default]
path = "${root}"

${sections}`,
    );
    return site;
  }

  /** Runs a command of the program to its end: `site.run("journal", "update")`. */
  run(...args: string[]): Promise<ProcessCost> {
    return processCost(Deno.execPath(), ["run", "-A", MAIN, "-c", this.config, ...args], {
      cwd: this.folder,
    });
  }

  /** Forgets the journal, so that the next update is the first. */
  async forget(): Promise<void> {
    for await (const { name } of Deno.readDir(this.folder)) {
      if (name.startsWith("journal")) await Deno.remove(join(this.folder, name));
    }
  }

  /** An update into an empty journal. */
  async firstUpdate(): Promise<ProcessCost> {
    await this.forget();
    return await this.run("journal", "update");
  }
}
