/**
 * What this machine remembers about its working copy of the journal: the lock
 * id of a check-out under way, and the content on which working copy and
 * source last agreed. One small file beside the working copy, mode 0600,
 * replaced atomically and synced before the step that it announces.
 */

import * as v from "valibot";
import { ChorusError } from "../errors/chorus_error.ts";
import { replaceFile } from "./replace_file.ts";
import type { HistoryMark } from "./whole_journal.ts";

const Md5 = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

const StateSchema = v.object({
  format: v.literal(1),
  source: v.string(),
  checkOut: v.optional(v.object({
    lockId: v.string(),
    phase: v.picklist(["taking", "held"]),
    since: v.string(),
    sourceMd5: v.optional(v.nullable(Md5)),
    history: v.optional(v.object({ commands: v.number(), md5: Md5 })),
  })),
  returned: v.optional(v.array(v.object({ journalMd5: Md5, workingMd5: Md5 }))),
  agreed: v.optional(v.object({
    workingMd5: v.nullable(Md5),
    journalMd5: v.nullable(Md5),
    at: v.string(),
  })),
});

/** A check-out that this machine began and did not end. */
export interface CheckOutState {
  /** Random; stands in the lock's metadata. */
  lockId: string;
  /**
   * `taking`: the lock may exist, the working copy is not in place yet.
   * `held`: checked out.
   */
  phase: "taking" | "held";
  /** ISO 8601. */
  since: string;
  /** Of a local source: its MD5 when it was copied, null when there was none. */
  sourceMd5?: string | null;
  /** How the working copy's command history began; missing for a first journal. */
  history?: HistoryMark;
}

/** What a check-in sent, and the working copy that it was made from; MD5s. */
export interface ReturnedContent {
  journalMd5: string;
  workingMd5: string;
}

/** What the state file says. MD5s are lower-case hex. */
export interface LocalState {
  /** Where the journal lives, as configured. */
  source: string;
  checkOut?: CheckOutState;
  /** What check-ins that did not end tried to make the journal, oldest first. */
  returned?: ReturnedContent[];
  /** When working copy and source last held the same journal; null where there was none. */
  agreed?: { workingMd5: string | null; journalMd5: string | null; at: string };
}

/** The state file of a working copy. */
export function statePathOf(workingCopy: string): string {
  return `${workingCopy}.checkout.json`;
}

/**
 * What is remembered about a working copy; undefined when there is no state file.
 *
 * @throws {ChorusError} `io` when the file is there but not one of ours; `NotCapable` when Deno was
 *   not permitted to read it
 */
export async function readLocalState(workingCopy: string): Promise<LocalState | undefined> {
  const path = statePathOf(workingCopy);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // A missing permission is told as that.
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new ChorusError("io", `Can't read "${path}"`, { subject: path, cause: error });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch { /* undefined fails the schema below */ }
  const result = v.safeParse(StateSchema, parsed);
  if (result.success) {
    const { format: _, ...state } = result.output;
    return state;
  }
  throw new ChorusError(
    "io",
    `Can't tell what is checked out here: "${path}" is not a state file of this program`,
    {
      subject: path,
      remedy:
        "Move it away; then a journal that was checked out here needs `journal unlock`, and its working copy is kept.",
    },
  );
}

/** Replaces the state file; when this returns, the new content is on disk. */
export async function writeLocalState(workingCopy: string, state: LocalState): Promise<void> {
  const text = JSON.stringify({ format: 1, ...state }, null, 2) + "\n";
  await replaceFile(statePathOf(workingCopy), new TextEncoder().encode(text), 0o600);
}
