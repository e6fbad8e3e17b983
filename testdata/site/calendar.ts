/** Dates of the synthetic site: fixed, in UTC, all of them in the past. */

/** Milliseconds. */
export const SECOND = 1_000;
export const HOUR = 3_600 * SECOND;
export const DAY = 24 * HOUR;

/** The earliest visit, milliseconds since 1970 UTC. */
export const FIRST_VISIT_MS = Date.UTC(2022, 0, 3);

/** When snapshot 1 was taken. A week lies between two snapshots. */
const FIRST_SNAPSHOT_MS = Date.UTC(2024, 0, 29, 6);

/** When a snapshot was taken, milliseconds since 1970 UTC. */
export function snapshotTime(snapshot: number): number {
  return FIRST_SNAPSHOT_MS + (snapshot - 1) * 7 * DAY;
}

/** `2024-01-29` of a moment. */
export function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** `2024-01-29 06:00:00` of a moment. */
export function isoDateTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** `20240129` of a moment. */
export function compactDate(ms: number): string {
  return isoDate(ms).replaceAll("-", "");
}

/** `060000` of a moment. */
export function compactTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19).replaceAll(":", "");
}
