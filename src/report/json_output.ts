import type { Terminal } from "./terminal.ts";

/**
 * Writes one JSON document to stdout whose lists may be longer than memory:
 * `{"files": [ … ], "summary": { … }}`.
 */
export class JsonOutput {
  readonly #terminal: Terminal;
  #open = false;
  #items = 0;
  #buffer = "";

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Begins the document with a list of the given name. */
  beginList(name: string): void {
    this.#open = true;
    this.#items = 0;
    this.#write(`{${JSON.stringify(name)}: [`);
  }

  /** One element of the list. */
  item(value: unknown): void {
    this.#write(`${this.#items++ > 0 ? "," : ""}\n${JSON.stringify(value)}`);
  }

  /** Ends the document with the remaining fields; without a list, writes them alone. */
  end(fields: Readonly<Record<string, unknown>>): void {
    if (!this.#open) {
      this.#write(JSON.stringify(fields, undefined, 2) + "\n");
    } else {
      this.#write("\n]");
      for (const [name, value] of Object.entries(fields)) {
        this.#write(`,\n${JSON.stringify(name)}: ${JSON.stringify(value)}`);
      }
      this.#write("}\n");
    }
    this.#open = false;
    this.#flush();
  }

  #write(text: string): void {
    this.#buffer += text;
    if (this.#buffer.length > 1 << 16) this.#flush();
  }

  #flush(): void {
    if (this.#buffer !== "") this.#terminal.out(this.#buffer);
    this.#buffer = "";
  }
}
