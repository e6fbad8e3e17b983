import { ChorusError } from "../errors/chorus_error.ts";
import { printable } from "./format.ts";
import { requireNoDatabase } from "./output_file.ts";

const FLUSH_CHARACTERS = 1 << 16;

/** The file of `--combined`: one line per file, a sign and the path. */
export class CombinedOutput implements Disposable {
  readonly #file: Deno.FsFile;
  #buffer = "";

  /** @throws ChorusError `usage` when the file can't be written */
  constructor(path: string) {
    requireNoDatabase(path);
    try {
      this.#file = Deno.openSync(path, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
    } catch (cause) {
      throw new ChorusError("usage", `The file "${path}" can't be written.`, {
        subject: path,
        remedy: "Give another path with --combined.",
        cause,
      });
    }
  }

  /** @param sign `=` equal, `*` differs, `-` missing, `+` unknown, `!` can't be verified */
  line(sign: string, path: string): void {
    this.#buffer += `${sign} ${printable(path)}\n`;
    if (this.#buffer.length >= FLUSH_CHARACTERS) this.#flush();
  }

  [Symbol.dispose](): void {
    try {
      this.#flush();
    } finally {
      this.#file.close();
    }
  }

  #flush(): void {
    const bytes = new TextEncoder().encode(this.#buffer);
    this.#buffer = "";
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
  }
}
