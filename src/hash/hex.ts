/** Digests as lower-case hex, the journal's form. */

/** The bytes as lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/**
 * The bytes that a hex text stands for.
 *
 * @param text an even number of hex digits, either case
 * @throws {SyntaxError} when it is anything else
 */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text);
}
