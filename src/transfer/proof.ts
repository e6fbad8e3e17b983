/**
 * What stands in the metadata of an object that we sent and proved, and what a
 * stored MD5 is worth with and without it.
 *
 * The metadata are written together with the content, in the request that makes
 * the object visible, and that request is only made (or only succeeds) when the
 * proof holds. A later write of other content by anybody replaces them.
 */

import { fromHex, toHex } from "../hash/hex.ts";
import type { ProofLevel } from "../journal/journal_row.ts";
import type { ObjectInfo } from "../storage/driver.ts";

/** The metadata keys; lower-case letters and underscore, which every service takes. */
const KEYS = {
  md5: "chorus_md5",
  size: "chorus_size",
  proof: "chorus_proof",
  version: "chorus_version",
  stamp: "chorus_stamp",
} as const;

/**
 * From this size on the predecessor put the journal's MD5 on the object without
 * looking at the content; below it the service computed the MD5. Bytes.
 */
export const UNCHECKED_FROM_BYTES = 32 * 1024 * 1024;

/** A proof as it stands in an object's metadata. */
export interface ObjectProof {
  /** MD5 of the content, lower-case hex. */
  md5: string;
  /** Bytes. */
  size: number;
  /**
   * `service`: the service checked the MD5 of the whole; `sender`: it checked
   * every part, and the sender the MD5 over all bytes sent.
   */
  level: ProofLevel;
  /** Submission version. */
  version: string;
  /** The run that sent it, `YYYYMMDDHHMMSS` UTC. */
  stamp: string;
}

/** The proof as metadata for a write. */
export function proofMetadata(
  proof: ObjectProof,
): Readonly<Record<string, string>> {
  return {
    [KEYS.md5]: proof.md5,
    [KEYS.size]: String(proof.size),
    [KEYS.proof]: proof.level,
    [KEYS.version]: proof.version,
    [KEYS.stamp]: proof.stamp,
  };
}

/** The proof in an object's metadata; undefined when there is none or it is not whole. */
export function readProof(
  metadata: Readonly<Record<string, string>> | undefined,
): ObjectProof | undefined {
  if (metadata === undefined) return undefined;
  const md5 = metadata[KEYS.md5];
  const size = metadata[KEYS.size];
  const level = metadata[KEYS.proof];
  if (md5 === undefined || !/^[0-9a-f]{32}$/.test(md5)) return undefined;
  if (size === undefined || !/^\d{1,16}$/.test(size)) return undefined;
  if (level !== "service" && level !== "sender") return undefined;
  return {
    md5,
    size: Number(size),
    level,
    version: metadata[KEYS.version] ?? "",
    stamp: metadata[KEYS.stamp] ?? "",
  };
}

/** What an object's stored MD5 says about its content. */
export type StoredMd5 =
  /** The content has this MD5, and `level` tells who looked. */
  | { kind: "proven"; md5: string; level: ProofLevel }
  /** The object carries this MD5, but nobody is known to have looked. */
  | { kind: "unproven"; md5: string }
  /** The object carries none. */
  | { kind: "absent" };

/**
 * What the MD5 that a store shows for an object is worth.
 *
 * | stored MD5 | our metadata | size | |
 * | --- | --- | --- | --- |
 * | none | | | absent |
 * | some | same MD5, same size | any | proven, as the metadata say |
 * | some | other MD5 or size | any | unproven: one of them was put there afterwards |
 * | some | none | < 32 MiB | proven by the service |
 * | some | none | ≥ 32 MiB | unproven |
 *
 * @param object as `stat` or `list` gave it, with its metadata
 */
export function judgeStoredMd5(
  object: Pick<ObjectInfo, "size" | "md5" | "metadata">,
): StoredMd5 {
  if (object.md5 === undefined) return { kind: "absent" };
  const md5 = toHex(object.md5);
  const proof = readProof(object.metadata);
  if (proof !== undefined) {
    return proof.md5 === md5 && proof.size === object.size
      ? { kind: "proven", md5, level: proof.level }
      : { kind: "unproven", md5 };
  }
  return object.size < UNCHECKED_FROM_BYTES
    ? { kind: "proven", md5, level: "service" }
    : { kind: "unproven", md5 };
}

/** 16 bytes of a lower-case hex MD5 of the journal. */
export function md5Bytes(hex: string): Uint8Array<ArrayBuffer> {
  return fromHex(hex);
}
