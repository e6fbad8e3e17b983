import { type ChangeEntry, count, noTotals, type SnapshotTotals } from "./changes.ts";
import { type SiteOptions, specify } from "./site_options.ts";
import { writeSnapshot } from "./write_snapshot.ts";

/**
 * Brings a folder from one snapshot to the next, in place, as time does at a
 * real site: what is kept is not written, what is touched gets another time.
 * Snapshot 1 is written into an empty folder.
 *
 * @param folder the site's root, at the snapshot before
 * @param options the same ones for every snapshot of a site
 * @param snapshot 1, 2, …; the options' number of snapshots does not limit it
 * @param onEntry called with what was done to each file
 * @throws RangeError for options out of range; what the disk throws
 */
export function applySnapshot(
  folder: string,
  options: SiteOptions,
  snapshot: number,
  onEntry?: (entry: ChangeEntry) => void,
): SnapshotTotals {
  const site = specify({ ...options, snapshots: snapshot });
  const totals = noTotals(snapshot);
  const kind = snapshot === 1 ? "whole" : "difference";
  for (const entry of writeSnapshot(site, snapshot, { kind, folder })) {
    count(totals, entry);
    onEntry?.(entry);
  }
  return totals;
}
