/**
 * The lock object of a cloud journal: `J.locked` beside `J`. Its content is the
 * journal that was checked out; who holds it stands in its metadata. A lock
 * without our id was written by the tool's predecessor.
 */

import { ChorusError } from "../errors/chorus_error.ts";
import { toHex } from "../hash/hex.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import type { Store } from "../storage/store.ts";

/** What the lock of a journal is called: the predecessor's name for it. */
export const LOCK_SUFFIX = ".locked";

/** Metadata keys of a lock; values are percent-encoded. */
const LOCK_ID = "chorus_lock_id";
const USER = "chorus_user";
const HOST = "chorus_host";
const SINCE = "chorus_since";
const JOURNAL_ETAG = "chorus_journal_etag";

const UNKNOWN = "unknown";

/** Metadata key on a journal, and on a lock: the MD5 of the content, lower-case hex. */
export const CONTENT_MD5 = "chorus_md5";

/** Who checks a journal out. */
export interface Holder {
  user: string;
  host: string;
}

/** What a lock object says. */
export interface Lock {
  etag: string;
  /** Bytes; 0 for the lock of a first journal. */
  size: number;
  /** Lower-case hex, when the store or the writer of the lock told it. */
  md5: string | undefined;
  /** When the lock object was written, by the store's clock. */
  written: Date;
  /** Absent: the predecessor's. */
  id: string | undefined;
  holder: Holder | undefined;
  /** By the clock of the holder's machine; for the predecessor's, when the object was written. */
  since: Date;
  /** ETag of the journal whose content this is; absent for a first journal. */
  journalEtag: string | undefined;
}

/** The key of the lock that belongs to a journal's key. */
export function lockKeyOf(journalKey: string): string {
  return journalKey + LOCK_SUFFIX;
}

/** MD5 of a stored object as lower-case hex: the service's, else the one its writer noted. */
export function md5Of(object: ObjectInfo): string | undefined {
  return object.md5 === undefined ? object.metadata?.[CONTENT_MD5] : toHex(object.md5);
}

/** What the metadata of a new lock say. */
export function lockMetadata(
  fields: Holder & {
    id: string;
    since: Date;
    journal: { etag: string; md5: string | undefined } | undefined;
  },
): Record<string, string> {
  return {
    [LOCK_ID]: encode(fields.id),
    [USER]: encode(fields.user),
    [HOST]: encode(fields.host),
    [SINCE]: fields.since.toISOString(),
    ...(fields.journal === undefined ? {} : { [JOURNAL_ETAG]: encode(fields.journal.etag) }),
    ...(fields.journal?.md5 === undefined ? {} : { [CONTENT_MD5]: fields.journal.md5 }),
  };
}

/** A lock object as the store describes it, read as a lock. */
export function parseLock(object: ObjectInfo): Lock {
  const text = (key: string) => {
    const value = object.metadata?.[key];
    return value === undefined ? undefined : decode(value);
  };
  const written = new Date(object.modifiedMs);
  const since = new Date(text(SINCE) ?? Number.NaN);
  const id = text(LOCK_ID);
  return {
    etag: object.etag,
    size: object.size,
    md5: md5Of(object),
    written,
    id,
    holder: id === undefined
      ? undefined
      : { user: text(USER) ?? UNKNOWN, host: text(HOST) ?? UNKNOWN },
    since: id === undefined || Number.isNaN(since.getTime()) ? written : since,
    journalEtag: text(JOURNAL_ETAG),
  };
}

/** The lock of a journal, or undefined when nobody holds it. */
export async function readLock(
  store: Store,
  journalKey: string,
  signal?: AbortSignal,
): Promise<Lock | undefined> {
  const object = await store.stat(lockKeyOf(journalKey), { signal });
  return object === undefined ? undefined : parseLock(object);
}

/**
 * Who holds a lock and since when, as the end of a sentence: `held by ada on host7 since …`.
 *
 * @param formatTime how the person is shown a time
 */
export function describeHolder(
  lock: Lock,
  formatTime: (time: Date) => string = (time) => time.toISOString(),
): string {
  const who = lock.holder === undefined
    ? "held by someone who uses the tool's predecessor (it doesn't say who)"
    : `held by ${lock.holder.user} on ${lock.holder.host}`;
  return `${who} since ${formatTime(lock.since)}`;
}

/** The error of everyone who finds the journal locked by somebody else; exit 3. */
export function lockedError(
  location: string,
  lock: Lock,
  formatTime?: (time: Date) => string,
): ChorusError {
  return new ChorusError(
    "locked",
    `The journal ${location} is checked out: ${describeHolder(lock, formatTime)}`,
    {
      subject: location,
      remedy: "Wait until it is checked in there; if that will never happen, run `journal unlock`.",
    },
  );
}

/** Visible ASCII, and never empty: not every service keeps an empty value. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()) || UNKNOWN;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
