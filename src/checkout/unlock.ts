/**
 * `journal unlock`: takes the lock away from a holder who will not come back.
 * The steps, their conditions and what each crash leaves: docs/lock.md.
 */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { WriterLock } from "../journal/writer_lock.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import {
  type CheckoutContext,
  type CloudContext,
  isCloudContext,
  requireMetadata,
} from "./checkout_context.ts";
import { CONTENT_MD5, type Lock, lockedError, lockKeyOf, md5Of, readLock } from "./lock.ts";
import { carriesOurId } from "./held_here.ts";
import { readLocalState, writeLocalState } from "./local_state.ts";
import { contentOfObject, copyObject, downloadObject } from "./stored_content.ts";
import { damageOf } from "./whole_journal.ts";
import { removeDatabase, scratchPathOf } from "./working_copy.ts";

/** What the person is asked about. */
export interface UnlockQuestion {
  lock: Lock;
  /**
   * `remove_lock`: the journal is there, only the lock goes. `restore_journal`: the
   * journal as it was checked out is put back first. `remove_empty_lock`: there was no
   * journal yet, and there is none afterwards.
   */
  effect: "remove_lock" | "restore_journal" | "remove_empty_lock";
  /** True when the lock is this machine's own: work that is not checked in stays only here. */
  heldHere: boolean;
}

/** What an unlock did. */
export interface UnlockResult {
  /** `not_locked`: nothing to do. `declined`: the person said no. */
  outcome: "not_locked" | "declined" | "unlocked";
  /** True when the journal was put back from the lock. */
  restored: boolean;
  /** True when there is a journal now. */
  journal: boolean;
}

const MAX_TRIES = 10;

/**
 * Removes the lock after a question; restores the journal from it where it is the only copy.
 *
 * @param context.confirm asks the person; not called when nothing is locked
 * @throws {ChorusError} `locked` when another one holds it by the time of the answer
 */
export async function unlock(
  context: CheckoutContext & {
    confirm: (question: UnlockQuestion) => boolean | Promise<boolean>;
  },
): Promise<UnlockResult> {
  if (!isCloudContext(context)) {
    return { outcome: "not_locked", restored: false, journal: true };
  }
  const { source: { store, key, location }, workingCopy, formatTime, signal } = context;
  requireMetadata(context.source);
  const lock = await readLock(store, key, signal);
  const journal = await store.stat(key, { signal });
  if (lock === undefined) {
    return { outcome: "not_locked", restored: false, journal: journal !== undefined };
  }
  const state = await readLocalState(workingCopy);
  const heldHere = carriesOurId(state, lock);
  const effect = journal !== undefined
    ? "remove_lock"
    : lock.size > 0
    ? "restore_journal"
    : "remove_empty_lock";
  if (!await context.confirm({ lock, effect, heldHere })) {
    return { outcome: "declined", restored: false, journal: journal !== undefined };
  }
  // Our own check-out or check-in at this moment is not one that will never end.
  using _ = heldHere ? WriterLock.take(workingCopy) : undefined;
  const still = await readLock(store, key, signal);
  if (still === undefined) return await unlockedByOthers(context);
  if (still.etag !== lock.etag) throw lockedError(location, still, formatTime);
  const result = await release(context, lock);
  if (heldHere && state !== undefined) {
    const { checkOut: _ended, ...rest } = state;
    await writeLocalState(workingCopy, rest);
  }
  return result;
}

async function unlockedByOthers(context: CloudContext): Promise<UnlockResult> {
  const { source: { store, key }, signal } = context;
  const journal = await store.stat(key, { signal });
  return { outcome: "not_locked", restored: false, journal: journal !== undefined };
}

