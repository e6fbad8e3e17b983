/** How well the walk hides the latency of a mount. */

import { join } from "node:path";
import { BenchServer, buildGo } from "./bench_server.ts";
import { BenchSite } from "./bench_site.ts";
import { compare, takeTurns } from "./comparison.ts";
import { count, type Group } from "./group.ts";
import { shellCost } from "./process_cost.ts";
import { makeTree } from "./tree.ts";

const FILES = 6_000;
const DELAY = "1ms";

export const slowMount: Group = {
  name: "slow-mount",
  about: "a tree behind 1 ms of latency on every look-up and opening",
  async run({ report, skip, folder, runs, scaled }) {
    const what = "a tree behind latency";
    if (Deno.build.os !== "linux" || !await exists("/dev/fuse")) {
      return skip(what, "/dev/fuse is not here");
    }
    const slowfs = await buildGo("slowfs", folder);
    if (slowfs === undefined) return skip(what, "Go is not on the PATH");
    const files = scaled(FILES);
    const [tree, mount] = [join(folder, "tree"), join(folder, "mount")];
    makeTree(tree, { files, bytes: 4096, perFolder: 100 });
    await Deno.mkdir(mount);
    await using _server = await BenchServer.start(slowfs, ["-delay", DELAY, tree, mount]);
    const site = await BenchSite.make({ folder: join(folder, "work"), root: mount });
    // The mount keeps nothing, so nothing has to warm up.
    const costs = await takeTurns(
      {
        peer: () => shellCost(`find '${mount}' -printf '%s %T@ %p\\n' >/dev/null`),
        first: () => site.firstUpdate(),
        ours: () => site.run("journal", "update"),
      },
      runs,
      { warmUp: false },
    );
    const peerName = "find -printf, one thing at a time";
    report(compare({
      name: `update of ${count(files)} files without changes, ${DELAY} of latency`,
      goal: { ratio: 0.125, better: "less" },
      measure: "wall",
      ...costs,
      peerName,
    }));
    report(compare({
      name: `first update of ${count(files)} × 4 KB, ${DELAY} of latency`,
      measure: "wall",
      ours: costs.first,
      peer: costs.peer,
      peerName: `${peerName} (which reads no file)`,
    }));
  },
};

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
