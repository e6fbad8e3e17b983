import stringWidth from "fast-string-width";
import { printable, shorten } from "./format.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
  /** May be shortened when the table is wider than the terminal. */
  flexible?: boolean;
}

const BETWEEN_COLUMNS = "  ";

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
  let excess = widths.reduce((sum, each) => sum + each + BETWEEN_COLUMNS.length, 0) -
    BETWEEN_COLUMNS.length - width;
  columns.forEach((column, index) => {
    if (excess <= 0 || column.flexible !== true) return;
    const reduced = Math.max(12, widths[index] - excess);
    if (reduced >= widths[index]) return;
    excess -= widths[index] - reduced;
    widths[index] = reduced;
  });
  const line = (row: readonly string[]) =>
    row.map((cell, index) => {
      const { align, flexible } = columns[index];
      const text = flexible === true ? shorten(cell, widths[index]) : cell;
      const space = " ".repeat(Math.max(0, widths[index] - stringWidth(text)));
      return align === "right" ? space + text : text + space;
    }).join(BETWEEN_COLUMNS).trimEnd();
  return [columns.map((column) => column.title), ...cells].map((row) => `${line(row)}\n`).join("");
}
