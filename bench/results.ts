/** The table of results, and the file that keeps them. */

import { type CaseResult, goalText, ratioText, reached } from "./case.ts";

/** What a group gave. */
export interface GroupResults {
  name: string;
  about: string;
  results: readonly CaseResult[];
  skipped: readonly string[];
}

/** Where and when results were taken. */
export interface Occasion {
  date: Date;
  /** Processor, cores, operating system, Deno. */
  machine: string;
  /** Pairs per case. */
  runs: number;
}

const COLUMNS = ["case", "ours", "peer", "ratio", "goal", "met"];

function cells(result: CaseResult): string[] {
  const met = reached(result);
  return [
    result.name,
    result.ours,
    result.peer,
    ratioText(result),
    goalText(result),
    met === undefined ? "" : met ? "yes" : "no",
  ];
}

/** The results of a group as lines of a Markdown table, padded so that a terminal shows it too. */
export function table(results: readonly CaseResult[]): string {
  const rows = [COLUMNS, ...results.map(cells)].map((row) =>
    row.map((cell) => cell.replaceAll("|", "\\|"))
  );
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const [head, ...body] = rows.map(line);
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}

/** A group's section of RESULTS.md. */
export function section(group: GroupResults, occasion: Occasion): string {
  const day = occasion.date.toISOString().slice(0, 10);
  const lines = [
    `## ${group.name}`,
    "",
    `${group.about}. ${day}, ${occasion.machine}, ${occasion.runs} pairs.`,
    "",
  ];
  if (group.results.length > 0) lines.push(table(group.results), "");
  for (const skipped of group.skipped) lines.push(`Left out: ${skipped}.`, "");
  return lines.join("\n");
}

/**
 * RESULTS.md with the sections of the groups that were run replaced; the others stay.
 *
 * @param text as it was; may be empty
 * @param order names of all groups
 */
export function withSections(
  text: string,
  sections: ReadonlyMap<string, string>,
  order: readonly string[],
): string {
  const [head, ...old] = text.split(/^(?=## )/m);
  const all = new Map(old.map((each) => [/^## (.*)$/m.exec(each)?.[1] ?? "", each.trimEnd()]));
  for (const [name, each] of sections) all.set(name, each.trimEnd());
  const sorted = order.flatMap((name) => all.get(name) ?? []);
  return [head.trimEnd(), ...sorted].join("\n\n").trimStart() + "\n";
}
