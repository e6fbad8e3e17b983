/** Receipts: one line of JSON per file that was sent, failed or was refused, for the site's own records. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import type { Refused } from "./plan.ts";
import type { SendOutcome } from "./transfer.ts";

/** What one line holds. */
export interface Receipt {
  /** Journal path, relative to the modality's root. */
  path: string;
  modality: string;
  version: string;
  /** Relative to the central location; null where the path has no place there. */
  central_path: string | null;
  /** Bytes. */
  size: number;
  /** Lower-case hex, as journaled. */
  md5: string;
  result: "created" | "replaced" | "present" | "failed";
  /** Who looked: see `ProofLevel`; null for a failure. */
  proof: "service" | "sender" | "deep" | null;
  attempts: number;
  seconds: number;
  /** The upload stamp of the run, `YYYYMMDDHHMMSS` UTC. */
  stamp: string;
  /** Why it failed. */
  reason?: string;
}

/** The receipt of one outcome. */
export function receiptOf(outcome: SendOutcome, stamp: string): Receipt {
  const { transfer } = outcome;
  const receipt: Receipt = {
    path: transfer.path,
    modality: transfer.modality,
    version: transfer.version,
    central_path: transfer.centralKey,
    size: transfer.size,
    md5: transfer.md5,
    result: outcome.ok ? outcome.action : "failed",
    proof: outcome.ok ? outcome.proof : null,
    attempts: outcome.attempts,
    seconds: Math.round(outcome.seconds * 1000) / 1000,
    stamp,
  };
  if (!outcome.ok) receipt.reason = outcome.reason;
  return receipt;
}

/** The receipt of a file that was not even tried. */
export function receiptOfRefused(refused: Refused, stamp: string): Receipt {
  return {
    path: refused.path,
    modality: refused.modality,
    version: refused.version,
    central_path: refused.centralKey ?? null,
    size: refused.size,
    md5: refused.md5,
    result: "failed",
    proof: null,
    attempts: 0,
    seconds: 0,
    stamp,
    reason: refused.reason,
  };
}

/** A receipt file that lines are added to; made with mode 0600, for it names patients. */
export class ReceiptFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens or creates the file; earlier lines stay, and one that a crash cut off
   * is ended.
   *
   * @throws ChorusError `io` when it can't be opened, `usage` when it holds
   *   something else than receipts: the journal, or a file of the site
   */
  static async open(path: string): Promise<ReceiptFile> {
    try {
      const { first, last } = await endsOf(path);
      if (first !== undefined && first !== "{") {
        throw new ChorusError("usage", `"${path}" holds something else than receipts.`, {
          subject: path,
          remedy: "Give a new file, or one that --receipts has made.",
        });
      }
      const file = await Deno.open(path, { append: true, create: true, mode: 0o600 });
      const receipts = new ReceiptFile(path, file);
      if (last !== undefined && last !== "\n") await receipts.#append("\n");
      return receipts;
    } catch (cause) {
      if (isChorusError(cause)) throw cause;
      throw receiptError("open", path, cause);
    }
  }

  /**
   * Adds lines. A line counts only when it ends in a line break: one that a
   * crash cut off is to be ignored.
   *
   * @throws ChorusError `io`, `disk_full`
   */
  async write(receipts: Iterable<Receipt>): Promise<void> {
    let text = "";
    for (const receipt of receipts) text += JSON.stringify(receipt) + "\n";
    if (text !== "") await this.#append(text);
  }

  /** One text after the other, however many callers there are. */
  #append(text: string): Promise<void> {
    const writing = this.#writing.then(() => this.#appendNow(text));
    this.#writing = writing.catch(() => {});
    return writing;
  }

  async #appendNow(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let offset = 0; offset < bytes.length;) {
        offset += await this.#file.write(bytes.subarray(offset));
      }
    } catch (cause) {
      throw receiptError("write", this.#path, cause);
    }
  }

  /** Syncs and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#file.syncData();
    } catch {
      // A pipe or a terminal can't be synced.
    } finally {
      this.#file.close();
    }
  }
}

/** The first and the last character of a file, as ASCII; nothing for one that is new, empty or a device. */
async function endsOf(path: string): Promise<{ first?: string; last?: string }> {
  let size: number;
  try {
    const info = await Deno.stat(path);
    size = info.isFile ? info.size : 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
  if (size === 0) return {};
  using file = await Deno.open(path);
  const byte = new Uint8Array(1);
  const at = async (offset: number) => {
    await file.seek(offset, Deno.SeekMode.Start);
    await file.read(byte);
    return String.fromCharCode(...byte);
  };
  return { first: await at(0), last: await at(size - 1) };
}

function receiptError(verb: string, path: string, cause: unknown): ChorusError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ChorusError(
    /ENOSPC|No space left/i.test(why) ? "disk_full" : "io",
    `Can't ${verb} the receipts "${path}": ${why}`,
    { subject: path, cause },
  );
}
