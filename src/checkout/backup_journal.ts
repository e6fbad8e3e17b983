/** A copy of the journal beside the data of each submission. */

import { basename } from "node:path";
import { isCancellation } from "../errors/chorus_error.ts";
import { copyJournal } from "../journal/copy_journal.ts";
import { joinKey, joinLocation } from "../storage/location.ts";
import type { Store } from "../storage/store.ts";
import type { Emit } from "../workflows/workflow_event.ts";
import { CONTENT_MD5 } from "./lock.ts";
import { contentOfFile, uploadFile } from "./stored_content.ts";
import { removeDatabase, scratchPathOf } from "./working_copy.ts";

/** What a backup needs. */
export interface BackupOptions {
  /** The journal file of this machine, closed or open for reading. */
  journal: string;
  /** Open at the central path. */
  central: Store;
  /** The submissions that were uploaded to: each gets the copy. */
  versions: readonly string[];
  emit: Emit;
  signal?: AbortSignal;
}

/** The key of a submission's journal backup, below the central path. */
export function backupKeyOf(version: string, journal: string): string {
  return joinKey(version, basename(journal));
}

/**
 * Copies the journal to `<central>/<version>/<name of the journal file>`, over
 * the backup that an earlier upload made. A failure is a warning: the files are
 * there and marked, and the check-in brings the journal itself.
 *
 * @returns the versions whose backup was written
 */
export async function backUpJournal(options: BackupOptions): Promise<string[]> {
  const { journal, central, versions, emit, signal } = options;
  const temporary = scratchPathOf(journal);
  const done: string[] = [];
  try {
    await copyJournal(journal, temporary, { signal });
    const content = await contentOfFile(temporary, signal);
    for (const version of versions) {
      const key = backupKeyOf(version, journal);
      try {
        const there = await central.stat(key, { signal });
        await uploadFile(central, temporary, key, content, {
          condition: there === undefined ? { ifAbsent: true } : { ifMatch: there.etag },
          metadata: { [CONTENT_MD5]: content.md5 },
          signal,
        });
        done.push(version);
      } catch (error) {
        warn(error, joinLocation(central.location, key), options);
      }
    }
  } catch (error) {
    warn(error, central.location, options);
  } finally {
    await removeDatabase(temporary);
  }
  return done;

  function warn(error: unknown, where: string, { signal }: BackupOptions): void {
    signal?.throwIfAborted();
    if (isCancellation(error)) throw error;
    emit({
      kind: "warning",
      message: `The journal's backup at ${where} could not be written: ${
        error instanceof Error ? error.message : String(error)
      }`,
    });
  }
}
