/** The synthetic site on disk. */

import { join } from "node:path";
import {
  ChangesWriter,
  count,
  isOurs,
  noTotals,
  snapshotFolder,
  type SnapshotTotals,
} from "./changes.ts";
import { type SiteOptions, type SiteSpecification, specify } from "./site_options.ts";
import { type Target, writeSnapshot } from "./write_snapshot.ts";

/** Files between two looks at the signal. */
const PAUSE_EVERY = 256;

/** The list of what was done to which file, beside the snapshots' folders. */
export const CHANGES_FILE = "changes.json";

/** How a run is watched and stopped. */
export interface RunOptions {
  signal?: AbortSignal;
  /** Called often, with absolute counts. */
  onProgress?: (done: { snapshot: number; files: number; bytes: number; path: string }) => void;
}

export interface GenerateOptions extends SiteOptions, RunOptions {
  /** Folder to write into; made if it doesn't exist. */
  output: string;
  /** Replace an earlier generated site there. Any other content is never replaced. */
  overwrite?: boolean;
}

/** What was generated. */
export interface SiteManifest {
  output: string;
  /** The path of `changes.json`. */
  changes: string;
  seed: string;
  scale: string;
  patients: number;
  snapshots: SnapshotTotals[];
}

/** The output folder holds something already. */
export class OutputNotEmpty extends Error {
  override readonly name = "OutputNotEmpty";

  /** @param replaceable true for an earlier generated site, which `overwrite` replaces */
  constructor(readonly output: string, readonly replaceable: boolean) {
    super(`"${output}" is not empty.`);
  }
}

/**
 * Writes `snapshot_1/`, `snapshot_2/`, … as whole trees and `changes.json`
 * beside them. The same options give the same bytes and modification times
 * everywhere. Memory does not grow with the site.
 *
 * @throws RangeError for options out of range; OutputNotEmpty; what the disk throws
 */
export async function generateSite(options: GenerateOptions): Promise<SiteManifest> {
  const site = specify(options);
  prepare(options.output, options.overwrite === true);
  const changes = join(options.output, CHANGES_FILE);
  using writer = new ChangesWriter(changes, site);
  const manifest = await run(site, options, writer, (snapshot) => {
    const folder = join(options.output, snapshotFolder(snapshot));
    Deno.mkdirSync(folder);
    return { kind: "whole", folder };
  });
  writer.finish();
  return { output: options.output, changes, ...manifest };
}

/**
 * Counts what {@linkcode generateSite} would write.
 *
 * @throws RangeError for options out of range
 */
export async function measureSite(
  options: SiteOptions & RunOptions,
): Promise<Omit<SiteManifest, "output" | "changes">> {
  return await run(
    specify(options),
    options,
    undefined,
    () => ({ kind: "nowhere", digests: false }),
  );
}

async function run(
  site: SiteSpecification,
  options: RunOptions,
  writer: ChangesWriter | undefined,
  target: (snapshot: number) => Target,
): Promise<Omit<SiteManifest, "output" | "changes">> {
  const { seed, scale, patients } = site;
  const snapshots: SnapshotTotals[] = [];
  const done = { files: 0, bytes: 0 };
  for (let snapshot = 1; snapshot <= site.snapshots; snapshot++) {
    const totals = noTotals(snapshot);
    snapshots.push(totals);
    writer?.begin(totals);
    let sincePause = 0;
    for (const entry of writeSnapshot(site, snapshot, target(snapshot))) {
      writer?.entry(entry);
      count(totals, entry);
      if (entry.action !== "gone") done.files++;
      done.bytes += entry.size ?? 0;
      options.onProgress?.({ snapshot, ...done, path: entry.path });
      if (++sincePause < PAUSE_EVERY) continue;
      sincePause = 0;
      await pause(options.signal);
    }
    writer?.end(totals);
    await pause(options.signal);
  }
  return { seed, scale, patients, snapshots };
}

/** Lets signals and timers have their turn. */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  signal?.throwIfAborted();
}

/**
 * Throws OutputNotEmpty unless a site can be written to a folder.
 *
 * @param overwrite true: an earlier generated site there is accepted
 */
export function checkOutput(output: string, overwrite: boolean): void {
  const names = namesIn(output);
  if (names.length === 0) return;
  const replaceable = isReplaceable(output, names);
  if (!replaceable || !overwrite) throw new OutputNotEmpty(output, replaceable);
}

function prepare(output: string, overwrite: boolean): void {
  checkOutput(output, overwrite);
  // What marks the site as ours goes last: a removal that is interrupted can be repeated.
  const names = namesIn(output).sort((a, b) =>
    Number(a === CHANGES_FILE) - Number(b === CHANGES_FILE)
  );
  for (const name of names) Deno.removeSync(join(output, name), { recursive: true });
  Deno.mkdirSync(output, { recursive: true });
}

/** True when there is nothing but what we wrote. */
function isReplaceable(output: string, names: readonly string[]): boolean {
  return names.every((name) => name === CHANGES_FILE || /^snapshot_\d+$/.test(name)) &&
    isOurs(join(output, CHANGES_FILE));
}

function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
