/** What the tests of the configuration share. */

import assert from "node:assert/strict";
import type { LoadedConfig } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load_config.ts";
import { ChorusError } from "../../src/errors/chorus_error.ts";

/** The least that loads. */
export const MINIMAL = `
[central_path]
path = "/srv/central"

[site_path.default]
path = "/mnt/data/site"
`;

/** Loads a text as `site.toml`. */
export async function load(
  text: string,
  environment: Record<string, string> = {},
): Promise<LoadedConfig> {
  return await parseConfig(text, { file: "site.toml", environment });
}

/** The error that a text gives; fails when it loads. */
export async function loadError(
  text: string,
  environment: Record<string, string> = {},
): Promise<ChorusError> {
  try {
    await load(text, environment);
  } catch (error) {
    assert(error instanceof ChorusError, `not our error: ${error}`);
    assert.equal(error.code, "config");
    return error;
  }
  assert.fail("the configuration loaded, an error was expected");
}

/** What goes on after each key, by key, of an error with one line per problem. */
export async function errorsByKey(
  text: string,
  environment: Record<string, string> = {},
): Promise<Record<string, string>> {
  const { message } = await loadError(text, environment);
  const lines = message.includes("\n")
    ? message.split("\n").slice(1).map((line) => line.replace(/^- /, ""))
    : [message.replace(/^site\.toml: /, "").replace(/\.$/, "")];
  return Object.fromEntries(lines.map((line) => {
    const space = line.indexOf(" ");
    return [line.slice(0, space), line.slice(space + 1)];
  }));
}

/** Asserts that a text loads with exactly one warning, and gives that. */
export async function onlyWarning(
  text: string,
  environment: Record<string, string> = {},
): Promise<string> {
  const { warnings } = await load(text, environment);
  assert.equal(warnings.length, 1, `warnings: ${warnings.join("\n")}`);
  return warnings[0];
}
