/**
 * A journal whose source is a local path. The same path as the working copy's:
 * used in place. Another one: check-out copies it and remembers what it was;
 * check-in puts the working copy in its place only while it still is that.
 */

import { dirname, resolve } from "node:path";
import { ChorusError } from "../errors/chorus_error.ts";
import { copyJournal } from "../journal/copy_journal.ts";
import { WriterLock } from "../journal/writer_lock.ts";
import type { CheckInResult } from "./check_in.ts";
import type { CheckOutResult } from "./check_out.ts";
import { type CheckoutContext, type LocalContext, locationOf } from "./checkout_context.ts";
import { refuseOtherSource } from "./held_here.ts";
import { type LocalState, readLocalState, writeLocalState } from "./local_state.ts";
import { fileSize, removeIfPresent, renameSynced } from "./replace_file.ts";
import { contentOfFile } from "./stored_content.ts";
import { historyBeginsWith, historyMarkOf, requireDescent, requireWhole } from "./whole_journal.ts";
import {
  downloadPathOf,
  hasSideFiles,
  installWorkingCopy,
  keepWorkingCopy,
  removeLeftovers,
  returnPathOf,
  workingCopyMd5,
} from "./working_copy.ts";

/** How often a source that is being written while we copy it is copied again. */
const MAX_COPIES = 5;

/** True when the journal is worked on where it is. */
export function isInPlace({ source, workingCopy }: CheckoutContext): boolean {
  return source.kind === "local" && samePath(source.path, workingCopy);
}

/** Check-out of a local journal; see {@linkcode checkOut}. */
export async function checkOutLocal(context: LocalContext): Promise<CheckOutResult> {
  const { source, workingCopy, now, newLockId, emit, signal } = context;
  const { path } = source;
  if (isInPlace(context)) {
    return {
      outcome: "in_place",
      workingCopy,
      first: isEmpty(await fileSize(path)),
      kept: undefined,
    };
  }
  emit({ kind: "stage", stage: "check-out" });
  using _ = WriterLock.take(workingCopy);
  await removeLeftovers(workingCopy);
  const state = await readLocalState(workingCopy);
  refuseOtherSource(state, context);
  const first = isEmpty(await fileSize(path));
  const gone = isEmpty(await fileSize(workingCopy));
  if (state?.checkOut?.phase === "held" && (first || !gone)) {
    return { outcome: "already", workingCopy, first, kept: undefined };
  }
  if (first) await requireFolder(path);
  try {
    const sourceMd5 = first ? null : await copyUnchanged(path, downloadPathOf(workingCopy), signal);
    if (!first) requireWhole(downloadPathOf(workingCopy));
    await context.reached?.("content_verified");
    const content = first ? undefined : await contentOfFile(downloadPathOf(workingCopy), signal);
    const agreed = state?.source === locationOf(source) ? state.agreed?.workingMd5 : undefined;
    const kept = await keepWorkingCopy(context, [content?.md5, agreed]);
    await context.reached?.("working_copy_kept");
    await installWorkingCopy(workingCopy, first ? undefined : downloadPathOf(workingCopy));
    await context.reached?.("working_copy_installed");
    const at = now().toISOString();
    const workingMd5 = content?.md5 ?? null;
    const history = content && historyMarkOf(workingCopy);
    await writeLocalState(workingCopy, {
      source: locationOf(source),
      checkOut: { lockId: newLockId(), phase: "held", since: at, sourceMd5, history },
      agreed: { workingMd5, journalMd5: sourceMd5, at },
    });
    await context.reached?.("check_out_remembered");
    return { outcome: "checked_out", workingCopy, first, kept };
  } finally {
    await removeLeftovers(workingCopy);
  }
}

/** Check-in of a local journal; see {@linkcode checkIn}. */
export async function checkInLocal(context: LocalContext): Promise<CheckInResult> {
  const { source, workingCopy, emit, signal } = context;
  // A link stays a link: what it leads to is replaced.
  const path = realPath(source.path);
  if (isInPlace(context)) return { outcome: "in_place", size: undefined };
  emit({ kind: "stage", stage: "check-in" });
  using _working = WriterLock.take(workingCopy);
  using _source = WriterLock.take(path);
  await removeLeftovers(workingCopy);
  const state = await readLocalState(workingCopy);
  refuseOtherSource(state, context);
  const sourceMd5 = await quietMd5(path, signal);
  const checkOut = state?.source === locationOf(source) ? state.checkOut : undefined;
  if (checkOut === undefined && !await isPredecessors(context, state)) {
    return await endedBefore(context, state, sourceMd5);
  }
  if (isEmpty(await fileSize(workingCopy)) && !await hasSideFiles(workingCopy)) {
    return await returnNothing(context, sourceMd5);
  }
  const temporary = returnPathOf(path);
  try {
    requireWhole(workingCopy);
    requireDescent(workingCopy, checkOut?.history);
    await copyJournal(workingCopy, temporary, { overwrite: true, signal });
    const content = await contentOfFile(temporary, signal);
    const { md5: workingMd5 } = await contentOfFile(workingCopy, signal);
    await context.reached?.("return_prepared");
    const earlier = state?.returned ?? [];
    const unchanged = checkOut === undefined || sourceMd5 === (checkOut.sourceMd5 ?? null) ||
      earlier.some((each) => each.journalMd5 === sourceMd5);
    if (!unchanged) throw changedError(path);
    const attempt = { journalMd5: content.md5, workingMd5 };
    await writeLocalState(workingCopy, {
      ...(state ?? { source: locationOf(source) }),
      returned: [...earlier, attempt],
    });
    await context.reached?.("return_remembered");
    // Copying took its time, and what lies beside the source would be played into the new one.
    if (await quietMd5(path, signal) !== sourceMd5) throw changedError(path);
    await renameSynced(temporary, path);
    await context.reached?.("journal_written");
    await writeLocalState(workingCopy, {
      source: locationOf(source),
      agreed: { ...attempt, at: context.now().toISOString() },
    });
    await context.reached?.("check_in_remembered");
    return { outcome: "checked_in", size: content.size };
  } finally {
    await removeIfPresent(temporary);
  }
}

