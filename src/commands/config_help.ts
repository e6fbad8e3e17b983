import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "./edge.ts";
import { leaf, type Outcome } from "./leaf.ts";

/** `config-help`: the reference of the configuration file. */
export function configHelpCommand(edge: Edge, _outcome: Outcome): Command {
  return leaf("config-help", "every key of the configuration file", ["config-help | less"])
    .action(async () => {
      const { configReference } = await import("../config/reference.ts");
      edge.terminal.out(configReference() + "\n");
    }) as unknown as Command;
}
