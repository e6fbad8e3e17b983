import { ChorusError } from "../errors/chorus_error.ts";
import type { ListedFile, ListedTotals } from "../workflows/list_files.ts";
import { formatBytes, formatCount, formatQuantity, printable } from "./format.ts";
import type { JsonOutput } from "./json_output.ts";
import { requireNoDatabase } from "./output_file.ts";
import { renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const FLUSH_CHARACTERS = 1 << 16;

/**
 * Where `file list` writes: the terminal, one path per line, or a file, or
 * JSON. The list may be longer than memory.
 */
export class FileListOutput implements Disposable {
  readonly #terminal: Terminal;
  readonly #json: JsonOutput | undefined;
  readonly #path: string | undefined;
  readonly #file: Deno.FsFile | undefined;
  #buffer = "";

  /** @throws ChorusError `usage` when the output file can't be written */
  constructor(terminal: Terminal, options: { file?: string; json?: JsonOutput }) {
    this.#terminal = terminal;
    this.#json = options.json;
    this.#path = options.file;
    this.#file = options.file === undefined ? undefined : openOutput(options.file);
    this.#json?.beginList("files");
  }

  /** Which journal this is; not part of the list. */
  headline(text: string): void {
    this.#terminal.err(text + "\n");
  }

  file(file: ListedFile): void {
    this.#json?.item(file);
    if (this.#file !== undefined || this.#json === undefined) {
      this.#write(printable(file.path) + "\n");
    }
  }

  /** Ends the list with its totals and what comes next. */
  end(totals: ListedTotals, options: { uploaded: boolean; runbook: string }): void {
    this.#flush();
    if (this.#json !== undefined) {
      this.#json.end({ totals });
      return;
    }
    const rows = totals.groups.map((each) => [
      each.version,
      each.modality,
      formatCount(each.files),
      formatBytes(each.bytes),
    ]);
    const what = options.uploaded ? "uploaded" : "to upload";
    let text = rows.length === 0 ? "" : "\n" + renderTable(
      [
        { title: "version", flexible: true },
        { title: "modality", flexible: true },
        { title: "files", align: "right" },
        { title: "bytes", align: "right" },
      ],
      rows,
      this.#terminal.columns,
    );
    text += `\n${formatQuantity(totals.files, "file")} ${what}, ${formatBytes(totals.bytes)}` +
      `${totals.listed < totals.files ? ` (${formatCount(totals.listed)} of them listed)` : ""}\n`;
    if (this.#path !== undefined) text += `The list is in "${this.#path}".\n`;
    if (!options.uploaded && totals.files > 0) text += `Next:  ${options.runbook} file upload\n`;
    // The list itself is alone on stdout, so that it can be piped.
    if (this.#file !== undefined || this.#terminal.outIsTerminal) this.#terminal.out(text);
    else this.#terminal.err(text);
  }

  [Symbol.dispose](): void {
    this.#flush();
    this.#file?.close();
  }

  #write(text: string): void {
    this.#buffer += text;
    if (this.#buffer.length >= FLUSH_CHARACTERS) this.#flush();
  }

  #flush(): void {
    if (this.#buffer === "") return;
    const text = this.#buffer;
    this.#buffer = "";
    if (this.#file === undefined) {
      this.#terminal.out(text);
      return;
    }
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
  }
}

function openOutput(path: string): Deno.FsFile {
  requireNoDatabase(path);
  try {
    return Deno.openSync(path, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (cause) {
    throw new ChorusError("usage", `The output file "${path}" can't be written.`, {
      subject: path,
      remedy: "Give another path with --output-file.",
      cause,
    });
  }
}
