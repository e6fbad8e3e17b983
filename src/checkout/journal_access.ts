/** Who may write to the working copy, and where a reading command finds the journal. */

import { basename, dirname, join } from "node:path";
import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import {
  type CheckoutContext,
  type CloudContext,
  isCloudContext,
  isLocalContext,
  locationOf,
} from "./checkout_context.ts";
import { carriesOurId, holdsForeignLock, isOurs, refuseOtherSource } from "./held_here.ts";
import { isInPlace, mayWriteLocal } from "./local_source.ts";
import { describeHolder, lockKeyOf, readLock } from "./lock.ts";
import { type LocalState, readLocalState } from "./local_state.ts";
import { fileSize } from "./replace_file.ts";
import { downloadObject } from "./stored_content.ts";
import { removeDatabase, scratchPathOf } from "./working_copy.ts";

/**
 * Lets a command that writes to the journal go on.
 *
 * @throws {ChorusError} `not_checked_out` unless the journal is checked out here with its working
 *   copy in place, or local and used in place
 */
export async function requireCheckedOut(context: CheckoutContext): Promise<void> {
  if (isLocalContext(context)) {
    if (!await mayWriteLocal(context)) {
      throw notCheckedOut(`The journal "${context.source.path}" is not checked out here`, context);
    }
    const held = (await readLocalState(context.workingCopy))?.checkOut;
    if (!isInPlace(context) && held?.sourceMd5) await requireWorkingCopy(context);
    return;
  }
  if (!isCloudContext(context)) throw new TypeError("unknown kind of journal source");
  const { source: { store, key, location }, workingCopy, formatTime, signal } = context;
  const state = await readLocalState(workingCopy);
  refuseOtherSource(state, context);
  const lock = await readLock(store, key, signal);
  if (lock === undefined) {
    throw notCheckedOut(
      state?.checkOut?.phase === "held"
        ? `The journal ${location} is no longer checked out here: somebody has unlocked it`
        : `The journal ${location} is not checked out here`,
      context,
    );
  }
  if (isOurs(state, lock)) {
    if (lock.size > 0) await requireWorkingCopy(context);
    return;
  }
  if (carriesOurId(state, lock)) {
    throw notCheckedOut(`The check-out of ${location} was interrupted`, context);
  }
  if (await holdsForeignLock(context, state, lock)) return;
  throw new ChorusError(
    "not_checked_out",
    `The journal ${location} is not checked out here; it is ${describeHolder(lock, formatTime)}`,
    {
      subject: location,
      remedy:
        "Wait until it is checked in there; if that will never happen, run `journal unlock`. Then run `journal checkout`.",
    },
  );
}

/**
 * A journal that is begun anew where a checked-out one was lost would take its
 * place at the check-in, and its history would be gone.
 */
async function requireWorkingCopy(context: CheckoutContext): Promise<void> {
  const { workingCopy } = context;
  if ((await fileSize(workingCopy) ?? 0) > 0) return;
  throw new ChorusError(
    "not_checked_out",
    `The working copy "${workingCopy}" of ${locationOf(context.source)} is gone or empty`,
    {
      subject: workingCopy,
      remedy:
        "Put the file back, or run `journal checkout` to take the journal as it was checked out.",
    },
  );
}

/** A journal file to read from; disposing removes it when it was downloaded. */
export interface ReadableJournal extends AsyncDisposable {
  /** A path to open with `openJournal`. */
  path: string;
  /**
   * `working_copy`: checked out here, or local and used in place. `journal`: what was last checked
   * in. `lock`: what it was before it was checked out elsewhere. `file`: named by the person.
   */
  from: "working_copy" | "journal" | "lock" | "file";
  /** Where it came from, for messages. */
  location: string;
  /** When its content was last written. */
  modified: Date | undefined;
  /** Of `lock`: who is working on a newer one, as the end of a sentence. */
  heldBy: string | undefined;
}

/**
 * Finds the journal for a command that only reads, and brings it here where needed.
 *
 * @param options.file any journal file, as `--journal` names it
 * @throws {ChorusError} `not_found` when there is no journal yet
 */
export async function locateJournal(
  context: CheckoutContext,
  options: { file?: string } = {},
): Promise<ReadableJournal> {
  if (options.file !== undefined) return await localFile("file", options.file);
  if (isCloudContext(context)) return await locateCloud(context);
  const { workingCopy } = context;
  if (isInPlace(context)) return await localFile("working_copy", workingCopy);
  const state = await readLocalState(workingCopy);
  const location = locationOf(context.source);
  const held = state?.checkOut?.phase === "held" && state.source === location;
  if (held && await fileSize(workingCopy) !== undefined) {
    return await localFile("working_copy", workingCopy);
  }
  return await localFile("journal", location);
}

