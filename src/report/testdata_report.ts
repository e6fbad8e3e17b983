import { formatBytes, formatCount, formatQuantity, layOut, printable } from "./format.ts";
import { renderTable } from "./table.ts";

/** What the report says about a generated site. */
export interface GeneratedSite {
  /** Undefined when nothing was written. */
  output?: string;
  seed: string;
  scale: string;
  patients: number;
  snapshots: readonly {
    folder: string;
    files: number;
    bytes: number;
    actions: Readonly<Record<"added" | "changed" | "touched" | "gone" | "kept", number>>;
  }[];
}

const ACTIONS = ["added", "changed", "touched", "gone", "kept"] as const;

/**
 * What was generated, snapshot by snapshot, and how to use it.
 *
 * @param columns of the terminal
 */
export function testdataReport(site: GeneratedSite, columns: number): string {
  const { output, seed, scale, patients, snapshots } = site;
  const files = snapshots.reduce((sum, each) => sum + each.files, 0);
  const bytes = snapshots.reduce((sum, each) => sum + each.bytes, 0);
  const parts: (string | { table: string })[] = [
    `${output === undefined ? "Would generate" : "Generated"} a synthetic site: scale ${scale}, ` +
    `${formatQuantity(patients, "patient")}, seed "${printable(seed)}"`,
    "",
    {
      table: renderTable(
        [
          { title: "snapshot", flexible: true },
          { title: "files", align: "right" },
          { title: "size", align: "right" },
          ...ACTIONS.map((title) => ({ title, align: "right" as const })),
        ],
        snapshots.map((each) => [
          each.folder,
          formatCount(each.files),
          formatBytes(each.bytes),
          ...ACTIONS.map((action) => formatCount(each.actions[action])),
        ]),
        columns,
      ),
    },
    "",
    `In all ${formatQuantity(files, "file")}, ${formatBytes(bytes)}` +
    (output === undefined ? "; nothing was written" : ""),
  ];
  if (output !== undefined) {
    const folder = printable(output).replace(/[/\\]+$/, "");
    parts.push(
      `What was done to which file:  ${folder}/changes.json`,
      "",
      `Next:  chorus-upload config init --data ${folder}/snapshot_1 --central ${folder}_central ` +
        "--journal journal.db",
    );
  }
  return layOut(parts, columns);
}
