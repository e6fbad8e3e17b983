import type { JournalChange } from "../journal/journal_row.ts";

/** A page is written after this long even when it is not full: large files take their time. */
const PAGE_MS = 3_000;

/**
 * Gathers changes into pages, each of which becomes one transaction: at most so
 * many changes, and none of them older than a few seconds, so that little is
 * lost when the process is killed.
 */
export class ChangePages {
  #page: JournalChange[] = [];
  #startedMs = 0;
  readonly #size: number;
  readonly #write: (changes: readonly JournalChange[]) => void;

  /**
   * @param size changes per page, at most
   * @param write writes one page, all or nothing
   */
  constructor(size: number, write: (changes: readonly JournalChange[]) => void) {
    this.#size = size;
    this.#write = write;
  }

  add(change: JournalChange, nowMs: number = performance.now()): void {
    if (this.#page.length === 0) this.#startedMs = nowMs;
    this.#page.push(change);
    if (this.#page.length >= this.#size || nowMs - this.#startedMs >= PAGE_MS) this.flush();
  }

  flush(): void {
    if (this.#page.length === 0) return;
    // Hashes finish in any order; a journal that reads in path order is easier on people and pages.
    const page = this.#page.sort(byPath);
    this.#page = [];
    this.#write(page);
  }
}

function byPath(a: JournalChange, b: JournalChange): number {
  return compare(placeOf(a), placeOf(b));
}

/** Folder and name; rows that are only invalidated or confirmed have none and come first. */
function placeOf(change: JournalChange): string {
  return "file" in change ? `${change.folder}/${change.file.name}` : "";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
