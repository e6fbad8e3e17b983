/**
 * One writer at a time on one journal file.
 *
 * SQLite's own locks are held only during a transaction; between two pages of
 * an update another process could slip in. So a writer holds an operating
 * system lock on an empty file beside the journal, `<journal>.writer`, as long
 * as it has the journal open. The lock is not on the journal itself: on NFS it
 * would collide with SQLite's locks, on Windows it would keep readers out. The
 * system drops it when the process ends, however it ends; the file itself means
 * nothing, and is removed on release. The Python predecessor doesn't know it;
 * against that one, `write_page.ts` looks whether the file was changed under us.
 */

import { ChorusError } from "../errors/chorus_error.ts";

/** Suffix of the lock file's name. */
export const WRITER_LOCK_SUFFIX = ".writer";

/** Paths locked by this process: some network mounts grant a process its own lock twice. */
const heldHere = new Set<string>();

/** A held lock; disposing it releases it. */
export class WriterLock implements Disposable {
  #file: Deno.FsFile | undefined;
  readonly #lockPath: string;

  private constructor(file: Deno.FsFile, lockPath: string) {
    this.#file = file;
    this.#lockPath = lockPath;
  }

  /**
   * Takes the lock, at once or not at all.
   *
   * @param journalPath the journal file, which need not exist yet
   * @throws ChorusError `locked` when another writer has it, `io` when the
   * folder can't be written
   */
  static take(journalPath: string): WriterLock {
    const lockPath = journalPath + WRITER_LOCK_SUFFIX;
    if (heldHere.has(lockPath)) throw lockedError(journalPath);
    for (;;) {
      const file = openLockFile(lockPath, journalPath);
      let taken = false;
      try {
        taken = file.tryLockSync(true);
      } catch (error) {
        file.close();
        throw new ChorusError(
          "io",
          `The file system of the journal "${journalPath}" does not support locks.`,
          {
            subject: journalPath,
            remedy: "Keep the working copy on a local disk (`journal.local.path`).",
            cause: error,
          },
        );
      }
      if (!taken) {
        file.close();
        throw lockedError(journalPath);
      }
      // The holder before us may have removed the file that we have just locked.
      if (isStillAt(file, lockPath)) {
        heldHere.add(lockPath);
        return new WriterLock(file, lockPath);
      }
      file.close();
    }
  }

  [Symbol.dispose](): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    heldHere.delete(this.#lockPath);
    // Windows keeps a removed file's name busy until the last handle is closed.
    if (Deno.build.os !== "windows") removeQuietly(this.#lockPath);
    file.close();
  }
}

function removeQuietly(lockPath: string): void {
  try {
    // Removed while still held, so that nobody else can have locked it meanwhile.
    Deno.removeSync(lockPath);
  } catch {
    // Left behind it is harmless.
  }
}

function openLockFile(lockPath: string, journalPath: string): Deno.FsFile {
  try {
    return Deno.openSync(lockPath, { create: true, write: true, read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof Deno.errors.NotFound) {
      throw new ChorusError(
        "io",
        `The folder of the journal "${journalPath}" does not exist.`,
        {
          subject: journalPath,
          remedy: "Create it, or correct `journal.local.path`.",
          cause: error,
        },
      );
    }
    throw new ChorusError(
      "io",
      `The folder of the journal "${journalPath}" can't be written.`,
      {
        subject: journalPath,
        remedy: "Make the file and its folder writable for this account.",
        cause: error,
      },
    );
  }
}

function isStillAt(file: Deno.FsFile, path: string): boolean {
  try {
    const held = file.statSync();
    const there = Deno.statSync(path);
    return held.ino === there.ino && held.dev === there.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function lockedError(journalPath: string): ChorusError {
  return new ChorusError(
    "locked",
    `Another chorus-upload is writing to the journal "${journalPath}".`,
    {
      subject: journalPath,
      remedy: "Wait until it is done, then run the command again.",
    },
  );
}
