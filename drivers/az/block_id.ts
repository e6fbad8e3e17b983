/**
 * Block ids. Azure forgets a block's checksum, but keeps its id: an id that
 * carries the block's MD5 lets a later run trust what an interrupted one sent.
 *
 * All uncommitted blocks of a blob must have ids of one length, at most 64
 * bytes before Base64, and blocks that somebody else left stay for a week. They
 * can't be deleted without making some blob visible, so an upload takes on the
 * length that it finds; committing drops them.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/put-block
 */

import { Buffer } from "node:buffer";

/** Begins the bytes of every id that carries a checksum. */
const MARK = Buffer.from("chu1");
const INDEX_AT = MARK.length;
const MD5_AT = INDEX_AT + 4;

/** Bytes of an id with a checksum, where nothing foreign asks for another length. */
export const PROOF_BYTES = MD5_AT + 16;

/** From this length on, an id that can't carry a checksum is still nobody else's. */
export const UNIQUE_BYTES = 8;

/** The id of a block that carries its MD5. `bytes` is the length before Base64, at least 24. */
export function proofId(index: number, md5: Uint8Array, bytes: number): string {
  const id = Buffer.alloc(bytes);
  MARK.copy(id);
  id.writeUInt32BE(index, INDEX_AT);
  id.set(md5, MD5_AT);
  return id.toString("base64");
}

/** The index and MD5 that an id carries, or undefined for a foreign one. */
export function readProofId(id: string): { index: number; md5: Uint8Array } | undefined {
  const bytes = Buffer.from(id, "base64");
  if (bytes.length < PROOF_BYTES || !bytes.subarray(0, MARK.length).equals(MARK)) {
    return undefined;
  }
  if (bytes.subarray(PROOF_BYTES).some((byte) => byte !== 0)) return undefined;
  return {
    index: bytes.readUInt32BE(INDEX_AT),
    md5: new Uint8Array(bytes.subarray(MD5_AT, PROOF_BYTES)),
  };
}

/**
 * The id of a block where foreign blocks leave no room for a checksum: the
 * index, and as much of `nonce` as fits.
 *
 * @param bytes length before Base64, below 24
 * @returns undefined when the index doesn't fit
 */
export function bareId(index: number, nonce: Uint8Array, bytes: number): string | undefined {
  const indexBytes = Math.min(bytes, 2);
  if (index >= 256 ** indexBytes) return undefined;
  const id = Buffer.alloc(bytes);
  id.writeUIntBE(index, 0, indexBytes);
  id.set(nonce.subarray(0, bytes - indexBytes), indexBytes);
  return id.toString("base64");
}

/** The length of an id before Base64. */
export function idBytes(id: string): number {
  return Buffer.from(id, "base64").length;
}
