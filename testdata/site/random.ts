/** Chance that is the same everywhere: 32-bit integer arithmetic, seeded by texts. */

/**
 * A stream of numbers that follows from its seed alone: the generator sfc32
 * (https://pracrand.sourceforge.net/RNG_engines.txt), its state mixed from the
 * seed's characters. No floating-point functions, which differ by platform.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed texts and numbers; the same ones give the same stream */
  constructor(...seed: readonly (string | number)[]) {
    const [a, b, c] = mix(seed.join("\u0000"));
    this.#a = a;
    this.#b = b;
    this.#c = c;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 random bits, as a number from 0 to 2^32 - 1. */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result | 0;
    return result >>> 0;
  }

  /** A whole number from 0 to `limit` - 1; `limit` is at most 2^21. */
  below(limit: number): number {
    // The product stays below 2^53, so it is exact.
    return Math.floor(this.next() * limit / 4_294_967_296);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** A UID below 2.25 (https://dicom.nema.org/medical/dicom/current/output/chtml/part05/sect_B.2.html). */
  uid(): string {
    let value = 1n;
    for (let word = 0; word < 3; word++) value = (value << 32n) | BigInt(this.next());
    return `2.25.${value}`;
  }
}

/** Three well-mixed 32-bit words of a text: murmur-like rounds with different constants. */
function mix(text: string): [number, number, number] {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  let c = 0xc2b2ae35;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 13);
    c = Math.imul(c ^ code, 0x27d4eb2f) ^ (c >>> 15);
  }
  a ^= a >>> 16;
  b ^= b >>> 16;
  c ^= c >>> 16;
  return [(a ^ b) | 0, (b + c) | 0, (c ^ a ^ text.length) | 0];
}
