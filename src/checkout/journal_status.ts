/** `journal status`: where the journal is, who holds it, and whether this machine may go on. */

import type { CheckoutContext, CloudContext } from "./checkout_context.ts";
import { isCloudContext, isLocalContext, locationOf } from "./checkout_context.ts";
import { carriesOurId, holdsForeignLock, isOurs } from "./held_here.ts";
import { isInPlace, mayWriteLocal } from "./local_source.ts";
import { type Lock, readLock } from "./lock.ts";
import { type LocalState, readLocalState } from "./local_state.ts";
import { fileSize } from "./replace_file.ts";

/** In which state of docs/lock.md the journal is, seen from this machine. */
export type JournalPhase =
  /** Local and used where it is. */
  | "in_place"
  /** Nobody has checked it out. */
  | "free"
  /** There is none yet and nobody is making one. */
  | "none"
  /** Checked out here. */
  | "held_here"
  /** Checked out here, by the predecessor. */
  | "held_here_by_predecessor"
  /** A check-out from here was interrupted. */
  | "taking_here"
  /** A check-in from here was interrupted. */
  | "returning_here"
  /** Checked out by somebody else. */
  | "held_elsewhere"
  /** It was checked out here, and somebody has unlocked it since. */
  | "unlocked_by_others";

/** What `journal status` tells. */
export interface JournalStatus {
  phase: JournalPhase;
  /** Where the journal lives. */
  location: string;
  workingCopy: string;
  /** True when the working copy exists. */
  workingCopyExists: boolean;
  /** Who holds it and since when; undefined when nobody does, or it is local. */
  lock: Lock | undefined;
  /** When the journal was last checked in; undefined while it is not in its place. */
  journalModified: Date | undefined;
  /** Bytes. */
  journalSize: number | undefined;
  /** True when commands that write may go on here. */
  mayGoOn: boolean;
  /** The next command. */
  next: string;
}

/** Looks at lock, journal and what is remembered here; changes nothing. */
export async function journalStatus(context: CheckoutContext): Promise<JournalStatus> {
  const { workingCopy } = context;
  const state = await readLocalState(workingCopy);
  const workingCopyExists = await fileSize(workingCopy) !== undefined;
  const common = { location: locationOf(context.source), workingCopy, workingCopyExists };
  if (isCloudContext(context)) return { ...common, ...await cloudStatus(context, state) };
  if (!isLocalContext(context)) throw new TypeError("unknown kind of journal source");
  const { path } = context.source;
  const info = await fileSize(path) === undefined ? undefined : await Deno.stat(path);
  const mayGoOn = await mayWriteLocal(context);
  const phase = isInPlace(context)
    ? "in_place"
    : mayGoOn
    ? "held_here"
    : info === undefined
    ? "none"
    : "free";
  return {
    ...common,
    phase,
    lock: undefined,
    journalModified: info?.mtime ?? undefined,
    journalSize: info?.size,
    mayGoOn,
    next: mayGoOn ? "journal update" : "journal checkout",
  };
}

async function cloudStatus(context: CloudContext, state: LocalState | undefined) {
  const { source: { store, key, location }, signal } = context;
  const ours = state?.source === location ? state : undefined;
  const lock = await readLock(store, key, signal);
  const journal = await store.stat(key, { signal });
  const phase = lock === undefined
    ? phaseUnlocked(ours, journal !== undefined)
    : await phaseLocked(context, ours, lock);
  return {
    phase,
    lock,
    journalModified: journal === undefined ? undefined : new Date(journal.modifiedMs),
    journalSize: journal?.size,
    mayGoOn: lock !== undefined &&
      ["held_here", "held_here_by_predecessor", "returning_here"].includes(phase),
    next: NEXT[phase],
  };
}

const NEXT: Readonly<Record<JournalPhase, string>> = {
  in_place: "journal update",
  free: "journal checkout",
  none: "journal checkout",
  held_here: "journal update",
  held_here_by_predecessor: "journal update",
  taking_here: "journal checkout",
  returning_here: "journal checkin",
  held_elsewhere: "journal status",
  unlocked_by_others: "journal checkout",
};

function phaseUnlocked(state: LocalState | undefined, journal: boolean): JournalPhase {
  if (state?.returned !== undefined) return "returning_here";
  if (state?.checkOut?.phase === "held") return "unlocked_by_others";
  return journal ? "free" : "none";
}

async function phaseLocked(
  context: CloudContext,
  state: LocalState | undefined,
  lock: Lock,
): Promise<JournalPhase> {
  if (carriesOurId(state, lock)) {
    if (!isOurs(state, lock)) return "taking_here";
    return state?.returned === undefined ? "held_here" : "returning_here";
  }
  return await holdsForeignLock(context, state, lock)
    ? "held_here_by_predecessor"
    : "held_elsewhere";
}
