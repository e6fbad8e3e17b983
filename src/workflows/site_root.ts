import type { Config, Place, Site } from "../config/config.ts";
import { ChorusError } from "../errors/chorus_error.ts";
import type { HashPool, HashResult } from "../hash/hash_pool.ts";
import type { HashRequest } from "../hash/hash_result.ts";
import { joinJournalPath, toLocalPath } from "../layout/local_path.ts";
import { absoluteRoot, pathSyntax, rootKey } from "../layout/local_path.ts";
import { compilePattern } from "../layout/pattern.ts";
import type { ScanItem } from "../scan/found_file.ts";
import type { TreeModality } from "../scan/tree_modality.ts";
import { parseLocation } from "../storage/location.ts";
import { localFiles, type SiteFiles, storedFiles } from "../transfer/site_files.ts";
import type { Store } from "../storage/store.ts";
import { hashStoredObjects } from "./hash_stored_objects.ts";

/** A file that an update wants hashed, relative to a root. */
export interface RootedRequest extends HashRequest {
  folder: string;
  name: string;
}

/** One place at the site where files of one or more modalities lie. */
export interface SiteRoot {
  /** As configured, for messages and the history. */
  readonly path: string;
  /** True when it is no local path: its files are read from a store. */
  readonly stored: boolean;
  /** The wanted modalities that live here. */
  readonly modalities: readonly string[];
  /** What the hash pool, or a store, is given as a file's path. */
  address(folder: string, name: string): string;
  scan(options: ScanRootOptions): AsyncIterable<ScanItem>;
  /**
   * Whether something lies at a journaled path that a walk should have found:
   * a second opinion before a row is declared gone.
   */
  shouldHaveFound(modality: string, folder: string, name: string): Promise<boolean>;
  hash<T extends HashRequest>(
    batches: AsyncIterable<readonly T[]>,
    options: { signal: AbortSignal },
  ): AsyncIterable<HashResult<T>[]>;
}

export interface ScanRootOptions {
  signal: AbortSignal;
  /** False: sizes and times are not needed, hashing will tell them. */
  stat: boolean;
}

/**
 * Groups the sites of a configuration by root: a root is walked once for all
 * modalities that live there.
 *
 * @param wanted canonical modality names; the others only tell which files belong to nothing
 * @param openStore opens a root that is no local path
 * @param hashing the pool hashes local files; `onBytes` is told of bytes of others
 */
export async function siteRoots(
  config: Pick<Config, "sites"> & { numThreads?: number },
  wanted: readonly string[],
  openStore: (place: Place) => Promise<Store>,
  hashing: { pool: HashPool; onBytes: (bytes: number) => void },
): Promise<SiteRoot[]> {
  const groups = new Map<string, Site[]>();
  for (const site of config.sites) {
    const location = parseLocation(site.path);
    const key = "path" in location
      ? rootKey(absoluteRoot(location.path, Deno.cwd(), SYNTAX), SYNTAX)
      : JSON.stringify([site.path, site.auth]);
    groups.set(key, [...(groups.get(key) ?? []), site]);
  }
  const roots: SiteRoot[] = [];
  for (const sites of groups.values()) {
    const modalities = sites.map((site) => site.modality).filter((name) => wanted.includes(name));
    if (modalities.length === 0) continue;
    const trees: TreeModality[] = sites.map((site) => ({
      modality: site.modality,
      pattern: compilePattern(site.pattern),
      exclude: site.exclude,
      followLinks: site.followLinks,
      wanted: wanted.includes(site.modality),
    }));
    const [{ path, auth }] = sites;
    const location = parseLocation(path);
    roots.push(
      "path" in location
        ? localRoot(
          path,
          absoluteRoot(location.path, Deno.cwd(), SYNTAX),
          modalities,
          trees,
          hashing.pool,
          config.numThreads,
        )
        : storedRoot(path, await openStore({ path, auth }), modalities, trees, hashing.onBytes),
    );
  }
  return roots;
}

const SYNTAX = pathSyntax(Deno.build.os);

function localRoot(
  path: string,
  root: string,
  modalities: readonly string[],
  trees: readonly TreeModality[],
  pool: HashPool,
  numThreads: number | undefined,
): SiteRoot {
  return {
    path,
    stored: false,
    modalities,
    address: (folder, name) => toLocalPath(root, joinJournalPath(folder, name), SYNTAX),
    async *scan(options) {
      const { scanTree } = await import("../scan/scan_tree.ts");
      yield* scanTree(root, trees, { ...options, numThreads });
    },
    async shouldHaveFound(modality, folder, name) {
      if (!mayBeFound(trees, modality, folder, name)) return false;
      try {
        await Deno.lstat(toLocalPath(root, joinJournalPath(folder, name), SYNTAX));
        return true;
      } catch (error) {
        // What can't be looked at may be there.
        return !(error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.NotADirectory);
      }
    },
    hash: (batches, options) => pool.hash(batches, options),
  };
}

/** False where the configuration leaves a path out: then nobody expects the walk to find it. */
function mayBeFound(
  trees: readonly TreeModality[],
  modality: string,
  folder: string,
  name: string,
): boolean {
  const tree = trees.find((each) => each.modality === modality);
  return tree !== undefined && tree.exclude.length === 0 && tree.followLinks !== "never" &&
    tree.pattern.match(joinJournalPath(folder, name)) !== undefined;
}

function storedRoot(
  path: string,
  store: Store,
  modalities: readonly string[],
  trees: readonly TreeModality[],
  onBytes: (bytes: number) => void,
): SiteRoot {
  return {
    path,
    stored: true,
    modalities,
    address: joinJournalPath,
    async *scan(options) {
      const { scanStore } = await import("../scan/scan_store.ts");
      yield* scanStore(store, trees, options);
    },
    async shouldHaveFound(modality, folder, name) {
      return mayBeFound(trees, modality, folder, name) &&
        await store.stat(joinJournalPath(folder, name)) !== undefined;
    },
    hash: (batches, options) => hashStoredObjects(store, batches, { ...options, onBytes }),
  };
}

/**
 * The modalities that a command works on, in configured order.
 *
 * @param asked as the person wrote them, undefined for all
 * @throws ChorusError `usage` for a name that the configuration doesn't have
 */
export function selectModalities(
  config: Config,
  asked: readonly string[] | undefined,
): readonly string[] {
  if (asked === undefined) return config.modalities;
  const wanted = asked.map((name) => {
    const known = config.modalities.find((each) => each.toLowerCase() === name.toLowerCase());
    if (known !== undefined) return known;
    throw new ChorusError("usage", `"${name}" is no modality of ${config.file}.`, {
      subject: name,
      remedy: `It has ${config.modalities.join(", ")}.`,
    });
  });
  return config.modalities.filter((name) => wanted.includes(name));
}

/** Where the files of each wanted modality are opened for sending. */
export async function siteFilesOf(
  config: Config,
  wanted: readonly string[],
  openStore: (place: Place) => Promise<Store>,
): Promise<ReadonlyMap<string, SiteFiles>> {
  const files = new Map<string, SiteFiles>();
  for (const { modality, path, auth } of config.sites) {
    if (!wanted.includes(modality)) continue;
    const location = parseLocation(path);
    files.set(
      modality,
      "path" in location
        ? localFiles(absoluteRoot(location.path, Deno.cwd(), SYNTAX), SYNTAX)
        : storedFiles(await openStore({ path, auth })),
    );
  }
  return files;
}
