/** Secrets that stand in the environment or in a file of their own. */

import type { KeyPath, Problems } from "./problems.ts";
import type { SecretValue } from "./schema.ts";

/** No credential is longer, bytes; a larger file was named by mistake. */
const LONGEST_FILE = 64 * 1024;

/**
 * The text of a secret. What is wrong is told to `problems` by key; of the
 * value nothing is shown, as a secret may stand where a name belongs.
 *
 * @returns undefined when it is empty or an error was told
 */
export async function resolveSecret(
  value: SecretValue,
  path: KeyPath,
  environment: Readonly<Record<string, string>>,
  problems: Problems,
): Promise<string | undefined> {
  if (typeof value === "string") return value.trim() || undefined;
  const found = "env" in value
    ? fromEnvironment(value.env, environment)
    : await fromFile(value.file);
  if ("text" in found) return found.text;
  problems.error(path, found.wrong);
  return undefined;
}

type Found = { text: string } | { wrong: string };

function fromEnvironment(
  name: string,
  environment: Readonly<Record<string, string>>,
): Found {
  const text = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (text?.trim()) return { text: text.trim() };
  const shown = /^[A-Z][A-Z0-9_]{0,63}$/.test(name) ? ` ${name}` : "";
  return {
    wrong: `names an environment variable${shown && `,${shown},`} that is ${
      text === undefined ? "not set" : "empty"
    }`,
  };
}

async function fromFile(file: string): Promise<Found> {
  try {
    const { size, isFile } = await Deno.stat(file);
    if (size > LONGEST_FILE || (!isFile && size === 0)) {
      return { wrong: "names a file that can't be a credential" };
    }
    const text = (await Deno.readTextFile(file)).trim();
    return text === "" ? { wrong: "names a file that is empty" } : { text };
  } catch (error) {
    return {
      wrong: error instanceof Deno.errors.NotFound
        ? "names a file that does not exist"
        : "names a file that can't be read",
    };
  }
}
