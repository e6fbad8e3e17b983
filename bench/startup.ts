/** How long the program takes to start. */

import { fileURLToPath } from "node:url";
import { compare, takeTurns } from "./comparison.ts";
import type { Group } from "./group.ts";
import { processCost } from "./process_cost.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** One run takes a moment only. */
const RUNS_FOR_ONE = 4;

export const startup: Group = {
  name: "startup",
  about: "the program's help",
  async run({ report, runs }) {
    const costs = await takeTurns({
      peer: () => processCost(Deno.execPath(), ["eval", "0"]),
      ours: () => processCost(Deno.execPath(), ["run", "-A", MAIN, "--help"]),
    }, runs * RUNS_FOR_ONE);
    report(compare({
      name: "--help",
      goal: { ratio: 3, better: "less" },
      measure: "wall",
      ...costs,
      peerName: "deno eval 0",
    }));
  },
};
