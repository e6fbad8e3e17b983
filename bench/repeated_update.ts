/** How fast an update finds that nothing, or little, has changed. */

import { join } from "node:path";
import { BenchSite } from "./bench_site.ts";
import { compare, compareToLimit, takeTurns } from "./comparison.ts";
import { count, type Group, type GroupContext } from "./group.ts";
import { shellCost } from "./process_cost.ts";
import { makeTree, touchTreeFile, treePath, writeTreeFile } from "./tree.ts";

const BYTES = 64;
const PER_FOLDER = 1_000;
const PEAK_MB = 200;
/** Of all files, so many are changed, as many touched, added and deleted. */
const SHARE = 0.01;

function findAll(root: string) {
  return () => shellCost(`find '${root}' -printf '%s %T@ %p\\n' >/dev/null`);
}

/** A tree that is changed a little, again and again. */
class ChangingTree {
  #round = 0;

  constructor(private readonly root: string, private readonly files: number) {}

  /** Changes, touches, adds and deletes; every file's turn comes once in a hundred rounds. */
  change(): void {
    const round = ++this.#round;
    const each = Math.max(1, Math.floor(this.files * SHARE));
    const step = Math.floor(this.files / each);
    for (let i = 0; i < each; i++) {
      const first = i * step;
      const path = (offset: number) =>
        join(this.root, treePath(first + (4 * round + offset) % step, PER_FOLDER));
      writeTreeFile(path(0), BYTES + round, first, round);
      touchTreeFile(path(1), round);
      writeTreeFile(`${path(2)}.added${round}`, BYTES, first + round / 1000);
      Deno.removeSync(path(3));
    }
  }
}

async function measure(
  { report, folder, runs, scaled }: GroupContext,
  { files, goal, changes }: { files: number; goal: number; changes: boolean },
): Promise<void> {
  const root = join(folder, "site");
  const many = scaled(files);
  makeTree(root, { files: many, bytes: BYTES, perFolder: PER_FOLDER });
  try {
    const site = await BenchSite.make({ folder: join(folder, "work"), root, mode: "full" });
    await site.firstUpdate();
    const update = () => site.run("journal", "update");
    const tree = new ChangingTree(root, many);
    const change = () => {
      tree.change();
      return update();
    };
    // The first update has warmed everything up.
    const costs = await takeTurns(
      { peer: findAll(root), ours: update, ...(changes && { changed: change }) },
      runs,
      { warmUp: false },
    );
    const name = `update of ${count(many)} files without changes`;
    report(compare({
      name,
      goal: { ratio: goal, better: "less" },
      measure: "wall",
      ours: costs.ours,
      peer: costs.peer,
      peerName: "find -printf '%s %T@ %p\\n'",
    }));
    if (costs.changed === undefined) return;
    const peak = { measure: "peakMb", limit: PEAK_MB, limitName: "limit" } as const;
    report(compareToLimit({ name: `${name}: peak memory`, ours: costs.ours, ...peak }));
    const changed = "update with 1% changed, 1% touched, 1% added, 1% deleted";
    report(compare({
      name: changed,
      goal: { ratio: 1.3, better: "less" },
      measure: "wall",
      ours: costs.changed,
      peer: costs.ours,
      peerName: "update without changes",
    }));
    report(compareToLimit({ name: `${changed}: peak memory`, ours: costs.changed, ...peak }));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

export const repeatedUpdate: Group = {
  name: "repeated-update",
  about: "journal update of files that the journal knows",
  async run(context) {
    await measure(context, { files: 200_000, goal: 4, changes: false });
    await measure(context, { files: 1_000_000, goal: 3, changes: true });
  },
};
