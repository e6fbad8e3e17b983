/** Questions that check-out and check-in put to a journal file. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { historyMd5 } from "../journal/command_history.ts";
import type { Journal } from "../journal/journal.ts";
import { openJournal } from "../journal/open_journal.ts";

/**
 * What is wrong with a journal file, one clause, or undefined when it is whole.
 * An interrupted transaction is undone first.
 */
export function damageOf(path: string): string | undefined {
  try {
    return withJournal(path, (journal) => journal?.damage()[0]);
  } catch (error) {
    if (isChorusError(error, "journal_damaged")) return error.message;
    throw error;
  }
}

/**
 * Refuses a journal file that is not whole.
 *
 * @throws {ChorusError} `journal_damaged`
 */
export function requireWhole(path: string): void {
  const damage = damageOf(path);
  if (damage === undefined) return;
  throw new ChorusError("journal_damaged", `The journal "${path}" is damaged: ${damage}`, {
    subject: path,
    remedy:
      "Put a whole one in its place: a copy lies under each submission's version in the central store, and dated ones beside it.",
  });
}

/** The commands that a journal's history holds at a time. */
export interface HistoryMark {
  /** Their number. */
  commands: number;
  /** Over their records, lower-case hex. */
  md5: string;
}

/** The mark of a journal file's whole history; undefined when it holds none. */
export function historyMarkOf(path: string): HistoryMark | undefined {
  const history = withJournal(path, (journal) => journal?.history() ?? []);
  return history.length === 0 ? undefined : { commands: history.length, md5: historyMd5(history) };
}

/**
 * Refuses a working copy that does not stem from the journal that was checked
 * out: another site's, or one of before, put in its place by hand.
 *
 * @param mark of the journal when it was checked out
 * @throws {ChorusError} `journal_damaged`
 */
export function requireDescent(path: string, mark: HistoryMark | undefined): void {
  if (mark === undefined) return;
  const history = withJournal(path, (journal) => journal?.history() ?? []);
  if (historyMd5(history.slice(0, mark.commands)) === mark.md5) return;
  throw new ChorusError(
    "journal_damaged",
    `"${path}" is not the journal that was checked out: its command history does not begin with the ${mark.commands} commands of that one`,
    {
      subject: path,
      remedy:
        "Put the working copy back, or a backup of this check-out (below each submission's version in the central store); or give the check-out up with `journal unlock`.",
    },
  );
}

/** True when the command history of one journal file begins with all of the other's. */
export function historyBeginsWith(path: string, other: string): boolean {
  return withJournal(other, (begin) => {
    if (begin === undefined || begin.history().length === 0) return true;
    return withJournal(path, (journal) => journal?.historyBeginsWith(begin) ?? false);
  });
}

/** Opens a journal for reading; undefined stands for a file without any table. */
function withJournal<T>(path: string, ask: (journal: Journal | undefined) => T): T {
  let journal: Journal;
  try {
    journal = openJournal(path, { access: "read" });
  } catch (error) {
    if (isChorusError(error, "not_found")) return ask(undefined);
    throw error;
  }
  using opened = journal;
  return ask(opened);
}
