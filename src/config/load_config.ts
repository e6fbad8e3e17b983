/** Reads `config.toml`: every error of it at once, warnings beside the result. */

import * as v from "valibot";
import { ChorusError } from "../errors/chorus_error.ts";
import { isLocal, lastPartOf, schemeOf } from "../storage/location.ts";
import { resolveAuth } from "./auth.ts";
import type { Config, DriverModule, LoadedConfig, Place } from "./config.ts";
import { nodeAt } from "./key_table.ts";
import { knownKeys } from "./known_keys.ts";
import { modernLayout } from "./legacy_layout.ts";
import { checkJournalPath, checkPlacePath, containerOf } from "./place_path.ts";
import { type KeyPath, Problems } from "./problems.ts";
import { type ConfigFile, configSchema } from "./schema.ts";
import { insecureUrl } from "./service_url.ts";
import { describeFound, quote } from "./shown_value.ts";
import { readModalities, readSites } from "./sites.ts";
import { isTomlTable, parseToml, type TomlTable, valueAt, withValueAt } from "./toml_table.ts";

/** What the template leaves for a person to fill in. */
const PLACEHOLDER = /\{(?:CONTAINER|DATAPATH|LOCALPATH)\}/;

/** What loading needs besides the file. */
export interface LoadOptions {
  /** Where `{ env = "NAME" }` and AZURE_STORAGE_CONNECTION_STRING are looked up. */
  environment: Readonly<Record<string, string>>;
}

/**
 * Loads a configuration file. Secrets given as `{ env = … }` or `{ file = … }`
 * are resolved; no message ever holds one.
 *
 * @param file path, relative to the current folder or absolute
 * @throws ChorusError `config`, naming every error of the file with its key
 */
export async function loadConfig(
  file: string,
  options: LoadOptions,
): Promise<LoadedConfig> {
  return await parseConfig(await readText(file), { ...options, file });
}

/**
 * The same from the file's text.
 *
 * @param options `file`: its name, for messages
 * @throws ChorusError `config`, naming every error of the text with its key
 */
export async function parseConfig(
  text: string,
  options: LoadOptions & { file: string },
): Promise<LoadedConfig> {
  const { file, environment } = options;
  const problems = new Problems(file);
  const table = modernLayout(parseToml(text, file), problems);
  const known = knownKeys(
    table,
    problems,
    (authPath) => hasOwnDriver(table, authPath),
  );
  tellPlaceholders(known, [], problems);
  const checked = checkTypes(known, problems);
  const modalities = readModalities(
    checked.configuration.supported_modalities,
    problems,
  );
  const config: Config = {
    file,
    modalities,
    pageSize: checked.configuration.page_size ?? 1000,
    numThreads: checked.configuration.num_threads,
    profiling: checked.configuration.profiling ?? false,
    fileListOutputType: checked.configuration.upload_method ?? "list",
    minAgeMs: checked.configuration.min_age ?? 0,
    mtimeToleranceUs: Math.round(
      (checked.configuration.mtime_tolerance ?? 1) * 1000,
    ),
    journal: await readJournal(checked, environment, problems),
    central: await readCentral(checked, environment, problems),
    sites: await readSites({
      file: checked,
      modalities,
      environment,
      problems,
    }),
    transfer: {
      maxRate: checked.transfer.max_rate,
      maxWaitMs: checked.transfer.max_wait ?? 30 * 60_000,
    },
    drivers: readDrivers(checked, problems),
  };
  problems.throwIfAny();
  return { config, warnings: problems.warnings };
}

async function readText(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(file);
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    throw new ChorusError(
      "config",
      `The configuration file "${file}" ${missing ? "does not exist" : "can't be read"}.`,
      {
        subject: file,
        cause,
        remedy: missing
          ? "Run `chorus-upload config init` to write one, or name it with --config FILE."
          : "Check that it is a file that you may read.",
      },
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) ||
      (bytes[0] === 0xfe && bytes[1] === 0xff);
    throw new ChorusError(
      "config",
      `The configuration file "${file}" is ${utf16 ? "UTF-16" : "not UTF-8"}.`,
      { subject: file, remedy: "Save it again with the encoding UTF-8." },
    );
  }
}

