/** Numbers of bytes as text: `50M`, `1.5G`, `64Mi`. */

import { ChorusError } from "../errors/chorus_error.ts";

const PREFIXES = ["", "k", "m", "g", "t", "p"];

/** What a number of bytes may look like, for messages. */
export const BYTE_SIZE_FORM = 'a number of bytes such as "50M" or "64Mi"';

/**
 * Bytes of a size. `k`, `M`, `G`, `T`, `P` are powers of 1,000, as in every
 * figure that the program prints; `Ki`, `Mi`, … are powers of 1,024. A `B` may
 * follow, case makes no difference.
 *
 * @returns a whole number of bytes
 * @throws ChorusError `config` when the text is no number of bytes
 */
export function parseByteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?$/i.exec(text);
  const [, number, prefix, binary] = match ?? [];
  if (match === null || (prefix === "" && binary !== "")) {
    throw new ChorusError("config", `"${text}" is not a number of bytes.`, {
      subject: text,
      remedy: `Write ${BYTE_SIZE_FORM}; M is a million bytes, Mi is 1,048,576 bytes.`,
    });
  }
  const power = PREFIXES.indexOf(prefix.toLowerCase());
  return Math.round(Number(number) * (binary === "" ? 1000 : 1024) ** power);
}
