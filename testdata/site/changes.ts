/**
 * `changes.json`: what was done to which file in which snapshot. One JSON
 * document, however long, with one file a line, so that it is written and read
 * as a stream.
 */

import { isoDateTime, snapshotTime } from "./calendar.ts";
import type { FileAction, WaveformRecord } from "./planned_file.ts";
import type { SiteSpecification } from "./site_options.ts";

/** How the document begins; nothing else is taken for ours. */
const MARK = '{"generator": "chorus-upload testdata",';

/** One file in one snapshot. */
export interface ChangeEntry {
  /** Relative to the site's root, POSIX. */
  path: string;
  /** Null for a file that belongs to no modality. */
  modality: string | null;
  /** Null where the file is nobody's. */
  person: string | null;
  action: FileAction;
  /** Bytes; null, like the two below, for a file that is gone. */
  size: number | null;
  /** Lower-case hex. */
  md5: string | null;
  /** Milliseconds since 1970 UTC. */
  mtimeMs: number | null;
  /** Of a waveform file whose name fits. */
  record?: WaveformRecord;
}

/** Files by what happened to them. */
export type ActionCounts = Record<FileAction, number>;

/** A snapshot in numbers. */
export interface SnapshotTotals {
  snapshot: number;
  /** The tree's folder beside `changes.json`. */
  folder: string;
  /** When it was taken, `YYYY-MM-DD HH:MM:SS` UTC. */
  time: string;
  /** Files that are there, and their bytes. */
  files: number;
  bytes: number;
  actions: ActionCounts;
  /** The same per modality; files of no modality under "". */
  modalities: Record<string, ActionCounts>;
}

/** A snapshot's totals before its first file. */
export function noTotals(snapshot: number): SnapshotTotals {
  return {
    snapshot,
    folder: snapshotFolder(snapshot),
    time: isoDateTime(snapshotTime(snapshot)),
    files: 0,
    bytes: 0,
    actions: noCounts(),
    modalities: {},
  };
}

/** The name of a snapshot's folder. */
export function snapshotFolder(snapshot: number): string {
  return `snapshot_${snapshot}`;
}

function noCounts(): ActionCounts {
  return { added: 0, changed: 0, touched: 0, gone: 0, kept: 0 };
}

/** Adds a file to the totals. */
export function count(totals: SnapshotTotals, entry: ChangeEntry): void {
  const counts = totals.modalities[entry.modality ?? ""] ??= noCounts();
  counts[entry.action]++;
  totals.actions[entry.action]++;
  if (entry.action === "gone") return;
  totals.files++;
  totals.bytes += entry.size ?? 0;
}

/** Writes the document piece by piece. */
export class ChangesWriter implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #encoder = new TextEncoder();
  #text = "";
  #snapshots = 0;
  #entries = 0;

  /** Creates the file; it must not exist. */
  constructor(path: string, { seed, scale, patients }: SiteSpecification) {
    this.#file = Deno.openSync(path, { write: true, createNew: true });
    this.#text = `${MARK} "format": 1, "seed": ${JSON.stringify(seed)}, ` +
      `"scale": ${JSON.stringify(scale)}, "patients": ${patients}, "snapshots": [\n`;
    this.#flush();
  }

  begin({ snapshot, folder, time }: SnapshotTotals): void {
    this.#text += `${this.#snapshots++ > 0 ? ",\n" : ""}{"snapshot": ${snapshot}, ` +
      `"folder": ${JSON.stringify(folder)}, "time": ${JSON.stringify(time)}, "files": [\n`;
    this.#entries = 0;
  }

  entry(entry: ChangeEntry): void {
    this.#text += (this.#entries++ > 0 ? ",\n" : "") + JSON.stringify(entry);
    if (this.#text.length > 1 << 16) this.#flush();
  }

  end(totals: SnapshotTotals): void {
    this.#text += `\n], "totals": ${JSON.stringify(totals)}}`;
  }

  /** Ends the document. */
  finish(): void {
    this.#text += "\n]}\n";
    this.#flush();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #flush(): void {
    const bytes = this.#encoder.encode(this.#text);
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
    this.#text = "";
  }
}

/** One file of one snapshot, as read back. */
export interface SnapshotEntry extends ChangeEntry {
  snapshot: number;
}

/** Reads a `changes.json` line by line, in its order. */
export async function* readChanges(
  path: string,
): AsyncGenerator<SnapshotEntry, void, undefined> {
  let snapshot = 0;
  for await (const line of lines(path)) {
    const begins = /^\{"snapshot": (\d+),/.exec(line);
    if (begins !== null) snapshot = Number(begins[1]);
    else if (line.startsWith('{"path":')) {
      yield { snapshot, ...JSON.parse(line.replace(/,$/, "")) as ChangeEntry };
    }
  }
}

async function* lines(path: string): AsyncGenerator<string, void, undefined> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 16);
  const decoder = new TextDecoder();
  let rest = "";
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    const parts = (rest + decoder.decode(buffer.subarray(0, read), { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}

/** True when the file at `path` was begun by us, whether or not it was finished. */
export function isOurs(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(MARK.length);
    const read = file.readSync(bytes) ?? 0;
    return new TextDecoder().decode(bytes.subarray(0, read)) === MARK;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
      return false;
    }
    throw error;
  }
}
