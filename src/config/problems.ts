/** What is wrong with a configuration file, collected so that all of it is told at once. */

import { ChorusError } from "../errors/chorus_error.ts";

/** Where a key is: `["site_path", "Images", "path"]`. */
export type KeyPath = readonly string[];

/** A key path as it would be written in the file: `site_path."My scans".path`. */
export function showKey(path: KeyPath): string {
  return path.map((part) => /^[\w-]+$/.test(part) ? part : JSON.stringify(part)).join(".");
}

/** Collects errors and warnings of one file. Nothing said to it may hold a secret. */
export class Problems {
  readonly #file: string;
  readonly #errors: { key: string; sentence: string }[] = [];
  readonly #warnings: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** Each a sentence with the file's name in it. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** @param sentence goes on after the key: `must be …, found …` */
  error(path: KeyPath, sentence: string): void {
    const key = showKey(path);
    // One cause, such as a missing account of a shared default, is told once.
    if (
      !this.#errors.some((error) => error.key === key && error.sentence === sentence)
    ) this.#errors.push({ key, sentence });
  }

  /** @param sentence goes on after the key */
  warn(path: KeyPath, sentence: string): void {
    this.note(`${showKey(path)} ${sentence}`);
  }

  /** A warning that is about the file as a whole. */
  note(sentence: string): void {
    const warning = `${this.#file}: ${sentence}`;
    if (!this.#warnings.includes(warning)) this.#warnings.push(warning);
  }

  /** True when an error was told about this very key. */
  hasErrorAt(path: KeyPath): boolean {
    const key = showKey(path);
    return this.#errors.some((error) => error.key === key);
  }

  /** @throws ChorusError `config` naming everything, when there was an error */
  throwIfAny(): void {
    const lines = this.#errors.map(({ key, sentence }) => `${key} ${sentence}`);
    if (lines.length === 0) return;
    throw new ChorusError(
      "config",
      lines.length === 1
        ? `${this.#file}: ${lines[0]}.`
        : `${this.#file} has ${lines.length} errors:\n${
          lines.map((line) => `- ${line}`).join("\n")
        }`,
      {
        subject: this.#file,
        remedy: "Correct the file; `chorus-upload config-help` explains every key.",
      },
    );
  }
}
