/** That memory does not grow with the number of files. */

import { join } from "node:path";
import { BenchSite } from "./bench_site.ts";
import { figure } from "./comparison.ts";
import { count, type Group } from "./group.ts";
import { makeTree } from "./tree.ts";

const SIZES = [20_000, 200_000];
const MORE_MB = 30;
const COMMANDS = [
  ["journal", "update"],
  ["file", "list"],
  ["file", "upload"],
  ["file", "verify"],
];

export const memory: Group = {
  name: "memory",
  about: "peak memory of the main job, by the number of files",
  async run({ report, folder, scaled }) {
    const peaks: number[][] = [];
    for (const files of SIZES) {
      const root = join(folder, "site");
      const work = join(folder, "work");
      makeTree(root, { files: scaled(files), bytes: 64, perFolder: 1_000 });
      const site = await BenchSite.make({ folder: work, root });
      const own: number[] = [];
      for (const command of COMMANDS) own.push((await site.run(...command)).peakMb);
      peaks.push(own);
      await Deno.remove(root, { recursive: true });
      await Deno.remove(work, { recursive: true });
    }
    const [few, many] = SIZES.map(scaled).map(count);
    COMMANDS.forEach((command, index) => {
      const [atFew, atMany] = peaks.map((own) => own[index]);
      report({
        name: `${command.join(" ")}: peak memory, ${many} files beside ${few}`,
        goal: { ratio: 1, better: "less" },
        ratio: atMany / (atFew + MORE_MB),
        ours: figure(atMany, "peakMb"),
        peer: `at ${few}, plus ${MORE_MB} MB: ${figure(atFew + MORE_MB, "peakMb")}`,
      });
    });
  },
};
