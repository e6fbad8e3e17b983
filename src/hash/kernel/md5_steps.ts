/**
 * The 64 steps of MD5.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc1321 | RFC 1321}
 */

/** One step: `a = b + rotl(a + f(b, c, d) + word + constant, rotation)`. */
export interface Md5Step {
  /** 0 to 3: which of the functions F, G, H, I. */
  round: number;
  /** Index of the message word. */
  word: number;
  constant: number;
  rotation: number;
}

const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];

/** All of them, in order; from step to step the words a, b, c, d move on by one place. */
export const MD5_STEPS: readonly Md5Step[] = Array.from({ length: 64 }, (_, i) => {
  const round = i >> 4;
  return {
    round,
    word: [i, 5 * i + 1, 3 * i + 5, 7 * i][round] & 15,
    constant: Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) >>> 0,
    rotation: ROTATIONS[round][i & 3],
  };
});

/** State of an MD5 before its first block. */
export const INITIAL_STATE = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476] as const;
