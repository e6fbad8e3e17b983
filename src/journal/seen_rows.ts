/** Which rows an update has come across, in one bit each. */

/**
 * A set of FILE_IDs for deletion in full mode. It takes one bit for each id up
 * to the highest one at the start (ten million rows: 1.25 MB).
 */
export class SeenRows {
  readonly #bits: Uint8Array;

  /** @param lastFileId the highest FILE_ID when the update began; later rows are its own */
  constructor(readonly lastFileId: number) {
    this.#bits = new Uint8Array(Math.floor(lastFileId / 8) + 1);
  }

  /** Marks a row as still there. Ids above `lastFileId` need no mark. */
  add(fileId: number): void {
    if (fileId > this.lastFileId) return;
    this.#bits[fileId >> 3] = (this.#bits[fileId >> 3] ?? 0) | (1 << (fileId & 7));
  }

  /** True for a marked row and for every row written after the start. */
  has(fileId: number): boolean {
    return fileId > this.lastFileId ||
      ((this.#bits[fileId >> 3] ?? 0) & (1 << (fileId & 7))) !== 0;
  }
}
