/**
 * `journal checkout`: takes the lock of a cloud journal and brings its content
 * here. The steps, their conditions and what each crash leaves: docs/lock.md.
 */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { WriterLock } from "../journal/writer_lock.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import { bytesSource } from "../storage/store.ts";
import {
  type CheckoutContext,
  type CloudContext,
  isCloudContext,
  isLocalContext,
  requireMetadata,
} from "./checkout_context.ts";
import { carriesOurId, holdsForeignLock, refuseOtherSource } from "./held_here.ts";
import { checkOutLocal } from "./local_source.ts";
import {
  describeHolder,
  type Lock,
  lockedError,
  lockKeyOf,
  lockMetadata,
  md5Of,
  readLock,
} from "./lock.ts";
import {
  type CheckOutState,
  type LocalState,
  readLocalState,
  statePathOf,
  writeLocalState,
} from "./local_state.ts";
import { fileSize } from "./replace_file.ts";
import { type Content, contentOfObject, copyObject, downloadObject } from "./stored_content.ts";
import { damageOf, historyMarkOf } from "./whole_journal.ts";
import {
  downloadPathOf,
  installWorkingCopy,
  keepWorkingCopy,
  removeLeftovers,
} from "./working_copy.ts";

/** What a check-out did. */
export interface CheckOutResult {
  /**
   * `checked_out`: now held here. `already`: it was held here before, nothing was
   * touched. `in_place`: the journal is local and used where it is.
   */
  outcome: "checked_out" | "already" | "in_place";
  workingCopy: string;
  /** True when there is no journal yet: the next update makes it. */
  first: boolean;
  /** Where a working copy that differed was kept. */
  kept: string | undefined;
}

/** How often a journal that changes under our hands is tried again. */
const MAX_STARTS = 10;

/**
 * Checks the journal out.
 *
 * @throws {ChorusError} `locked` when somebody else holds it, or another process works on the
 *   working copy; `journal_damaged` when what was downloaded is not a whole database;
 *   `unsupported` when the store keeps no metadata; what the store throws
 */
export async function checkOut(context: CheckoutContext): Promise<CheckOutResult> {
  if (isLocalContext(context)) return await checkOutLocal(context);
  if (!isCloudContext(context)) throw new TypeError("unknown kind of journal source");
  requireMetadata(context.source);
  context.emit({ kind: "stage", stage: "check-out" });
  using _ = WriterLock.take(context.workingCopy);
  await removeLeftovers(context.workingCopy);
  try {
    return await new CloudCheckOut(context).run();
  } finally {
    await removeLeftovers(context.workingCopy);
  }
}

/** One run. Every method leaves the cloud in a state from which `run` finishes. */
class CloudCheckOut {
  readonly #context: CloudContext;
  #state: LocalState;

  constructor(context: CloudContext) {
    this.#context = context;
    this.#state = { source: context.source.location };
  }

