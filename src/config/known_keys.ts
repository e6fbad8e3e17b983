/** Before the checks: aliases get their key's name, unknown keys are told and dropped. */

import type * as v from "valibot";
import { aliasedName, configKeys, isAuthTable, schemaNode } from "./key_table.ts";
import { nearestName } from "./nearest_name.ts";
import { type KeyPath, type Problems, showKey } from "./problems.ts";
import { configSchema } from "./schema.ts";
import { describeFound } from "./shown_value.ts";
import { isTomlTable, type TomlTable } from "./toml_table.ts";

/** Beyond this share of a name's letters, another name is no likely reading of it. */
const LIKELY = 0.4;

/**
 * The file's table with known keys under their own names only.
 *
 * @param keepUnknownAuth says of an `auth` table whether its unknown keys are
 *   kept, for a driver of the site's own
 */
export function knownKeys(
  table: TomlTable,
  problems: Problems,
  keepUnknownAuth: (authPath: KeyPath) => boolean,
): TomlTable {
  const read = (
    schema: v.GenericSchema,
    value: unknown,
    path: KeyPath,
  ): unknown => {
    const node = schemaNode(schema);
    if (node.kind === "key") return value;
    if (!isTomlTable(value)) {
      problems.error(path, noTable(path, value));
      return undefined;
    }
    const kept = new Map<string, unknown>();
    const keep = (name: string, child: unknown) => {
      if (child !== undefined) kept.set(name, child);
    };
    const writtenAs = new Map<string, string>();
    for (const [name, child] of Object.entries(value)) {
      const at = [...path, name];
      if (node.kind === "named") {
        keep(name, read(node.value, child, at));
        continue;
      }
      const key = Object.hasOwn(node.entries, name) ? name : aliasedName(node.entries, name);
      if (key === undefined) {
        if (isAuthTable(schema) && keepUnknownAuth(path)) kept.set(name, child);
        else problems.note(unknownKey(at, Object.keys(node.entries)));
        continue;
      }
      const earlier = writtenAs.get(key);
      if (
        earlier !== undefined &&
        JSON.stringify(kept.get(key)) !== JSON.stringify(child)
      ) {
        problems.error(
          at,
          `and ${earlier} are the same setting and have different values: keep one`,
        );
      }
      writtenAs.set(key, name);
      keep(key, read(node.entries[key], child, [...path, key]));
    }
    return Object.fromEntries(kept);
  };
  const known = read(configSchema, table, []);
  return isTomlTable(known) ? known : {};
}

function noTable(path: KeyPath, value: unknown): string {
  const found = describeFound(value, { quoteText: !path.includes("auth") });
  const hint = path[0] === "site_path" && typeof value === "string"
    ? ": what holds for all modalities stands in [site_path.default]"
    : "";
  return `must be a table, found ${found}${hint}`;
}

function unknownKey(path: KeyPath, siblings: readonly string[]): string {
  const name = path[path.length - 1];
  const told = `unknown key ${showKey(path)} is ignored; `;
  const likely = likelyName(name, siblings);
  if (likely !== undefined) return `${told}did you mean ${likely}?`;
  const elsewhere = configKeys.find((key) => key.path[key.path.length - 1] === name);
  if (elsewhere !== undefined) {
    return `${told}it belongs in [${elsewhere.path.slice(0, -1).join(".")}]`;
  }
  const nearest = nearestName(name, siblings)?.name ?? "none";
  return `${told}the nearest known name is ${nearest}`;
}

/** A name that only few letters, or the beginning or end, keep from being this one. */
function likelyName(
  name: string,
  siblings: readonly string[],
): string | undefined {
  const nearest = nearestName(name, siblings);
  if (
    nearest !== undefined &&
    nearest.distance <= Math.max(1, Math.floor(name.length * LIKELY))
  ) return nearest.name;
  return siblings.find((sibling) =>
    name.length >= 3 && (sibling.startsWith(name) || sibling.endsWith(name))
  );
}
