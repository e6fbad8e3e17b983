/** From `site_path` to one complete entry per modality. */

import { canonicalModality, defaultPattern, KNOWN_MODALITIES } from "../layout/modality.ts";
import { compilePattern } from "../layout/pattern.ts";
import { isLocal } from "../storage/location.ts";
import { resolveAuth } from "./auth.ts";
import type { Auth, Site } from "./config.ts";
import { checkGlobs } from "./glob_list.ts";
import { nearestName } from "./nearest_name.ts";
import { because, checkPlacePath } from "./place_path.ts";
import type { KeyPath, Problems } from "./problems.ts";
import type { ConfigFile, SiteTable } from "./schema.ts";
import { quote } from "./shown_value.ts";

const MODALITIES_KEY: KeyPath = ["configuration", "supported_modalities"];

/** What reading the sites needs. */
export interface SitesRequest {
  file: ConfigFile;
  /** Canonical names. */
  modalities: readonly string[];
  environment: Readonly<Record<string, string>>;
  problems: Problems;
}

/**
 * The canonical names of a comma-separated list, `Metadata` added where it is
 * missing.
 */
export function readModalities(
  list: string | undefined,
  problems: Problems,
): readonly string[] {
  const names = (list ?? KNOWN_MODALITIES.join(",")).split(",")
    .map((name) => name.trim()).filter((name) => name !== "");
  const modalities = new Set<string>();
  for (const name of names) {
    try {
      const canonical = canonicalModality(name);
      if (canonical.toLowerCase() === "default") {
        problems.error(
          MODALITIES_KEY,
          'names "default", which stands for all modalities in [site_path.default]',
        );
      } else if (
        [...modalities].some((each) => each.toLowerCase() === canonical.toLowerCase())
      ) problems.warn(MODALITIES_KEY, `names ${quote(canonical)} twice`);
      else modalities.add(canonical);
    } catch (error) {
      problems.error(MODALITIES_KEY, because(error));
    }
  }
  if (names.length === 0) {
    problems.error(MODALITIES_KEY, "names no modality");
  }
  return [...modalities.add("Metadata")];
}

/** One site per modality, in the order of `modalities`. */
export async function readSites(request: SitesRequest): Promise<Site[]> {
  const { file, modalities, problems } = request;
  const tables = tablesByModality(file, modalities, problems);
  const defaults = file.site_path.default ?? {};
  const auths = new Map<KeyPath, Auth>();
  const sites: Site[] = [];
  const withoutPath: string[] = [];
  for (const modality of modalities) {
    const { table, key } = tables.get(modality) ??
      { table: {}, key: ["site_path", modality] };
    const pattern = readPattern(modality, table, defaults, key, problems);
    const exclude = readExclude(table, defaults, key, problems);
    const path = table.path ?? defaults.path;
    if (path === undefined) {
      if (!problems.hasErrorAt([...key, "path"])) withoutPath.push(modality);
      continue;
    }
    const inherits = table.path === undefined;
    checkPlacePath(
      path,
      [...(inherits ? DEFAULT_KEY : key), "path"],
      problems,
    );
    const shared = inherits && table.auth === undefined;
    const authKey = shared ? DEFAULT_AUTH_KEY : [...key, "auth"];
    let auth = auths.get(authKey);
    if (auth === undefined) {
      auth = await resolveAuth({
        location: path,
        table: shared ? defaults.auth : table.auth,
        path: authKey,
        hint: inherits || table.auth !== undefined || defaults.auth === undefined
          ? undefined
          : ": a modality with a path of its own does not inherit credentials",
        environment: request.environment,
        problems,
      });
      auths.set(authKey, auth);
    }
    sites.push({
      modality,
      path,
      auth,
      pattern,
      exclude,
      followLinks: table.follow_links ?? defaults.follow_links ?? "inside",
    });
  }
  if (
    withoutPath.length > 0 && !problems.hasErrorAt([...DEFAULT_KEY, "path"])
  ) {
    problems.error(
      [...DEFAULT_KEY, "path"],
      `is missing: ${withoutPath.join(", ")} ${
        withoutPath.length === 1 ? "has" : "have"
      } no path of ${withoutPath.length === 1 ? "its" : "their"} own`,
    );
  }
  warnOfTwins(sites, problems);
  return sites;
}

const DEFAULT_KEY: KeyPath = ["site_path", "default"];
const DEFAULT_AUTH_KEY: KeyPath = ["site_path", "default", "auth"];

