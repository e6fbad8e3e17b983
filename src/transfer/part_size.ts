/** How a file is cut for sending. */

import type { DriverLimits, MultipartAbility } from "../storage/driver.ts";

/** The sizes by which files are cut; other ones for tests only. */
export interface CutSizes {
  /** What is at most this long is sent in one request, from memory, hashed before a byte leaves. Bytes. */
  oneRequestBytes: number;
  /** Length of a part, unless there would be too many. Bytes. */
  partBytes: number;
}

/** What every run uses. */
export const CUT_SIZES: CutSizes = {
  oneRequestBytes: 8 * 1024 * 1024,
  partBytes: 8 * 1024 * 1024,
};

/** Parts that have to be longer are a multiple of this. */
const STEP = 1024 * 1024;

/** True when a file of this size is sent in one request, as a whole from memory. */
export function fitsOneRequest(
  size: number,
  limits: Pick<DriverLimits, "maxWriteBytes">,
  sizes: CutSizes = CUT_SIZES,
): boolean {
  return size <= Math.min(sizes.oneRequestBytes, limits.maxWriteBytes);
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
  sizes: CutSizes = CUT_SIZES,
): number | undefined {
  const needed = Math.ceil(size / ability.maxParts);
  const rounded = needed <= sizes.partBytes ? sizes.partBytes : Math.ceil(needed / STEP) * STEP;
  const bytes = Math.min(
    Math.max(rounded, ability.minPartBytes),
    ability.maxPartBytes,
  );
  return bytes * ability.maxParts < size ? undefined : bytes;
}