  async run(): Promise<CheckOutResult> {
    const { source, workingCopy, formatTime, signal } = this.#context;
    const remembered = await readLocalState(workingCopy);
    refuseOtherSource(remembered, this.#context);
    if (remembered?.source === source.location) this.#state = remembered;

    let lock = await readLock(source.store, source.key, signal);
    if (lock !== undefined && !carriesOurId(this.#state, lock)) {
      if (await holdsForeignLock(this.#context, this.#state, lock)) {
        return this.#result("already", lock, undefined);
      }
      throw lockedError(source.location, lock, formatTime);
    }
    const held = lock !== undefined && this.#state.checkOut?.phase !== "taking";
    if (lock !== undefined && held) {
      if (lock.size === 0 || (await fileSize(workingCopy) ?? 0) > 0) {
        return this.#result("already", lock, undefined);
      }
      this.#context.emit({
        kind: "warning",
        message:
          `The working copy "${workingCopy}" is gone or empty; the journal as it was checked out takes its place`,
      });
    }
    for (let start = 0; start < MAX_STARTS; start++) {
      signal?.throwIfAborted();
      lock ??= await this.#take();
      const result = lock === undefined ? undefined : await this.#finish(lock);
      if (result !== undefined) return result;
      lock = undefined;
    }
    throw new ChorusError(
      "unavailable",
      `The journal ${source.location} changed ${MAX_STARTS} times while it was being checked out`,
      { subject: source.location, remedy: "Run `journal checkout` again." },
    );
  }

  /** Creates the lock; undefined when the journal changed meanwhile. */
  async #take(): Promise<Lock | undefined> {
    const { source, holder, formatTime, now, newLockId, signal } = this.#context;
    const { store, key, location } = source;
    const journal = await store.stat(key, { signal });
    if (journal === undefined) await this.#requireFirst();
    const since = now();
    // A try under way elsewhere may still land: with the same id it would be ours.
    const id = this.#state.checkOut?.phase === "taking" ? this.#state.checkOut.lockId : newLockId();
    await this.#remember({ lockId: id, phase: "taking", since: since.toISOString() });
    await this.#context.reached?.("id_remembered");
    const md5 = journal === undefined ? undefined : md5Of(journal);
    const metadata = lockMetadata({
      ...holder,
      id,
      since,
      journal: journal === undefined ? undefined : { etag: journal.etag, md5 },
    });
    let failure: unknown;
    try {
      if (journal === undefined) {
        await store.write(lockKeyOf(key), bytesSource(new Uint8Array(0)), {
          condition: { ifAbsent: true },
          metadata,
          signal,
        });
      } else {
        await copyObject(store, journal, lockKeyOf(key), {
          condition: { ifAbsent: true },
          metadata,
          temporary: downloadPathOf(this.#context.workingCopy),
          signal,
        });
      }
    } catch (error) {
      // The answer may be lost, or a retry may have met our own success: look.
      signal?.throwIfAborted();
      failure = error;
    }
    const lock = await readLock(store, key, signal);
    if (lock?.id === id) {
      await this.#context.reached?.("lock_created");
      return lock;
    }
    if (lock !== undefined) throw lockedError(location, lock, formatTime);
    if (failure === undefined || isConflict(failure)) return undefined;
    throw failure;
  }

  /** Refuses to begin an empty journal where there was one: everything would be hashed and sent again. */
  async #requireFirst(): Promise<void> {
    const { source: { store, key, location }, workingCopy, formatTime, signal } = this.#context;
    const { agreed } = this.#state;
    if (agreed === undefined || agreed.journalMd5 === null) return;
    // It may just be moving into somebody's lock, or out of it.
    const lock = await readLock(store, key, signal);
    if (lock !== undefined) throw lockedError(location, lock, formatTime);
    if (await store.stat(key, { signal }) !== undefined) return;
    throw new ChorusError(
      "not_found",
      `The journal ${location} is gone, and no lock holds it; it was there on ${
        formatTime?.(new Date(agreed.at)) ?? agreed.at
      }`,
      {
        subject: location,
        remedy:
          `Put it back, for example from the newest copy under a submission's version, or from "${workingCopy}" if that is whole. To begin a new journal instead, move "${
            statePathOf(workingCopy)
          }" away.`,
      },
    );
  }

