/** Reads the schema: which keys there are, under which names, and what is said of them. */

import * as v from "valibot";
import { authSchema, configSchema, type KeyInfo } from "./schema.ts";

/** A key of the configuration file. */
export interface ConfigKey extends KeyInfo {
  /** With `<Modality>` and `<scheme>` where the person chooses the name. */
  path: readonly string[];
  /** True in an `auth` table. */
  auth: boolean;
}

/** What a node of the schema is, seen from outside. */
export type SchemaNode =
  | {
    kind: "table";
    entries: Readonly<Record<string, v.GenericSchema>>;
    /** The schema of keys with other names, where there may be some. */
    rest?: v.GenericSchema;
  }
  /** A table whose names the person chooses. */
  | { kind: "named"; value: v.GenericSchema }
  | { kind: "key"; info: KeyInfo };

const CHOSEN_NAME: Readonly<Record<string, string>> = {
  site_path: "<Modality>",
  drivers: "<scheme>",
};

/** What a schema stands for. */
export function schemaNode(schema: v.GenericSchema): SchemaNode {
  const inner = unwrap(schema);
  if (isTable(inner)) return { kind: "table", entries: inner.entries };
  if (isOpenTable(inner)) {
    return { kind: "table", entries: inner.entries, rest: inner.rest };
  }
  if (isNamed(inner)) return { kind: "named", value: inner.value };
  return { kind: "key", info: infoOf(inner) };
}

/** True for the schema of an `auth` table. */
export function isAuthTable(schema: v.GenericSchema): boolean {
  return unwrap(schema) === authSchema;
}

/** The schema's node at a path of a real file, undefined when there is none. */
export function nodeAt(path: readonly string[]): SchemaNode | undefined {
  let schema: v.GenericSchema = configSchema;
  for (const part of path) {
    const node = schemaNode(schema);
    if (node.kind === "table" && Object.hasOwn(node.entries, part)) {
      schema = node.entries[part];
    } else if (node.kind === "named") schema = node.value;
    else if (node.kind === "table" && node.rest) schema = node.rest;
    else return undefined;
  }
  return schemaNode(schema);
}

/** The name that an alias stands for in a table, undefined when it is none. */
export function aliasedName(
  entries: Readonly<Record<string, v.GenericSchema>>,
  name: string,
): string | undefined {
  return Object.keys(entries).find((key) => {
    const node = schemaNode(entries[key]);
    return node.kind === "key" && node.info.aliases?.includes(name);
  });
}

/** Every key of the configuration, in the order of the reference. */
export const configKeys: readonly ConfigKey[] = collect(
  configSchema,
  [],
  false,
);

/** The keys of an `auth` table by name, aliases included. */
export const authKeyInfo: ReadonlyMap<string, KeyInfo> = new Map(
  Object.entries(authSchema.entries).flatMap(([name, schema]) => {
    const node = schemaNode(schema);
    if (node.kind !== "key") return [];
    return [name, ...node.info.aliases ?? []]
      .map((each): [string, KeyInfo] => [each, node.info]);
  }),
);

function collect(
  schema: v.GenericSchema,
  path: readonly string[],
  auth: boolean,
): ConfigKey[] {
  const node = schemaNode(schema);
  const inAuth = auth || isAuthTable(schema);
  if (node.kind === "key") return [{ ...node.info, path, auth }];
  if (node.kind === "named") {
    const name = CHOSEN_NAME[path[path.length - 1]];
    return collect(node.value, [...path, name], inAuth);
  }
  return Object.entries(node.entries).flatMap(([name, entry]) =>
    collect(entry, [...path, name], inAuth)
  );
}

function unwrap(schema: v.GenericSchema): v.GenericSchema {
  return isOptional(schema) ? unwrap(schema.wrapped) : schema;
}

function isOptional(
  schema: v.GenericSchema,
): schema is v.OptionalSchema<v.GenericSchema, undefined> {
  return schema.type === "optional";
}

function isTable(
  schema: v.GenericSchema,
): schema is v.ObjectSchema<v.ObjectEntries, undefined> & {
  entries: Readonly<Record<string, v.GenericSchema>>;
} {
  return schema.type === "object";
}

function isOpenTable(
  schema: v.GenericSchema,
): schema is
  & v.ObjectWithRestSchema<
    v.ObjectEntries,
    v.GenericSchema,
    undefined
  >
  & {
    entries: Readonly<Record<string, v.GenericSchema>>;
  } {
  return schema.type === "object_with_rest";
}

function isNamed(
  schema: v.GenericSchema,
): schema is v.RecordSchema<
  v.StringSchema<undefined>,
  v.GenericSchema,
  undefined
> {
  return schema.type === "record";
}

function infoOf(schema: v.GenericSchema): KeyInfo {
  const info: Partial<KeyInfo> = v.getMetadata(schema);
  return { ...info, about: info.about ?? "", allowed: info.allowed ?? "" };
}