/** The tables under `site_path` by canonical name, in whatever case they are written. */
function tablesByModality(
  file: ConfigFile,
  modalities: readonly string[],
  problems: Problems,
): Map<string, { table: SiteTable; key: KeyPath }> {
  const tables = new Map<string, { table: SiteTable; key: KeyPath }>();
  for (const [name, table] of Object.entries(file.site_path)) {
    const key = ["site_path", name];
    if (name === "default") continue;
    const modality = modalities.find((each) => each.toLowerCase() === name.trim().toLowerCase());
    if (modality === undefined) {
      const near = nearestName(name, [...modalities, "default"]);
      problems.warn(
        key,
        `is not used: ${quote(name)} is not in configuration.supported_modalities${
          near !== undefined && near.distance <= 2 ? `; did you mean ${near.name}?` : ""
        }`,
      );
      continue;
    }
    if (table.omop_per_patient !== undefined && modality !== "OMOP") {
      problems.warn(
        [...key, "omop_per_patient"],
        "has a meaning under [site_path.OMOP] only",
      );
    }
    if (tables.has(modality)) {
      problems.error(key, `is a second table for ${modality}: keep one`);
    } else tables.set(modality, { table, key });
  }
  if (file.site_path.default?.omop_per_patient !== undefined) {
    problems.warn(
      [...DEFAULT_KEY, "omop_per_patient"],
      "has a meaning under [site_path.OMOP] only",
    );
  }
  return tables;
}

function readPattern(
  modality: string,
  table: SiteTable,
  defaults: SiteTable,
  key: KeyPath,
  problems: Problems,
): string {
  const omopPerPatient = modality === "OMOP" &&
    (table.omop_per_patient ?? false);
  const given = table.pattern ?? defaults.pattern;
  const at = [...(table.pattern === undefined ? DEFAULT_KEY : key), "pattern"];
  const versioned = table.versioned ?? defaults.versioned;
  if (given === undefined) {
    const pattern = defaultPattern(modality, { omopPerPatient });
    if (versioned !== true) return pattern;
    const withVersion = `{version}/${pattern}`;
    problems.warn(
      [...key, "versioned"],
      `is true and there is no pattern: "${withVersion}" is taken`,
    );
    return withVersion;
  }
  if (problems.hasErrorAt(at)) return given;
  let compiled;
  try {
    compiled = compilePattern(given);
  } catch (error) {
    problems.error(at, because(error));
    return given;
  }
  const holdsVersion = compiled.version !== undefined;
  if (versioned !== undefined && versioned !== holdsVersion) {
    problems.warn(
      [...key, "versioned"],
      `is ${versioned}, but the pattern ${quote(given)} holds ${
        holdsVersion ? "a" : "no"
      } {version}: the pattern counts`,
    );
  }
  const holdsPatient = compiled.patientId !== undefined;
  if (modality === "OMOP" && omopPerPatient && !holdsPatient) {
    problems.error(
      [...key, "omop_per_patient"],
      `is true, but the pattern ${quote(given)} holds no {patient_id}`,
    );
  } else if (
    modality === "OMOP" && table.omop_per_patient === false && holdsPatient
  ) {
    problems.warn(
      [...key, "omop_per_patient"],
      `is false, but the pattern ${quote(given)} holds {patient_id}: the pattern counts`,
    );
  } else if (!holdsPatient && modality !== "OMOP" && modality !== "Metadata") {
    problems.warn(
      at,
      `is ${
        quote(given)
      }, without {patient_id}: the files go to ${modality}/, not to a patient's folder`,
    );
  }
  return given;
}

function readExclude(
  table: SiteTable,
  defaults: SiteTable,
  key: KeyPath,
  problems: Problems,
): readonly string[] {
  const globs = table.exclude ?? defaults.exclude ?? [];
  try {
    checkGlobs(globs);
  } catch (error) {
    problems.error(
      [...(table.exclude === undefined ? DEFAULT_KEY : key), "exclude"],
      because(error),
    );
  }
  return globs;
}

/** Two modalities that find the very same files would send each of them twice. */
function warnOfTwins(sites: readonly Site[], problems: Problems): void {
  sites.forEach((site, index) => {
    const twin = sites.slice(0, index).find((other) =>
      other.path === site.path &&
      other.pattern.toLowerCase() === site.pattern.toLowerCase() &&
      (isLocal(site.path) ||
        JSON.stringify(other.auth) === JSON.stringify(site.auth))
    );
    if (twin !== undefined) {
      problems.warn(
        ["site_path", site.modality, "pattern"],
        `is that of ${twin.modality}, under the same path: each file would be sent twice`,
      );
    }
  });
}
