/** What is at a central path already, and what that means for a transfer. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import { createMd5 } from "../hash/digest.ts";
import { toHex } from "../hash/hex.ts";
import type { ProofLevel } from "../journal/journal_row.ts";
import type { ObjectInfo } from "../storage/driver.ts";
import type { Store } from "../storage/store.ts";
import { judgeStoredMd5, readProof } from "./proof.ts";
import type { Transfer } from "./transfer.ts";

/** Asks the journal for the MD5s that invalidated rows of the transfer's path and version have. */
export type EarlierMd5s = (transfer: Transfer) => ReadonlySet<string>;

/** What {@linkcode lookAtCentralObject} needs to judge. */
export interface LookOptions {
  store: Store;
  earlierMd5s: EarlierMd5s;
  /**
   * A run whose objects sent in parts are not confirmed yet: their commit was
   * not answered. Their content is read, whatever their metadata say, and a wrong
   * one is removed.
   */
  unconfirmedStamp?: string;
  signal?: AbortSignal;
}

/** How often an object may change between two requests of one look. */
const MAX_LOOKS = 3;

/** What is at the central path (SPEC 6). */
export type CentralObject =
  | { kind: "none" }
  /** Size and MD5 are the journal's, proven; `sentBy` is the run's stamp where our metadata name it. */
  | { kind: "equal"; proof: ProofLevel; sentBy: string | undefined }
  /** Content of an earlier row: may be replaced while it is that object. */
  | { kind: "earlier"; etag: string }
  /** Not ours: never overwritten. */
  | { kind: "foreign" };

/**
 * Looks at the central path of a transfer.
 *
 * A stored MD5 counts where {@linkcode judgeStoredMd5} says that somebody has
 * looked; else the object is read and hashed, but only when it matters.
 *
 * @throws ChorusError what {@linkcode Store} throws
 */
export async function lookAtCentralObject(
  transfer: Transfer,
  options: LookOptions,
): Promise<CentralObject> {
  for (let look = 1;; look++) {
    try {
      return await lookOnce(transfer, options);
    } catch (error) {
      // Replaced or removed between two requests: what is there now?
      const moved = isChorusError(error, "precondition_failed") ||
        isChorusError(error, "not_found");
      if (!moved || look === MAX_LOOKS) throw error;
    }
  }
}

async function lookOnce(
  transfer: Transfer,
  { store, earlierMd5s, unconfirmedStamp, signal }: LookOptions,
): Promise<CentralObject> {
  const object = await store.stat(transfer.centralKey, { signal });
  if (object === undefined) return { kind: "none" };
  const own = readProof(object.metadata);
  const unconfirmed = own !== undefined && own.stamp === unconfirmedStamp &&
    own.level === "sender" && own.md5 === transfer.md5;
  const stored = judgeStoredMd5(object);
  let md5 = stored.kind === "proven" && !unconfirmed ? stored.md5 : undefined;
  let proof: ProofLevel = stored.kind === "proven" ? stored.level : "deep";
  if (object.size === transfer.size) {
    if (md5 === undefined) {
      md5 = await hashStored(store, object, signal);
      proof = "deep";
    }
    if (md5 === transfer.md5) {
      return { kind: "equal", proof, sentBy: own?.stamp };
    }
  }
  if (unconfirmed) {
    await store.remove(object.key, { ifMatch: object.etag, signal });
    return { kind: "none" };
  }
  const earlier = earlierMd5s(transfer);
  if (earlier.size === 0) return { kind: "foreign" };
  md5 ??= await hashStored(store, object, signal);
  return earlier.has(md5) ? { kind: "earlier", etag: object.etag } : { kind: "foreign" };
}

/** The failure for a central path that holds something else. */
export function notOurs(transfer: Transfer): ChorusError {
  return new ChorusError(
    "already_exists",
    `"${transfer.centralKey}" exists and is not ours: it holds other content than this file had in any row of version ${transfer.version}.`,
    {
      subject: transfer.path,
      remedy: "Find out who put it there; remove it, or submit under another version.",
    },
  );
}

/**
 * Downloads an object and hashes it.
 *
 * @param object as `stat` or `list` gave it; another one at that key is an error
 * @returns lower-case hex
 * @throws ChorusError `precondition_failed` when the object was replaced meanwhile
 */
export async function hashStored(
  store: Store,
  object: Pick<ObjectInfo, "key" | "etag" | "size">,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const md5 = createMd5();
  for await (const chunk of store.read(object.key, { object, signal })) {
    md5.update(chunk);
    onBytes?.(chunk.length);
  }
  return toHex(md5.digest());
}