/** Makes sure of a whole journal that nobody can remove any more, then removes the lock. */
async function release(context: CloudContext, lock: Lock): Promise<UnlockResult> {
  const { source: { store, key, location }, signal } = context;
  let restored = false;
  for (let n = 0; n < MAX_TRIES; n++) {
    signal?.throwIfAborted();
    const journal = await store.stat(key, { signal });
    if (journal === undefined && lock.size > 0) {
      const written = await restoreJournal(context, lock);
      if (!written) continue;
      restored = true;
      await context.reached?.("journal_restored");
    } else if (journal !== undefined) {
      await requireWholeJournal(context, journal);
      // The holder may be alive and about to remove exactly this journal: give it another ETag.
      if (journal.etag === lock.journalEtag) {
        if (!await renewJournal(context, journal)) continue;
        await context.reached?.("journal_renewed");
      }
    }
    try {
      await store.remove(lockKeyOf(key), { ifMatch: lock.etag, signal });
    } catch (error) {
      signal?.throwIfAborted();
      const left = await readLock(store, key, signal);
      if (left?.etag === lock.etag) throw error;
      if (left !== undefined) throw lockedError(location, left, context.formatTime);
    }
    await context.reached?.("unlocked");
    return { outcome: "unlocked", restored, journal: journal !== undefined || restored };
  }
  throw new ChorusError(
    "unavailable",
    `The journal ${location} changed ${MAX_TRIES} times while it was being unlocked`,
    { subject: location, remedy: "Look at `journal status`, then run `journal unlock` again." },
  );
}

/**
 * Refuses to remove the lock beside a journal that is not whole: the lock is
 * then the only copy. A server-side copy of an interrupted unlock may still be
 * under way.
 */
async function requireWholeJournal(context: CloudContext, journal: ObjectInfo): Promise<void> {
  if (journal.size === 0) return;
  const { source: { store, location }, workingCopy, signal } = context;
  const scratch = scratchPathOf(workingCopy);
  try {
    await downloadObject(store, journal, scratch, { signal });
    const damage = damageOf(scratch);
    if (damage === undefined) return;
    throw new ChorusError(
      "journal_damaged",
      `The lock of ${location} is not removed, as the journal beside it is damaged: ${damage}`,
      {
        subject: location,
        remedy: "Move the damaged journal away; unlocking then restores the journal from the lock.",
      },
    );
  } finally {
    await removeDatabase(scratch);
  }
}

/** Puts the lock's content in the journal's place, create-only; false when it has to be looked at anew. */
async function restoreJournal(context: CloudContext, lock: Lock): Promise<boolean> {
  const { source: { store, key, location }, signal } = context;
  const source = await store.stat(lockKeyOf(key), { signal });
  if (source?.etag !== lock.etag) {
    throw new ChorusError("locked", `The lock of ${location} changed while it was being removed`, {
      subject: location,
      remedy: "Look at `journal status`, then run `journal unlock` again.",
    });
  }
  await copyTo(context, source, { ifAbsent: true });
  const restored = await store.stat(key, { signal });
  if (restored === undefined) return false;
  const [wanted, found] = await Promise.all([
    md5OfObject(context, source),
    md5OfObject(context, restored),
  ]);
  // Another one's check-in got there first: that journal is whole, and newer.
  if (wanted !== found) return false;
  return true;
}

/** Writes the journal over itself; false when it is another one by now. */
async function renewJournal(context: CloudContext, journal: ObjectInfo): Promise<boolean> {
  await copyTo(context, journal, { ifMatch: journal.etag });
  const renewed = await context.source.store.stat(journal.key, { signal: context.signal });
  return renewed !== undefined && renewed.etag !== journal.etag;
}

/** Copies to the journal's place; a conflict is no error, what is there afterwards decides. */
async function copyTo(
  context: CloudContext,
  from: ObjectInfo,
  condition: { ifAbsent: true } | { ifMatch: string },
): Promise<void> {
  const { source: { store, key }, workingCopy, signal } = context;
  const md5 = md5Of(from);
  const temporary = scratchPathOf(workingCopy);
  try {
    await copyObject(store, from, key, {
      condition,
      // Never a lock id on a journal: the predecessor's lock is a copy of it and would inherit the id.
      metadata: {
        chorus_unlocked: context.now().toISOString(),
        ...(md5 === undefined ? {} : { [CONTENT_MD5]: md5 }),
      },
      temporary,
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    const conflict = isChorusError(error, "already_exists") ||
      isChorusError(error, "precondition_failed") || isChorusError(error, "not_found");
    if (conflict) return;
    const there = await store.stat(key, { signal });
    if (there === undefined || there.etag === from.etag) throw error;
  } finally {
    await removeDatabase(temporary);
  }
}

async function md5OfObject({ source: { store }, signal }: CloudContext, object: ObjectInfo) {
  return md5Of(object) ?? (await contentOfObject(store, object, signal)).md5;
}
