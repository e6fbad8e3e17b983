import type { FolderAnswer } from "./folder_job.ts";

/** Folders that one thread reads side by side: their waits overlap. */
const SIDE_BY_SIDE = { fast: 8, slow: 16 };
/** Files that those folders may hold together: their names live as long as the folder is read. */
const FILES_SIDE_BY_SIDE = 2_000;

/** How many folders are read at a time, by what the folders so far were like. */
export class ReadingPace {
  /** Folders read to their end. */
  folders = 0;
  /** Files found. */
  files = 0;
  readonly #openWithFiles = new Set<number>();
  #endedWithFiles = 0;

  /** Takes note of what reading gave. */
  note(answer: FolderAnswer): void {
    if ("columns" in answer) {
      this.files += answer.columns.count;
      this.#openWithFiles.add(answer.id);
    } else if ("end" in answer) {
      this.folders++;
      if (this.#openWithFiles.delete(answer.id)) this.#endedWithFiles++;
    }
  }

  /**
   * Folders that may be read at a time so that about so many files are held.
   * Folders without files don't count; nor does what is not known yet.
   */
  foldersFor(files: number, most: number): number {
    const withFiles = this.#endedWithFiles + this.#openWithFiles.size;
    if (withFiles === 0) return most;
    return Math.max(1, Math.min(most, Math.ceil(files * withFiles / this.files)));
  }

  /**
   * Folders that one thread may read side by side.
   *
   * @param slow whether the mount answers slowly
   */
  sideBySide(slow: boolean): number {
    return this.foldersFor(FILES_SIDE_BY_SIDE, slow ? SIDE_BY_SIDE.slow : SIDE_BY_SIDE.fast);
  }
}