async function locateCloud(context: CloudContext): Promise<ReadableJournal> {
  const { source: { store, key, location }, workingCopy, formatTime, signal } = context;
  const state = await readLocalState(workingCopy);
  const held = await heldHere(context, state);
  if (held && await fileSize(workingCopy) !== undefined) {
    return await localFile("working_copy", workingCopy);
  }
  // A check-out or check-in elsewhere may move it from one place to the other while we look.
  for (let n = 0; n < 3; n++) {
    for (const from of ["journal", "lock"] as const) {
      const objectKey = from === "journal" ? key : lockKeyOf(key);
      const object = await store.stat(objectKey, { signal });
      if (object === undefined || object.size === 0) continue;
      const lock = from === "lock" ? await readLock(store, key, signal) : undefined;
      const path = await scratchForReading(workingCopy);
      try {
        await downloadObject(store, object, path, {
          signal,
          onBytes: (bytes) =>
            context.emit({ kind: "progress", stage: "check-out", files: 0, bytes }),
        });
      } catch (error) {
        await removeScratch(path, workingCopy);
        if (isChorusError(error, "precondition_failed") || isChorusError(error, "not_found")) {
          continue;
        }
        throw error;
      }
      return {
        path,
        from,
        location: from === "journal" ? location : `${location}.locked`,
        modified: new Date(object.modifiedMs),
        heldBy: lock === undefined ? undefined : describeHolder(lock, formatTime),
        [Symbol.asyncDispose]: () => removeScratch(path, workingCopy),
      };
    }
  }
  const lock = await readLock(store, key, signal);
  const elsewhere = lock !== undefined && !held;
  throw new ChorusError(
    "not_found",
    `There is no journal at ${location} yet` +
      (elsewhere ? `; the first one is ${describeHolder(lock, formatTime)}` : ""),
    {
      subject: location,
      remedy: elsewhere
        ? "Wait until it is checked in there."
        : held
        ? "Run `journal update`."
        : "Run `journal checkout`, then `journal update`.",
    },
  );
}

/** Beside the working copy, as patients' ids are better kept there; else in the system's place. */
async function scratchForReading(workingCopy: string): Promise<string> {
  const path = scratchPathOf(workingCopy);
  try {
    await Deno.writeFile(path, new Uint8Array(0), { createNew: true, mode: 0o600 });
    return path;
  } catch (error) {
    const elsewhere = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied ||
      error instanceof Error && "code" in error && error.code === "EROFS";
    if (!elsewhere) throw error;
    return join(await Deno.makeTempDir({ prefix: "chorus-upload-" }), basename(workingCopy));
  }
}

async function removeScratch(path: string, workingCopy: string): Promise<void> {
  await removeDatabase(path);
  if (dirname(path) !== dirname(workingCopy)) await Deno.remove(dirname(path));
}

/** Whether the working copy is the newest journal there is; asked of the store where it answers. */
async function heldHere(context: CloudContext, state: LocalState | undefined): Promise<boolean> {
  const { source: { store, key, location }, signal, emit } = context;
  if (state !== undefined && state.source !== location && state.checkOut !== undefined) {
    return false;
  }
  try {
    const lock = await readLock(store, key, signal);
    return lock !== undefined &&
      (isOurs(state, lock) || await holdsForeignLock(context, state, lock));
  } catch (error) {
    signal?.throwIfAborted();
    if (state?.checkOut?.phase !== "held") throw error;
    emit({
      kind: "warning",
      message: `Can't ask whether the journal is still checked out here (${
        error instanceof Error ? error.message : String(error)
      }); the working copy is read`,
    });
    return true;
  }
}

async function localFile(
  from: ReadableJournal["from"],
  path: string,
): Promise<ReadableJournal> {
  let modified: Date | undefined;
  try {
    modified = (await Deno.stat(path)).mtime ?? undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ChorusError("not_found", `There is no journal at "${path}" yet`, {
      subject: path,
      remedy: from === "file"
        ? "Check the path given with --journal."
        : "Run `journal checkout`, then `journal update`.",
      cause: error,
    });
  }
  return {
    path,
    from,
    location: path,
    modified,
    heldBy: undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function notCheckedOut(message: string, context: CheckoutContext): ChorusError {
  return new ChorusError("not_checked_out", message, {
    subject: locationOf(context.source),
    remedy: "Run `journal checkout` first.",
  });
}
