/** Checks the file's tables against the schema; every mismatch is told, none ends the check. */

import * as v from "valibot";
import { nodeAt } from "./key_table.ts";
import type { KeyPath, Problems } from "./problems.ts";
import { type ConfigFile, configSchema, type KeyInfo } from "./schema.ts";
import { describeFound, maskText } from "./shown_value.ts";
import { isTomlTable, type TomlTable, withValueAt } from "./toml_table.ts";

/** What the template leaves for a person to fill in. */
const PLACEHOLDER = /\{(?:CONTAINER|DATAPATH|LOCALPATH)\}/;

/** What is said of a name that is no key, such as a table in a wrong place. */
const OTHER: KeyInfo = { about: "", allowed: "something else" };

/** Tells every key that still holds a placeholder. */
export function tellPlaceholders(
  value: unknown,
  path: KeyPath,
  problems: Problems,
): void {
  if (isTomlTable(value)) {
    for (const [name, child] of Object.entries(value)) {
      tellPlaceholders(child, [...path, name], problems);
    }
  } else if (Array.isArray(value)) {
    for (const child of value) tellPlaceholders(child, path, problems);
  } else if (typeof value === "string") {
    const [placeholder] = PLACEHOLDER.exec(value) ?? [];
    if (placeholder !== undefined) {
      problems.error(
        path,
        `still holds the template's placeholder ${placeholder}`,
      );
    }
  }
}

/** The typed file; keys with errors are told and left out, so that the rest can go on. */
export function checkTypes(table: TomlTable, problems: Problems): ConfigFile {
  const first = v.safeParse(configSchema, table);
  if (first.success) return first.output;
  let rest = table;
  for (const issue of first.issues) {
    const path = keyPathOf(issue);
    if (path.length > 0) {
      problems.error(path, mismatch(path, issue));
      rest = withValueAt(rest, path, undefined);
    }
  }
  return v.parse(configSchema, rest);
}

/** Down to the key itself, not into its array or inline table. */
function keyPathOf(issue: v.BaseIssue<unknown>): string[] {
  const path: string[] = [];
  for (const { key } of issue.path ?? []) {
    if (nodeAt(path)?.kind === "key") break;
    path.push(String(key));
  }
  return path;
}

function mismatch(path: KeyPath, issue: v.BaseIssue<unknown>): string {
  const node = nodeAt(path);
  const value = issue.path?.[path.length - 1]?.value;
  const { allowed, secret } = node?.kind === "key" ? node.info : OTHER;
  // Inside auth tables a secret may have slipped into any key.
  const quoteText = !secret &&
    (!path.includes("auth") ||
      (typeof value === "string" && /^[a-z_ -]{1,20}$/i.test(value)));
  const found = value === "" ? "nothing" : describeFound(value, { quoteText });
  // Our own parsers say more than that the value is no such thing.
  const reason = issue.type === "raw_transform" && quoteText
    ? `: ${maskText(issue.message).replace(/\.$/, "")}`
    : "";
  return `must be ${allowed}, found ${found}${reason}`;
}
