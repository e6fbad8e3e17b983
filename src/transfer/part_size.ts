/** How a file is cut for sending. */

import type { DriverLimits, MultipartAbility } from "../storage/driver.ts";

/** What fits into one request is sent in one, from memory, hashed before a byte leaves. Bytes. */
const ONE_REQUEST_BYTES = 8 * 1024 * 1024;
const PART_BYTES = 8 * 1024 * 1024;
/** Larger parts are a multiple of this. */
const STEP = 1024 * 1024;

/** True when a file of this size is sent in one request, as a whole from memory. */
export function fitsOneRequest(
  size: number,
  limits: Pick<DriverLimits, "maxWriteBytes">,
): boolean {
  return size <= Math.min(ONE_REQUEST_BYTES, limits.maxWriteBytes);
}

/**
 * Bytes of each part but the last: 8 MiB, more where the file would have too many
 * parts. Depends on nothing else, so that a resumed upload cuts the same way.
 *
 * @returns undefined when the file is too large for the store
 */
export function partSize(
  size: number,
  ability: Pick<MultipartAbility, "minPartBytes" | "maxPartBytes" | "maxParts">,
): number | undefined {
  const needed = Math.ceil(size / ability.maxParts);
  const rounded = needed <= PART_BYTES ? PART_BYTES : Math.ceil(needed / STEP) * STEP;
  const bytes = Math.min(
    Math.max(rounded, ability.minPartBytes),
    ability.maxPartBytes,
  );
  return bytes * ability.maxParts < size ? undefined : bytes;
}
