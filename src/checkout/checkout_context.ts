/** What every step of check-out, check-in and unlock is given. */

import { resolve } from "node:path";
import { ChorusError } from "../errors/chorus_error.ts";
import type { Store } from "../storage/store.ts";
import type { Emit } from "../workflows/workflow_event.ts";
import type { Holder } from "./lock.ts";

/** A journal in a cloud store. */
export interface CloudJournal {
  kind: "cloud";
  /** Open at the folder that holds the journal. */
  store: Store;
  /** The journal's key in it. */
  key: string;
  /** The whole path as configured, for messages: `az://container/journal.db`. */
  location: string;
}

/** A journal on a local path or mount. */
export interface LocalJournal {
  kind: "local";
  path: string;
}

/** Where a journal lives when nobody works on it. */
export type JournalSource = CloudJournal | LocalJournal;

/** Everything that check-out, check-in, unlock and status need from outside. */
export interface CheckoutContext {
  source: JournalSource;
  /** The file on this machine that commands work on. */
  workingCopy: string;
  /** Who is working. */
  holder: Holder;
  /** The clock. */
  now: () => Date;
  /** A new random lock id, at least 128 bits. */
  newLockId: () => string;
  /** How the person is shown a time. */
  formatTime?: (time: Date) => string;
  emit: Emit;
  signal?: AbortSignal;
  /** Told after each step has taken effect; tests stop the process there. */
  reached?: (step: Step) => void | Promise<void>;
}

/** A context whose journal lives in a cloud store. */
export type CloudContext = CheckoutContext & { source: CloudJournal };

/** A context whose journal lives on a local path. */
export type LocalContext = CheckoutContext & { source: LocalJournal };

/** The steps of the protocol in the order of docs/lock.md: the points between which a run may die. */
export type Step =
  // check-out
  | "id_remembered"
  | "lock_created"
  | "lock_given_back"
  | "content_verified"
  | "lock_confirmed"
  | "journal_removed"
  | "working_copy_kept"
  | "working_copy_installed"
  | "check_out_remembered"
  // check-in
  | "return_prepared"
  | "return_remembered"
  | "journal_written"
  | "journal_read_back"
  | "lock_removed"
  | "check_in_remembered"
  // unlock
  | "journal_renewed"
  | "journal_restored"
  | "unlocked";

/** Where the journal lives, for messages and for the state file. */
export function locationOf(source: JournalSource): string {
  return source.kind === "cloud" ? source.location : resolve(source.path);
}

/** True when the context's journal lives in a cloud store. */
export function isCloudContext(context: CheckoutContext): context is CloudContext {
  return context.source.kind === "cloud";
}

/** True when the context's journal lives on a local path. */
export function isLocalContext(context: CheckoutContext): context is LocalContext {
  return context.source.kind === "local";
}

/**
 * Refuses a store in which a lock can't say whose it is.
 *
 * @throws {ChorusError} `unsupported` when the store keeps no metadata: a second
 *   object with the id could not be created in one step with the lock
 */
export function requireMetadata({ store, location }: CloudJournal): void {
  if (store.traits.storesMetadata) return;
  throw new ChorusError(
    "unsupported",
    `The journal can't live at ${location}: this store keeps no metadata, so a lock there can't say whose it is`,
    { subject: location, remedy: "Set journal.source.path to another store or to a local path." },
  );
}
