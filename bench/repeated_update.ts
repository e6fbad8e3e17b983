/** How fast an update finds that nothing, or little, has changed. */

import { join } from "node:path";
import { BenchSite } from "./bench_site.ts";
import { compare, compareToLimit, takeTurns } from "./comparison.ts";
import { count, type Group, type GroupContext } from "./group.ts";
import { type ProcessCost, shellCost } from "./process_cost.ts";
import { makeTree, touchTreeFile, treePath, writeTreeFile } from "./tree.ts";

const BYTES = 64;
const PER_FOLDER = 1_000;
const PEAK_MB = 200;
const FEWER = { files: 200_000, goal: 4 };
const MANY = { files: 1_000_000, goal: 3 };
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

/** A site with a number of files, which grows. */
class GrowingSite {
  #files = 0;

  constructor(
    private readonly site: BenchSite,
    private readonly root: string,
  ) {}

  /** Adds files up to a number and has the journal take them in, which warms everything up. */
  async grow(files: number): Promise<void> {
    makeTree(this.root, { files, bytes: BYTES, perFolder: PER_FOLDER }, this.#files);
    this.#files = files;
    await this.update();
  }

  update(): Promise<ProcessCost> {
    return this.site.run("journal", "update");
  }
}

async function measureUnchanged(
  site: GrowingSite,
  root: string,
  { report, runs, scaled }: GroupContext,
): Promise<void> {
  const files = scaled(FEWER.files);
  await site.grow(files);
  const costs = await takeTurns(
    { peer: findAll(root), ours: () => site.update() },
    runs,
    { warmUp: false },
  );
  report(compare({ ...besideFind(files, FEWER.goal), ...costs }));
}

async function measureChanged(
  site: GrowingSite,
  root: string,
  { report, runs, scaled }: GroupContext,
): Promise<void> {
  const files = scaled(MANY.files);
  await site.grow(files);
  const tree = new ChangingTree(root, files);
  const costs = await takeTurns(
    {
      find: findAll(root),
      unchanged: () => site.update(),
      changed: () => {
        tree.change();
        return site.update();
      },
    },
    runs,
    { warmUp: false },
  );
  const { find, unchanged, changed } = costs;
  const beside = besideFind(files, MANY.goal);
  report(compare({ ...beside, ours: unchanged, peer: find }));
  const peak = { measure: "peakMb", limit: PEAK_MB, limitName: "limit" } as const;
  report(compareToLimit({ name: `${beside.name}: peak memory`, ours: unchanged, ...peak }));
  const name = "update with 1% changed, 1% touched, 1% added, 1% deleted";
  report(compare({
    name,
    goal: { ratio: 1.3, better: "less" },
    measure: "wall",
    ours: changed,
    peer: unchanged,
    peerName: "update without changes",
  }));
  report(compareToLimit({ name: `${name}: peak memory`, ours: changed, ...peak }));
}

function besideFind(files: number, ratio: number) {
  return {
    name: `update of ${count(files)} files without changes`,
    goal: { ratio, better: "less" },
    measure: "wall",
    peerName: "find -printf '%s %T@ %p\\n'",
  } as const;
}

export const repeatedUpdate: Group = {
  name: "repeated-update",
  about: "journal update of files that the journal knows",
  async run(context) {
    const { folder } = context;
    const root = join(folder, "site");
    const site = new GrowingSite(
      await BenchSite.make({ folder: join(folder, "work"), root, mode: "full" }),
      root,
    );
    await measureUnchanged(site, root, context);
    await measureChanged(site, root, context);
  },
};
