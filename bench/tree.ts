/** Makes folders of files as a site has them. */

import { join } from "node:path";

/** What a tree looks like. */
export interface TreeShape {
  files: number;
  /** Bytes of each file. */
  bytes: number;
  /** Files of one patient, in one folder. */
  perFolder: number;
}

/** Files are as old as if they had been there for long: none needs a second look for its youth. */
const MODIFIED = new Date(Date.UTC(2024, 0, 1));
const LONGEST_PIECE = 1 << 20;

/** The path below the root of the file with this number. */
export function treePath(number: number, perFolder: number): string {
  const patient = `p${String(Math.floor(number / perFolder)).padStart(6, "0")}`;
  return `${patient}/Images/f${String(number).padStart(8, "0")}.dcm`;
}

/** Writes one file whose content depends on `seed`, with a time that depends on `age`. */
export function writeTreeFile(path: string, bytes: number, seed: number, age = 0): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const piece = new Uint8Array(Math.min(bytes, LONGEST_PIECE));
  if (piece.length >= 8) new DataView(piece.buffer).setFloat64(0, seed);
  for (let at = 0; at < bytes;) {
    at += file.writeSync(piece.subarray(0, Math.min(piece.length, bytes - at)));
  }
  touchTreeFile(path, age);
}

/** Gives a file another time, in whole seconds before the others'. */
export function touchTreeFile(path: string, age: number): void {
  const time = new Date(MODIFIED.getTime() - age * 1000);
  Deno.utimeSync(path, time, time);
}

/**
 * Makes the tree.
 *
 * @param from with this file: the ones before are there already
 */
export function makeTree(root: string, { files, bytes, perFolder }: TreeShape, from = 0): void {
  for (let number = from; number < files; number++) {
    const path = join(root, treePath(number, perFolder));
    if (number === from || number % perFolder === 0) {
      Deno.mkdirSync(join(path, ".."), { recursive: true });
    }
    writeTreeFile(path, bytes, number + 1);
  }
}
