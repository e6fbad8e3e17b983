/** How fast a site is journaled for the first time: walk, hash, journal, the whole program. */

import { join } from "node:path";
import { BenchSite } from "./bench_site.ts";
import type { Case } from "./case.ts";
import { compare, takeTurns } from "./comparison.ts";
import { count, type Group, type GroupContext, onPath } from "./group.ts";
import { type ProcessCost, shellCost } from "./process_cost.ts";
import { makeTree, type TreeShape } from "./tree.ts";

/** `find | xargs md5sum` over two processes, so many files to each. */
function md5sum(root: string, filesPerProcess: number): Promise<ProcessCost> {
  return shellCost(
    `find '${root}' -type f -print0 | xargs -0 -P2 -n ${filesPerProcess} md5sum >/dev/null`,
  );
}

interface FirstUpdate {
  shape: TreeShape;
  /** The size of a file in words. */
  size: string;
  /** `md5sum`'s share of the files per process, and the goal beside it. */
  filesPerProcess: number;
  goal: Case["goal"];
  /** The goal beside `hashdeep`, where there is one. */
  hashdeep?: Case["goal"];
}

const FIRST_UPDATES: readonly FirstUpdate[] = [
  {
    shape: { files: 20_000, bytes: 4096, perFolder: 100 },
    size: "4 KB",
    filesPerProcess: 50,
    goal: { ratio: 1, better: "less" },
  },
  {
    shape: { files: 50_000, bytes: 4096, perFolder: 100 },
    size: "4 KB",
    filesPerProcess: 500,
    goal: { ratio: 1.2, better: "less" },
    hashdeep: { ratio: 0.2, better: "less" },
  },
  {
    shape: { files: 2_000, bytes: 1_000_000, perFolder: 100 },
    size: "1 MB",
    filesPerProcess: 50,
    goal: { ratio: 0.4, better: "less" },
  },
];

async function measure(
  { shape, size, filesPerProcess, goal, hashdeep }: FirstUpdate,
  { report, skip, folder, runs, scaled }: GroupContext,
): Promise<void> {
  const root = join(folder, "site");
  const files = scaled(shape.files);
  const name = `first update of ${count(files)} × ${size}`;
  makeTree(root, { ...shape, files });
  try {
    const site = await BenchSite.make({ folder: join(folder, "work"), root });
    const program = await onPath("hashdeep");
    const costs = await takeTurns({
      peer: () => md5sum(root, filesPerProcess),
      ours: () => site.firstUpdate(),
      ...(hashdeep && program && {
        hashdeep: () => shellCost(`'${program}' -c md5 -r '${root}' >/dev/null`),
      }),
    }, runs);
    const { ours, peer } = costs;
    const peerName = `find | xargs -P2 -n ${filesPerProcess} md5sum`;
    report(compare({ name, goal, measure: "wall", ours, peer, peerName }));
    if (hashdeep === undefined) return;
    if (costs.hashdeep === undefined) return skip(`${name} beside hashdeep`, "not on the PATH");
    report(compare({
      name,
      goal: hashdeep,
      measure: "wall",
      ours,
      peer: costs.hashdeep,
      peerName: "hashdeep -c md5 -r",
    }));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function measureOneFile({ report, folder, runs, scaled }: GroupContext): Promise<void> {
  const root = join(folder, "site");
  const bytes = scaled(4096) * 2 ** 20;
  makeTree(root, { files: 1, bytes, perFolder: 1 });
  const site = await BenchSite.make({ folder: join(folder, "work"), root });
  // It has just been written, so it is in page cache.
  const costs = await takeTurns(
    {
      peer: () => shellCost(`find '${root}' -type f -exec openssl md5 {} + >/dev/null`),
      ours: () => site.firstUpdate(),
    },
    runs,
    { warmUp: false },
  );
  report(compare({
    name: `first update of one file of ${count(bytes / 2 ** 20)} MiB`,
    goal: { ratio: 1, better: "less" },
    measure: "wall",
    ...costs,
    peerName: "openssl md5",
  }));
}

export const firstUpdate: Group = {
  name: "first-update",
  about: "journal update of new files, in page cache",
  async run(context) {
    for (const update of FIRST_UPDATES) await measure(update, context);
    await measureOneFile(context);
  },
};
