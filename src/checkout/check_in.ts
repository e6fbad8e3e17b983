/**
 * `journal checkin`: makes the working copy the journal again and removes the
 * lock. The steps, their conditions and what each crash leaves: docs/lock.md.
 */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { copyJournal } from "../journal/copy_journal.ts";
import { WriterLock } from "../journal/writer_lock.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import {
  type CheckoutContext,
  type CloudContext,
  isCloudContext,
  isLocalContext,
  requireMetadata,
} from "./checkout_context.ts";
import {
  carriesOurId,
  contentContinuesHistory,
  holdsForeignLock,
  isOurs,
  refuseOtherSource,
} from "./held_here.ts";
import {
  CONTENT_MD5,
  describeHolder,
  type Lock,
  lockedError,
  lockKeyOf,
  md5Of,
  readLock,
} from "./lock.ts";
import { checkInLocal } from "./local_source.ts";
import {
  type LocalState,
  readLocalState,
  type ReturnedContent,
  writeLocalState,
} from "./local_state.ts";
import { fileSize } from "./replace_file.ts";
import { type Content, contentOfFile, contentOfObject, uploadFile } from "./stored_content.ts";
import { requireDescent, requireWhole } from "./whole_journal.ts";
import { hasSideFiles, removeLeftovers, returnPathOf, workingCopyMd5 } from "./working_copy.ts";

/** What a check-in did. */
export interface CheckInResult {
  /**
   * `checked_in`: the journal is what was worked on here. `already`: it was so
   * before. `nothing`: there was no journal yet and none was made; the lock is
   * removed. `in_place`: the journal is local and used where it is.
   */
  outcome: "checked_in" | "already" | "nothing" | "in_place";
  /** Bytes that the journal has now; undefined where it was not looked at. */
  size: number | undefined;
}

const MAX_TRIES = 10;

/**
 * Checks the journal in.
 *
 * @throws {ChorusError} `not_checked_out` when it is not checked out here, `locked` when the lock is
 *   somebody else's or another process works on the working copy, `already_exists` when a
 *   journal that is not ours stands in its place, `journal_damaged` when the working copy is
 *   not whole, `digest_mismatch` when the store holds something else than was sent
 */
export async function checkIn(context: CheckoutContext): Promise<CheckInResult> {
  if (isLocalContext(context)) return await checkInLocal(context);
  if (!isCloudContext(context)) throw new TypeError("unknown kind of journal source");
  requireMetadata(context.source);
  context.emit({ kind: "stage", stage: "check-in" });
  using _ = WriterLock.take(context.workingCopy);
  await removeLeftovers(context.workingCopy);
  try {
    return await new CloudCheckIn(context).run();
  } finally {
    await removeLeftovers(context.workingCopy);
  }
}

class CloudCheckIn {
  readonly #context: CloudContext;
  #state: LocalState;

  constructor(context: CloudContext) {
    this.#context = context;
    this.#state = { source: context.source.location };
  }

  async run(): Promise<CheckInResult> {
    const { source, workingCopy, signal } = this.#context;
    const remembered = await readLocalState(workingCopy);
    refuseOtherSource(remembered, this.#context);
    if (remembered?.source === source.location) this.#state = remembered;

    const lock = await readLock(source.store, source.key, signal);
    const held = lock !== undefined &&
      (isOurs(this.#state, lock) || await holdsForeignLock(this.#context, this.#state, lock));
    if (lock === undefined || !held) return await this.#endedBefore(lock);

    const empty = (await fileSize(workingCopy) ?? 0) === 0 && !await hasSideFiles(workingCopy);
    if (empty) return await this.#returnNothing(lock);

    const { content, workingMd5 } = await this.#prepare();
    const earlier = this.#state.returned ?? [];
    const attempt: ReturnedContent = { journalMd5: content.md5, workingMd5 };
    const attempts = [...earlier.filter((each) => each.journalMd5 !== content.md5), attempt];
    await this.#remember({ ...this.#state, returned: attempts });
    await this.#context.reached?.("return_remembered");
    const written = await this.#writeJournal(content, earlier);
    await this.#context.reached?.("journal_written");
    const journal = await this.#readBack(content, written);
    await this.#context.reached?.("journal_read_back");
    await this.#removeLock(lock, journal);
    await this.#context.reached?.("lock_removed");
    await this.#end(attempt);
    return { outcome: "checked_in", size: content.size };
  }

  /** The copy to send, proven whole, without what only this machine needs. */
  async #prepare(): Promise<{ content: Content; workingMd5: string }> {
    const { workingCopy, signal } = this.#context;
    const path = returnPathOf(workingCopy);
    requireWhole(workingCopy);
    requireDescent(workingCopy, this.#state.checkOut?.history);
    await copyJournal(workingCopy, path, { signal });
    const content = await contentOfFile(path, signal);
    const { md5: workingMd5 } = await contentOfFile(workingCopy, signal);
    await this.#context.reached?.("return_prepared");
    return { content, workingMd5 };
  }

  /** A first journal that nothing was put into: there is still none. */
  async #returnNothing(lock: Lock): Promise<CheckInResult> {
    const { source, workingCopy, now } = this.#context;
    if (lock.size > 0) {
      throw new ChorusError(
        "not_found",
        `There is nothing to check in: the working copy "${workingCopy}" is gone or empty`,
        {
          subject: workingCopy,
          remedy:
            "Put the file back, or run `journal checkout` to take the journal as it was checked out.",
        },
      );
    }
    await this.#removeLock(lock, undefined);
    await this.#context.reached?.("lock_removed");
    await this.#remember({
      source: source.location,
      agreed: { workingMd5: null, journalMd5: null, at: now().toISOString() },
    });
    await this.#context.reached?.("check_in_remembered");
    return { outcome: "nothing", size: undefined };
  }

