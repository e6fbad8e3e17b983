/** Brings a batch of found files together with the journal's rows of their folder. */

import type { ActiveRow } from "../journal/journal_row.ts";

/** A file's active rows; an array only where it has several, which is rare. */
export type RowsOfFile = ActiveRow | ActiveRow[] | undefined;

interface Named {
  name: string;
}

/**
 * The rows of each file, by its place in the batch. Rows of other files are passed over.
 *
 * Files and rows mostly come in the same order and are merged in one pass, which takes a fraction
 * of the time and memory of looking each name up.
 */
export function rowsByFile(rows: readonly ActiveRow[], files: readonly Named[]): RowsOfFile[] {
  return isAscending(rows) && isAscending(files) ? merged(rows, files) : lookedUp(rows, files);
}

/**
 * In the order of UTF-16, in which names can be compared quickly. Where it is not that of their
 * UTF-8 bytes, they are not merged.
 */
function isAscending(list: readonly Named[]): boolean {
  for (let i = 1; i < list.length; i++) if (list[i - 1].name > list[i].name) return false;
  return true;
}

function merged(rows: readonly ActiveRow[], files: readonly Named[]): RowsOfFile[] {
  let at = 0;
  return files.map(({ name }) => {
    while (at < rows.length && rows[at].name < name) at++;
    if (at === rows.length || rows[at].name !== name) return undefined;
    const first = rows[at++];
    if (at === rows.length || rows[at].name !== name) return first;
    const several = [first];
    while (at < rows.length && rows[at].name === name) several.push(rows[at++]);
    return several;
  });
}

function lookedUp(rows: readonly ActiveRow[], files: readonly Named[]): RowsOfFile[] {
  const byName = new Map<string, ActiveRow | ActiveRow[]>();
  for (const row of rows) {
    const other = byName.get(row.name);
    if (other === undefined) byName.set(row.name, row);
    else if (Array.isArray(other)) other.push(row);
    else byName.set(row.name, [other, row]);
  }
  return files.map(({ name }) => byName.get(name));
}
