import { printable } from "./format.ts";

/** One thing that failed. */
export interface FailedItem {
  path: string;
  reason: string;
  remedy?: string;
}

/** How many failures the end of a command shows; all of them are in the file. */
const SHOWN = 20;

/**
 * Collects what failed, in bounded memory: the first few for the summary, all of
 * them, one line each (`path<TAB>reason`), in a file that exists only if
 * something failed.
 */
export class FailureList implements Disposable {
  readonly shown: FailedItem[] = [];
  #count = 0;
  #file: Deno.FsFile | undefined;
  #unwritable: string | undefined;
  readonly #path: string;

  /** @param path where the whole list goes; an older list there is replaced by the first failure */
  constructor(path: string) {
    this.#path = path;
  }

  get count(): number {
    return this.#count;
  }

  /** The file with all failures, undefined when nothing failed or it can't be written. */
  get file(): string | undefined {
    return this.#count > 0 && this.#unwritable === undefined ? this.#path : undefined;
  }

  /** Why the file could not be written. */
  get fileError(): string | undefined {
    return this.#unwritable;
  }

  add(item: FailedItem): void {
    this.#count++;
    if (this.shown.length < SHOWN) this.shown.push(item);
    if (this.#unwritable !== undefined) return;
    try {
      this.#file ??= Deno.openSync(this.#path, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      const bytes = new TextEncoder().encode(
        `${printable(item.path)}\t${printable(item.reason)}\n`,
      );
      for (let done = 0; done < bytes.length;) {
        done += this.#file.writeSync(bytes.subarray(done));
      }
    } catch (error) {
      this.#unwritable = error instanceof Error ? error.message : String(error);
    }
  }

  /** For `--json`: how many, the first ones, and where all of them are. */
  summary(): { count: number; first: readonly FailedItem[]; file: string | undefined } {
    const first = this.shown.map(({ path, reason, remedy }) => ({ path, reason, remedy }));
    return { count: this.#count, first, file: this.file };
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** The lines that a command's summary shows of its failures; empty when nothing failed. */
export function failureLines(list: FailureList): string[] {
  if (list.count === 0) return [];
  const lines = list.shown.map((item) =>
    `  ${printable(item.path)}: ${printable(item.reason)}${item.remedy ? ` (${item.remedy})` : ""}`
  );
  if (list.count > list.shown.length) {
    lines.push(`  … and ${list.count - list.shown.length} more`);
  }
  if (list.file !== undefined) lines.push(`  all of them: ${list.file}`);
  else if (list.fileError !== undefined) {
    lines.push(`  the list could not be written: ${list.fileError}`);
  }
  return lines;
}