/** A driver of the site's own may need credentials that we have no name for. */
function hasOwnDriver(table: TomlTable, authPath: KeyPath): boolean {
  const owner = authPath.slice(0, -1);
  const path = valueAt(table, [...owner, "path"]) ??
    (owner[0] === "site_path" ? valueAt(table, ["site_path", "default", "path"]) : undefined);
  return typeof path === "string" && !isLocal(path) &&
    valueAt(table, ["drivers", schemeOf(path)]) !== undefined;
}

function tellPlaceholders(
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

/** Checks against the schema; keys with errors are told and left out, the rest goes on. */
function checkTypes(table: TomlTable, problems: Problems): ConfigFile {
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
  if (node?.kind !== "key") {
    const found = describeFound(value, { quoteText: !path.includes("auth") });
    const hint = path.length === 2 && path[0] === "site_path"
      ? ": what holds for all modalities stands in [site_path.default]"
      : "";
    return `must be a table, found ${found}${hint}`;
  }
  const { allowed, secret } = node.info;
  // Inside auth tables a secret may have slipped into any key.
  const quoteText = !secret &&
    (!path.includes("auth") ||
      (typeof value === "string" && /^[a-z_ -]{1,20}$/i.test(value)));
  const found = value === "" ? "nothing" : describeFound(value, { quoteText });
  return `must be ${allowed}, found ${found}`;
}

async function readJournal(
  file: ConfigFile,
  environment: Readonly<Record<string, string>>,
  problems: Problems,
): Promise<Config["journal"]> {
  const { journal } = file;
  const sourceKey = ["journal", "source", "path"];
  const localKey = ["journal", "local", "path"];
  const source = journal.source.path ?? "journal.db";
  if (!problems.hasErrorAt(sourceKey)) {
    checkJournalPath(source, sourceKey, problems);
  }
  const given = journal.local.path;
  if (given !== undefined && !problems.hasErrorAt(localKey)) {
    if (isLocal(given)) checkJournalPath(given, localKey, problems);
    else {
      problems.error(
        localKey,
        `must be a file of this machine, found ${quote(given)}`,
      );
    }
  }
  return {
    mode: journal.journaling_mode ?? "append",
    local: given ??
      (isLocal(source) || problems.hasErrorAt(sourceKey) ? source : lastPartOf(source)),
    source: {
      path: source,
      auth: await resolveAuth({
        location: source,
        table: journal.source.auth,
        path: ["journal", "source", "auth"],
        environment,
        problems,
      }),
    },
  };
}

async function readCentral(
  file: ConfigFile,
  environment: Readonly<Record<string, string>>,
  problems: Problems,
): Promise<Place & { patientFirst: boolean }> {
  const { central_path: central } = file;
  const key = ["central_path", "path"];
  if (central.path !== undefined) checkPlacePath(central.path, key, problems);
  else if (!problems.hasErrorAt(key) && !problems.hasErrorAt(["central_path"])) {
    problems.error(
      key,
      'is missing: write where the files go, such as "az://container/"',
    );
  }
  const path = central.path ?? "";
  const container = central.azure_container;
  const containerKey = ["central_path", "azure_container"];
  if (container !== undefined && path !== "" && !problems.hasErrorAt(key)) {
    if (schemeOf(path) !== "az") {
      problems.warn(containerKey, `has no effect: the path is ${quote(path)}`);
    } else if (containerOf(path) !== container) {
      problems.error(
        containerKey,
        `is ${quote(container)}, but the container in central_path.path is ${
          quote(containerOf(path))
        }`,
      );
    }
  }
  return {
    path,
    patientFirst: central.patient_first ?? true,
    auth: await resolveAuth({
      location: path,
      table: central.auth,
      path: ["central_path", "auth"],
      environment,
      problems,
    }),
  };
}

function readDrivers(
  file: ConfigFile,
  problems: Problems,
): Record<string, DriverModule> {
  return Object.fromEntries(
    Object.entries(file.drivers).flatMap(([scheme, driver]) => {
      const key = ["drivers", scheme];
      if (driver === undefined) return [];
      const module = typeof driver === "string" ? { url: driver } : driver;
      if (!/^[a-z][a-z0-9+.-]+$/.test(scheme)) {
        problems.error(
          key,
          "must be a scheme: two or more lower-case letters and digits",
        );
      }
      const wrong = /^https?:/i.test(module.url) ? insecureUrl(module.url) : undefined;
      if (wrong !== undefined) problems.error(key, wrong);
      return [[scheme, module] as const];
    }),
  );
}
