/** Durations as text: `10m`, `1h30m`, `250ms`. */

import { ChorusError } from "../errors/chorus_error.ts";

const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What a duration may look like, for messages. */
export const DURATION_FORM = 'a duration such as "10m", "1h30m" or "250ms"';

/**
 * Milliseconds of a duration: numbers with the units `us`, `ms`, `s`, `m`, `h`,
 * `d`, added up.
 *
 * @throws ChorusError `config` when the text is no duration
 */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/gy)];
  const read = parts.reduce((length, [all]) => length + all.length, 0);
  if (
    parts.length === 0 || read !== text.length ||
    parts.some(([, , unit]) => !Object.hasOwn(MILLISECONDS, unit))
  ) {
    throw new ChorusError("config", `"${text}" is not a duration.`, {
      subject: text,
      remedy: `Write ${DURATION_FORM}; the units are us, ms, s, m, h and d.`,
    });
  }
  return parts.reduce(
    (sum, [, number, unit]) => sum + Number(number) * MILLISECONDS[unit],
    0,
  );
}
