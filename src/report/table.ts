import Table from "cli-table3";
import stringWidth from "string-width";
import { printable, shorten } from "./format.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
  /** May be shortened when the table is wider than the terminal. */
  flexible?: boolean;
}

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/**
 * A plain table without borders or colours, so that it survives an e-mail and
 * a narrow terminal: flexible columns are shortened until it fits.
 *
 * @param columns headings
 * @param rows one text per column
 * @param width columns of the terminal
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell)));
  const widths = columns.map((column, index) =>
    Math.max(
      stringWidth(column.title),
      ...cells.map((row) => stringWidth(row[index] ?? "")),
      1,
    )
  );
  let excess = widths.reduce((sum, each) => sum + each + 2, 0) - 2 - width;
  columns.forEach((column, index) => {
    if (excess <= 0 || column.flexible !== true) return;
    const reduced = Math.max(12, widths[index] - excess);
    if (reduced >= widths[index]) return;
    excess -= widths[index] - reduced;
    widths[index] = reduced;
  });
  const table = new Table({
    chars: NO_BORDERS,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    head: columns.map((column) => column.title),
    colAligns: columns.map((column) => column.align ?? "left"),
  });
  for (const row of cells) {
    table.push(
      row.map((cell, index) =>
        columns[index].flexible === true ? shorten(cell, widths[index]) : cell
      ),
    );
  }
  return table.toString().split("\n").map((line) => line.trimEnd()).join("\n") +
    "\n";
}
