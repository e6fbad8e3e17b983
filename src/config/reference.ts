/** The text of `config-help`: every key of the schema. */

import { type ConfigKey, configKeys } from "./key_table.ts";
import { wrappedText } from "./wrapped_text.ts";

export { type ConfigKey, configKeys } from "./key_table.ts";

const WIDTH = 80;

const INTRODUCTION = `The configuration is a TOML file, config.toml in the current folder or the one
named with --config. \`chorus-upload config init\` writes one. Relative local
paths start at the current folder.`;

const CREDENTIALS = `Credentials of a place that is not local. They are not inherited by a modality
with a path of its own. Instead of its text a secret may be { env = "NAME" },
a variable of the environment, or { file = "path" }, a file that holds it.
Values without a form of their own are text.`;

/** The reference of the configuration file, at most 80 columns wide, without a last line break. */
export function configReference(): string {
  const sections = new Map<string, ConfigKey[]>();
  for (const key of configKeys.filter((each) => !each.auth)) {
    const section = key.path.slice(0, -1).join(".");
    sections.set(section, [...sections.get(section) ?? [], key]);
  }
  const authKeys = configKeys.filter((each) => each.auth);
  const authTables = [
    ...new Set(authKeys.map((key) => key.path.slice(0, -1).join("."))),
  ];
  // The tables hold the same keys: those of the first one stand for all.
  const credentials = authKeys.filter((key) => key.path.slice(0, -1).join(".") === authTables[0]);
  return [
    INTRODUCTION,
    ...[...sections].map(([section, keys]) => [`[${section}]`, ...keys.map(entry)].join("\n")),
    [
      ...authTables.map((table) => `[${table}]`),
      ...CREDENTIALS.split("\n").map((line) => `  ${line}`),
      ...credentials.map(entry),
    ].join("\n"),
  ].join("\n\n");
}

function entry(key: ConfigKey): string {
  const name = key.path[key.path.length - 1];
  const alias = key.aliases === undefined ? "" : ` (alias ${key.aliases.join(", ")})`;
  return [
    `  ${name}${alias}`,
    ...indented(key.about),
    ...key.required === undefined ? [] : indented(`Required ${key.required}`.trimEnd() + "."),
    ...key.allowed === "text" ? [] : indented(`Value: ${key.allowed}.`),
    ...key.default === undefined ? [] : indented(`Default: ${key.default}.`),
  ].join("\n");
}

function indented(text: string): string[] {
  return wrappedText(text, WIDTH - 6).map((line) => `      ${line}`);
}