/** True when this machine may write to its working copy of a local journal. */
export async function mayWriteLocal(context: LocalContext): Promise<boolean> {
  if (isInPlace(context)) return true;
  const state = await readLocalState(context.workingCopy);
  refuseOtherSource(state, context);
  if (state?.checkOut !== undefined) return state.checkOut.phase === "held";
  return await isPredecessors(context, state);
}

/** A working copy that the predecessor took from the source, before the site switched. */
async function isPredecessors(
  { source, workingCopy, signal }: LocalContext,
  state: LocalState | undefined,
): Promise<boolean> {
  if (state?.checkOut !== undefined || isEmpty(await fileSize(workingCopy))) return false;
  if (await workingCopyMd5(workingCopy, signal) === state?.agreed?.workingMd5) return false;
  if (isEmpty(await fileSize(source.path))) return true;
  return historyBeginsWith(workingCopy, source.path);
}

async function endedBefore(
  { source, workingCopy, signal }: LocalContext,
  state: LocalState | undefined,
  sourceMd5: string | null,
): Promise<CheckInResult> {
  const agreed = state?.source === locationOf(source) ? state.agreed : undefined;
  const md5 = await workingCopyMd5(workingCopy, signal) ?? null;
  if (agreed !== undefined && agreed.workingMd5 === md5 && agreed.journalMd5 === sourceMd5) {
    return { outcome: "already", size: undefined };
  }
  throw new ChorusError(
    "not_checked_out",
    `Can't check in: "${source.path}" is not checked out here`,
    {
      subject: source.path,
      remedy:
        "Run `journal checkout`: a working copy with other content is kept under a dated name.",
    },
  );
}

async function returnNothing(
  { source, workingCopy, now, reached }: LocalContext,
  sourceMd5: string | null,
): Promise<CheckInResult> {
  if (sourceMd5 !== null) {
    throw new ChorusError(
      "not_found",
      `There is nothing to check in: the working copy "${workingCopy}" is gone or empty`,
      {
        subject: workingCopy,
        remedy: "Put the file back, or run `journal checkout` to take the journal again.",
      },
    );
  }
  await writeLocalState(workingCopy, {
    source: locationOf(source),
    agreed: { workingMd5: null, journalMd5: null, at: now().toISOString() },
  });
  await reached?.("check_in_remembered");
  return { outcome: "nothing", size: undefined };
}

/**
 * Copies a journal that others may be writing to.
 *
 * @returns the MD5 of the file that was copied, the same before and after
 */
async function copyUnchanged(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  for (let n = 0; n < MAX_COPIES; n++) {
    const before = await quietMd5(from, signal);
    await copyJournal(from, to, { overwrite: true, signal });
    const after = await quietMd5(from, signal);
    if (before !== null && before === after) return after;
  }
  throw new ChorusError("locked", `"${from}" is being written to while it is copied`, {
    subject: from,
    remedy: "Wait until the other program has ended.",
  });
}

/** MD5 of a journal without unfinished work beside it; null when there is none. */
async function quietMd5(path: string, signal?: AbortSignal): Promise<string | null> {
  if (isEmpty(await fileSize(path))) return null;
  // Opening it undoes what an interrupted writer left, and fails while one is at work.
  if (await hasSideFiles(path)) requireWhole(path);
  return (await contentOfFile(path, signal)).md5;
}

function changedError(path: string): ChorusError {
  return new ChorusError(
    "locked",
    `Can't check in: "${path}" was changed since it was checked out here`,
    {
      subject: path,
      remedy:
        "Check out again: the working copy is then kept under a dated name, and `journal update` finds the files again.",
    },
  );
}

function isEmpty(size: number | undefined): boolean {
  return size === undefined || size === 0;
}

/** The same file, also when one of the paths goes through a link. */
function samePath(one: string, other: string): boolean {
  return realPath(one) === realPath(other);
}

/** The path without links, where it leads to something. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return resolve(path);
  }
}

/**
 * Refuses a first journal for a folder that is not there: the check-in could
 * not put it there, after all the work was done.
 */
async function requireFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    if ((await Deno.stat(folder)).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new ChorusError("not_found", `The journal's folder "${folder}" is not there`, {
    subject: path,
    remedy: "Mount or make it, or correct journal.source.path.",
  });
}
