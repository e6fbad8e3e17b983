/** Whether what is checked out is checked out here: by our id, or by the predecessor on this machine. */

import { ChorusError } from "../errors/chorus_error.ts";
import { type CheckoutContext, type CloudContext, locationOf } from "./checkout_context.ts";
import { type Lock, lockKeyOf } from "./lock.ts";
import type { LocalState } from "./local_state.ts";
import { fileSize } from "./replace_file.ts";
import { downloadObject } from "./stored_content.ts";
import { historyBeginsWith } from "./whole_journal.ts";
import { hasSideFiles, removeDatabase, scratchPathOf, workingCopyMd5 } from "./working_copy.ts";

/**
 * Refuses a working copy that is checked out from somewhere else.
 *
 * @throws {ChorusError} `locked`
 */
export function refuseOtherSource(
  state: LocalState | undefined,
  { source, workingCopy }: CheckoutContext,
): void {
  const location = locationOf(source);
  if (state?.checkOut === undefined || state.source === location) return;
  throw new ChorusError(
    "locked",
    `The working copy "${workingCopy}" is checked out from ${state.source}, not from ${location}`,
    {
      subject: workingCopy,
      remedy:
        "Check it in there first, or set journal.local.path to another file for this journal.",
    },
  );
}

/** True when a lock carries the id of a check-out that began here; a lock without an id never does. */
export function carriesOurId(state: LocalState | undefined, lock: Lock): boolean {
  return lock.id !== undefined && lock.id === state?.checkOut?.lockId;
}

/** True when a lock carries the id of a check-out that was completed here. */
export function isOurs(state: LocalState | undefined, lock: Lock): boolean {
  return carriesOurId(state, lock) && state?.checkOut?.phase === "held";
}

/**
 * True when a lock without an id may be the predecessor's, taken on this very
 * machine before the site switched: no id is remembered here, and the command
 * history in the lock begins the working copy's. A working copy untouched since
 * our own check-in is not what the predecessor put there.
 */
export async function holdsForeignLock(
  context: CloudContext,
  state: LocalState | undefined,
  lock: Lock,
): Promise<boolean> {
  const { workingCopy, signal } = context;
  if (lock.id !== undefined || state?.checkOut !== undefined) return false;
  if (await fileSize(workingCopy) === undefined) return false;
  const md5 = await workingCopyMd5(workingCopy, signal);
  if (md5 === undefined && !await hasSideFiles(workingCopy)) return lock.size === 0;
  if (md5 !== undefined && md5 === state?.agreed?.workingMd5) return false;
  if (lock.size === 0) return true;
  return await contentBeginsHistory(context, lockKeyOf(context.source.key), lock.etag);
}

/**
 * True when the command history in a stored object begins that of the working copy.
 *
 * @param etag of the object that is meant; when it is another one by now, the answer is no
 */
export async function contentBeginsHistory(
  context: CloudContext,
  key: string,
  etag: string,
): Promise<boolean> {
  return await withDownload(
    context,
    key,
    etag,
    (path) => historyBeginsWith(context.workingCopy, path),
  );
}

/** True when the working copy's command history begins that in a stored object. */
export async function contentContinuesHistory(
  context: CloudContext,
  key: string,
  etag: string,
): Promise<boolean> {
  return await withDownload(
    context,
    key,
    etag,
    (path) => historyBeginsWith(path, context.workingCopy),
  );
}

async function withDownload(
  { source: { store }, workingCopy, signal }: CloudContext,
  key: string,
  etag: string,
  ask: (path: string) => boolean,
): Promise<boolean> {
  const object = await store.stat(key, { signal });
  if (object?.etag !== etag) return false;
  const path = scratchPathOf(workingCopy);
  try {
    await downloadObject(store, object, path, { signal });
    return ask(path);
  } finally {
    await removeDatabase(path);
  }
}
