/** Reads `config.toml`: every error of it at once, warnings beside the result. */

import { isLocal, lastPartOf, parseLocation, schemeOf } from "../storage/location.ts";
import { resolveAuth } from "./auth.ts";
import { checkTypes, tellPlaceholders } from "./checked_file.ts";
import { readConfigText } from "./config_text.ts";
import type { Config, DriverModule, LoadedConfig, Place } from "./config.ts";
import { knownKeys } from "./known_keys.ts";
import { modernLayout } from "./legacy_layout.ts";
import { checkJournalPath, checkPlacePath, containerOf } from "./place_path.ts";
import { type KeyPath, Problems } from "./problems.ts";
import type { ConfigFile } from "./schema.ts";
import { insecureUrl } from "./service_url.ts";
import { quote } from "./shown_value.ts";
import { readModalities, readSites } from "./sites.ts";
import { parseToml, type TomlTable, valueAt } from "./toml_table.ts";

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
  return await parseConfig(await readConfigText(file), { ...options, file });
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

/** A driver of the site's own may need credentials that we have no name for. */
function hasOwnDriver(table: TomlTable, authPath: KeyPath): boolean {
  const owner = authPath.slice(0, -1);
  const path = valueAt(table, [...owner, "path"]) ??
    (owner[0] === "site_path" ? valueAt(table, ["site_path", "default", "path"]) : undefined);
  return typeof path === "string" && !isLocal(path) &&
    valueAt(table, ["drivers", schemeOf(path)]) !== undefined;
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
    local: problems.hasErrorAt(sourceKey) || problems.hasErrorAt(localKey)
      ? ""
      : localFile(given ?? (isLocal(source) ? source : lastPartOf(source))),
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

/** The operating system's path of a local place, which may be written `file:///…`. */
function localFile(path: string): string {
  const location = parseLocation(path);
  return "path" in location ? location.path : path;
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
  if (container && path !== "" && !problems.hasErrorAt(key)) {
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