  /** From our lock to a working copy; undefined when it has to begin anew. */
  async #finish(lock: Lock): Promise<CheckOutResult | undefined> {
    const { source, signal } = this.#context;
    const { store, key } = source;
    const journal = await store.stat(key, { signal });
    if (journal !== undefined && journal.etag !== lock.journalEtag) {
      await this.#giveBack(lock);
      return undefined;
    }
    const content = await this.#download(lock, journal);
    await this.#context.reached?.("content_verified");
    await this.#confirm(lock);
    await this.#context.reached?.("lock_confirmed");
    if (journal !== undefined && !await this.#removeJournal(journal)) {
      await this.#giveBack(lock);
      return undefined;
    }
    await this.#context.reached?.("journal_removed");
    return await this.#install(lock, content);
  }

  /** Brings the lock's content here and proves it; undefined for the lock of a first journal. */
  async #download(lock: Lock, journal: ObjectInfo | undefined): Promise<Content | undefined> {
    const { source: { store, key, location }, workingCopy, emit, signal } = this.#context;
    // A server-side copy may still be under way: nothing is known of it before it has its size.
    if (journal !== undefined && journal.size !== lock.size) throw this.#notCopied();
    if (lock.size === 0) return undefined;
    const path = downloadPathOf(workingCopy);
    const object = await store.stat(lockKeyOf(key), { signal });
    if (object?.etag !== lock.etag) return await this.#lost();
    emit({ kind: "stage", stage: "check-out", totalBytes: object.size });
    let content: Content;
    try {
      content = await downloadObject(store, object, path, {
        signal,
        onBytes: (bytes) => emit({ kind: "progress", stage: "check-out", files: 0, bytes }),
      });
    } catch (error) {
      if (isConflict(error)) return await this.#lost();
      throw error;
    }
    if (journal !== undefined) {
      const md5 = md5Of(journal) ?? (await contentOfObject(store, journal, signal)).md5;
      if (md5 !== content.md5) throw this.#notCopied();
    }
    const damage = damageOf(path);
    if (damage === undefined) return content;
    // Nobody can work on it; others need not wait for us to find that out.
    if (journal !== undefined) await this.#giveBack(lock);
    throw new ChorusError(
      "journal_damaged",
      `The journal ${location} is damaged: ${damage}`,
      {
        subject: location,
        remedy:
          "Put a whole one in its place: a copy lies under each submission's version in the central store, and dated ones beside the working copy.",
      },
    );
  }

  #notCopied(): ChorusError {
    const { location } = this.#context.source;
    return new ChorusError(
      "digest_mismatch",
      `Can't check out: the lock of ${location} does not hold the same as the journal; both are left as they are`,
      {
        subject: location,
        remedy: "Run `journal checkout` again; if it stays so, run `journal unlock` first.",
      },
    );
  }

  /** The predecessor locks without a condition: only a lock that still is ours is one. */
  async #confirm(lock: Lock): Promise<void> {
    const { store, key } = this.#context.source;
    const again = await readLock(store, key, this.#context.signal);
    if (again?.id !== lock.id || again?.etag !== lock.etag) await this.#lost();
  }

  async #lost(): Promise<never> {
    const { source, formatTime, signal } = this.#context;
    const lock = await readLock(source.store, source.key, signal);
    if (lock === undefined) {
      throw new ChorusError(
        "locked",
        `Somebody removed our lock of ${source.location} while it was being checked out`,
        { subject: source.location, remedy: "Run `journal checkout` again." },
      );
    }
    throw new ChorusError(
      "locked",
      `Somebody replaced our lock of ${source.location} while it was being checked out; it is ${
        describeHolder(lock, formatTime)
      }. Nothing was touched here`,
      { subject: source.location, remedy: "Wait until it is checked in there." },
    );
  }

  /** False when it is another journal by now. */
  async #removeJournal(journal: ObjectInfo): Promise<boolean> {
    const { source: { store, key }, signal } = this.#context;
    try {
      await store.remove(key, { ifMatch: journal.etag, signal });
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      const left = await store.stat(key, { signal });
      if (left === undefined) return true;
      if (left.etag !== journal.etag) return false;
      throw error;
    }
  }

  /** Removes our lock, beside a journal that is whole. */
  async #giveBack(lock: Lock): Promise<void> {
    const { source: { store, key, location }, formatTime, signal } = this.#context;
    try {
      await store.remove(lockKeyOf(key), { ifMatch: lock.etag, signal });
    } catch (error) {
      signal?.throwIfAborted();
      const left = await readLock(store, key, signal);
      if (left?.id === lock.id) throw error;
      if (left !== undefined) throw lockedError(location, left, formatTime);
    }
    await this.#context.reached?.("lock_given_back");
  }

  async #install(lock: Lock, content: Content | undefined): Promise<CheckOutResult> {
    const { workingCopy, now } = this.#context;
    const { returned = [], agreed, checkOut } = this.#state;
    const arrived = returned.filter((each) => each.journalMd5 === content?.md5);
    const kept = await keepWorkingCopy(this.#context, [
      content?.md5,
      agreed?.workingMd5,
      ...arrived.map((each) => each.workingMd5),
    ]);
    if (kept !== undefined) {
      this.#context.emit({
        kind: "notice",
        message:
          `"${workingCopy}" held another journal than the one last checked in from here; it is kept as "${kept}"`,
      });
    }
    await this.#context.reached?.("working_copy_kept");
    await installWorkingCopy(
      workingCopy,
      content === undefined ? undefined : downloadPathOf(workingCopy),
    );
    await this.#context.reached?.("working_copy_installed");
    if (checkOut === undefined) throw new TypeError("a lock without a remembered id");
    const md5 = content?.md5 ?? null;
    this.#state = {
      source: this.#state.source,
      agreed: { workingMd5: md5, journalMd5: md5, at: now().toISOString() },
    };
    const history = content && historyMarkOf(workingCopy);
    await this.#remember({ ...checkOut, phase: "held", history });
    await this.#context.reached?.("check_out_remembered");
    return this.#result("checked_out", lock, kept);
  }

  async #remember(checkOut: CheckOutState): Promise<void> {
    this.#state = { ...this.#state, checkOut };
    await writeLocalState(this.#context.workingCopy, this.#state);
  }

  #result(
    outcome: CheckOutResult["outcome"],
    lock: Lock,
    kept: string | undefined,
  ): CheckOutResult {
    return { outcome, workingCopy: this.#context.workingCopy, first: lock.size === 0, kept };
  }
}

/** True for answers that say: not as you thought. */
function isConflict(error: unknown): boolean {
  return isChorusError(error, "already_exists") ||
    isChorusError(error, "precondition_failed") ||
    isChorusError(error, "not_found");
}