  /**
   * Makes the content the journal: create-only, or over what an earlier try of ours wrote.
   *
   * @returns the ETag of what this call wrote, where the store answered
   */
  async #writeJournal(
    content: Content,
    earlier: readonly ReturnedContent[],
  ): Promise<string | undefined> {
    const { source: { store, key, location }, workingCopy, signal } = this.#context;
    let failure: unknown;
    for (let n = 0; n < MAX_TRIES; n++) {
      signal?.throwIfAborted();
      const journal = await store.stat(key, { signal });
      const md5 = journal === undefined ? undefined : await this.#md5OfObject(journal);
      if (journal?.size === content.size && md5 === content.md5) return undefined;
      // What a run of ours wrote that died before it removed the lock is replaced; nothing else is.
      if (journal !== undefined && !earlier.some((each) => each.journalMd5 === md5)) {
        throw new ChorusError(
          "already_exists",
          `Can't check in: ${location} exists although it is checked out here, and it is not what was sent from here`,
          {
            subject: location,
            remedy:
              "Find out who put it there. If the working copy is the right one, move that journal away and check in again.",
          },
        );
      }
      if (failure !== undefined && !isConflict(failure)) throw failure;
      try {
        this.#context.emit({ kind: "stage", stage: "check-in", totalBytes: 2 * content.size });
        const { etag } = await uploadFile(store, returnPathOf(workingCopy), key, content, {
          onBytes: (bytes) => this.#progress(bytes),
          condition: journal === undefined ? { ifAbsent: true } : { ifMatch: journal.etag },
          metadata: { [CONTENT_MD5]: content.md5 },
          signal,
        });
        return etag;
      } catch (error) {
        // The answer may be lost: what is there now decides.
        signal?.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  /** Reads every byte of the journal again: the lock goes only for a proven one. */
  async #readBack(content: Content, written: string | undefined): Promise<ObjectInfo> {
    const { source: { store, key, location }, signal } = this.#context;
    const journal = await store.stat(key, { signal });
    if (journal === undefined) {
      throw new ChorusError("not_found", `${location} is gone right after it was written`, {
        subject: location,
        remedy: "Run `journal checkin` again; the lock still holds the journal.",
      });
    }
    const found = await contentOfObject(
      store,
      journal,
      signal,
      (bytes) => this.#progress(content.size + bytes),
    );
    if (found.size === content.size && found.md5 === content.md5) return journal;
    const ours = journal.etag === written;
    if (ours) await store.remove(key, { ifMatch: journal.etag, signal });
    throw new ChorusError(
      "digest_mismatch",
      `${location} holds ${found.size} bytes with MD5 ${found.md5} after ${content.size} bytes with MD5 ${content.md5} were sent` +
        (ours ? "; it was removed again" : ""),
      {
        subject: location,
        remedy: "Run `journal checkin` again; the lock still holds the journal.",
      },
    );
  }

  /** Removes the lock that we looked at, and no other. */
  async #removeLock(lock: Lock, journal: ObjectInfo | undefined): Promise<void> {
    const { source: { store, key, location }, formatTime, signal } = this.#context;
    let failure: unknown;
    try {
      await store.remove(lockKeyOf(key), { ifMatch: lock.etag, signal });
      return;
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
    const left = await readLock(store, key, signal);
    if (left === undefined) return;
    if (left.etag === lock.etag) throw failure;
    // Somebody unlocked and took it. From the journal that we wrote: then it is in good hands.
    if (journal !== undefined) {
      if (isTakenFrom(left, journal)) return;
      // Before that: our journal would stand in the way of the one they work on.
      await store.remove(key, { ifMatch: journal.etag, signal });
    }
    throw new ChorusError(
      "locked",
      `Can't check in: somebody unlocked ${location} meanwhile, and it is ${
        describeHolder(left, formatTime)
      }`,
      {
        subject: location,
        remedy:
          "The working copy is kept. When the journal is free, check it out: the working copy is then kept under a dated name.",
      },
    );
  }

  /** The lock is not ours: either an earlier check-in got that far, or it never was. */
  async #endedBefore(lock: Lock | undefined): Promise<CheckInResult> {
    const { source, workingCopy, formatTime, signal } = this.#context;
    const { checkOut, returned = [], agreed } = this.#state;
    if (!await hasSideFiles(workingCopy)) {
      const md5 = await workingCopyMd5(workingCopy, signal);
      const attempt = returned.find((each) => each.workingMd5 === md5);
      if (attempt !== undefined && await this.#arrived(attempt, lock)) {
        await this.#end(attempt);
        return { outcome: "checked_in", size: undefined };
      }
      if (lock === undefined && checkOut === undefined && agreed !== undefined) {
        if (agreed.workingMd5 === (md5 ?? null)) return { outcome: "already", size: undefined };
      }
    }
    if (lock === undefined) {
      throw new ChorusError(
        "not_checked_out",
        checkOut?.phase === "held"
          ? `Can't check in: somebody has unlocked ${source.location} since it was checked out here`
          : `Can't check in: ${source.location} is not checked out here`,
        {
          subject: source.location,
          remedy:
            "Run `journal checkout`: a working copy with other content is kept under a dated name.",
        },
      );
    }
    if (carriesOurId(this.#state, lock)) {
      throw new ChorusError(
        "not_checked_out",
        `Can't check in: the check-out of ${source.location} was interrupted`,
        {
          subject: source.location,
          remedy: "Run `journal checkout` again; it goes on from there.",
        },
      );
    }
    throw lockedError(source.location, lock, formatTime);
  }

  /** True when what an earlier check-in sent became the journal, or grew into the present one. */
  async #arrived(attempt: ReturnedContent, lock: Lock | undefined): Promise<boolean> {
    const { source: { store, key }, signal } = this.#context;
    const journal = await store.stat(key, { signal });
    if (journal !== undefined && await this.#md5OfObject(journal) === attempt.journalMd5) {
      if (lock === undefined || isTakenFrom(lock, journal)) return true;
      // It was written after somebody else took the journal, and stands in their way.
      await store.remove(key, { ifMatch: journal.etag, signal });
      return false;
    }
    const successor = journal ?? await store.stat(lockKeyOf(key), { signal });
    if (successor === undefined || successor.size === 0) return false;
    return await this.#md5OfObject(successor) === attempt.journalMd5 ||
      await contentContinuesHistory(this.#context, successor.key, successor.etag);
  }

  async #md5OfObject(object: ObjectInfo): Promise<string> {
    return md5Of(object) ??
      (await contentOfObject(this.#context.source.store, object, this.#context.signal)).md5;
  }

  async #end(attempt: ReturnedContent): Promise<void> {
    const { source, now } = this.#context;
    await this.#remember({
      source: source.location,
      agreed: { ...attempt, at: now().toISOString() },
    });
    await this.#context.reached?.("check_in_remembered");
  }

  #progress(bytes: number): void {
    this.#context.emit({ kind: "progress", stage: "check-in", files: 0, bytes });
  }

  async #remember(state: LocalState): Promise<void> {
    this.#state = state;
    await writeLocalState(this.#context.workingCopy, state);
  }
}

/** True when a lock was made from exactly this journal. */
function isTakenFrom(lock: Lock, journal: ObjectInfo): boolean {
  if (lock.id !== undefined) return lock.journalEtag === journal.etag;
  return lock.size === journal.size && lock.md5 !== undefined && lock.md5 === md5Of(journal);
}

function isConflict(error: unknown): boolean {
  return isChorusError(error, "already_exists") || isChorusError(error, "precondition_failed");
}
