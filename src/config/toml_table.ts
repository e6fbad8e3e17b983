/** TOML text to tables, with errors that say where and show no line of the file. */

import { parse, TomlDate, TomlError } from "smol-toml";
import { ChorusError } from "../errors/chorus_error.ts";
import { configKeys } from "./key_table.ts";

/** Every name of a key, wherever it stands. */
const NAMES: ReadonlySet<string> = new Set(
  configKeys.flatMap((key) => [
    key.path[key.path.length - 1],
    ...key.aliases ?? [],
  ]),
);

/** A table as read, not yet checked. */
export type TomlTable = Readonly<Record<string, unknown>>;

/** True for a table, false for arrays, dates and plain values. */
export function isTomlTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !(value instanceof TomlDate);
}

/** The value at a path below a table, undefined when there is none. */
export function valueAt(table: TomlTable, path: readonly string[]): unknown {
  let value: unknown = table;
  for (const part of path) {
    if (!isTomlTable(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

/** A copy of the table with a value at a path, or without it when the value is undefined. */
export function withValueAt(
  table: TomlTable,
  path: readonly string[],
  value: unknown,
): TomlTable {
  const [first, ...rest] = path;
  const entries = new Map(Object.entries(table));
  if (rest.length > 0) {
    const child = entries.get(first);
    if (child !== undefined && !isTomlTable(child)) return table;
    if (child === undefined && value === undefined) return table;
    entries.set(first, withValueAt(child ?? {}, rest, value));
  } else if (value === undefined) entries.delete(first);
  else entries.set(first, value);
  return Object.fromEntries(entries);
}

/**
 * Parses TOML ([v1.0](https://toml.io/en/v1.0.0)).
 *
 * @param file for messages
 * @throws ChorusError `config` with line and column; never with the line itself,
 *   which may hold a secret
 */
export function parseToml(text: string, file: string): TomlTable {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The parser's message goes on with the lines around the error.
    const [what] = error.message.split("\n");
    const reason = what.replace(/^Invalid TOML document: /, "");
    const line = text.split(/\r?\n/)[error.line - 1] ?? "";
    // Only a name that we know: on a broken line anything can stand before a "=".
    const name = /^\s*(?:[\w.-]+\.)?(\w+)\s*=/.exec(line)?.[1];
    const place = name !== undefined && NAMES.has(name) ? ` (at "${name}")` : "";
    throw new ChorusError(
      "config",
      `${file}, line ${error.line}, column ${error.column}: ${reason}${place}.`,
      { subject: file, remedy: remedyFor(reason) },
    );
  }
}

function remedyFor(reason: string): string {
  if (/escape/.test(reason)) {
    return "In double quotes a backslash begins an escape: write Windows paths with / or in single quotes.";
  }
  if (/redefine/.test(reason)) {
    return "A key or table stands twice in the file: keep one of them.";
  }
  return 'The file is TOML: text stands in quotes, tables begin with "[name]"; see https://toml.io.';
}
