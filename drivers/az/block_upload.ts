/** A large blob in blocks: each verified by the service, all committed at once, the commit read back. */

import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import type {
  Condition,
  MultipartAbility,
  MultipartBeginOptions,
  MultipartUpload,
  PartInfo,
  WriteResult,
} from "../../src/storage/driver.ts";
import { AzureFailure, classify, ServiceError, TransportError } from "./azure_error.ts";
import { bareId, idBytes, PROOF_BYTES, proofId, readProofId, UNIQUE_BYTES } from "./block_id.ts";
import type { BlobService } from "./blob_service.ts";
import { getBlob } from "./get_blob.ts";
import { base64, conditionHeaders, etagOf, metadataHeaders } from "./put_blob.ts";
import { elements, textOfElement } from "./xml.ts";

/** @see https://learn.microsoft.com/azure/storage/blobs/scalability-targets */
export const MAX_BLOCK_BYTES = 4000 * 1024 * 1024;
export const MAX_BLOCKS = 50_000;

/** Uploads in blocks to one container. */
export function blockUploads(service: BlobService): MultipartAbility {
  return {
    minPartBytes: 1,
    maxPartBytes: MAX_BLOCK_BYTES,
    maxParts: MAX_BLOCKS,
    paces: true,
    async begin(key, options) {
      const left = await uncommittedBlocks(service, key, options.signal);
      return new BlockUpload(service, key, options, left);
    },
  };
}

class BlockUpload implements MultipartUpload {
  /** The service keeps everything that is needed, in the blocks' ids. */
  readonly token = "az";
  readonly held: ReadonlyMap<number, Uint8Array>;
  readonly #service: BlobService;
  readonly #key: string;
  readonly #options: MultipartBeginOptions;
  /** Bytes of every block id, before Base64. */
  readonly #idBytes: number;
  readonly #nonce = crypto.getRandomValues(new Uint8Array(PROOF_BYTES));
  readonly #ids: string[] = [];
  readonly #sizes: number[] = [];
  /** A commit whose answer was lost may have happened. */
  #inDoubt = false;
  /** The ETag that the service answered to our commit. */
  #committed: string | undefined;

  constructor(
    service: BlobService,
    key: string,
    options: MultipartBeginOptions,
    left: readonly PartInfo[],
  ) {
    this.#service = service;
    this.#key = key;
    this.#options = options;
    // Foreign blocks dictate the length of the ids beside them; when none of
    // ours fits, none of ours is there either.
    const first = left[0];
    this.#idBytes = first === undefined ? PROOF_BYTES : idBytes(first.id);
    const held = new Map<number, Uint8Array>();
    for (const { id, size } of left) {
      const proof = readProofId(id);
      if (proof === undefined || size !== this.#sizeOf(proof.index)) continue;
      held.set(proof.index, proof.md5);
      this.#ids[proof.index] = id;
      this.#sizes[proof.index] = size;
    }
    this.held = held;
  }

  async put(
    index: number,
    bytes: Uint8Array,
    md5: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void> {
    const id = this.#idFor(index, md5);
    const { pace } = this.#options;
    await this.#service.run({
      method: "PUT",
      url: this.#service.blobUrl(this.#key, `?comp=block&blockid=${encodeURIComponent(id)}`),
      headers: { "content-md5": base64(md5) },
      body: pace ? { chunks: pace(bytes, signal), size: bytes.byteLength } : bytes,
      signal,
    });
    this.#ids[index] = id;
    this.#sizes[index] = bytes.byteLength;
  }

  async commit(count: number, condition: Condition, signal?: AbortSignal): Promise<WriteResult> {
    const ids: string[] = [];
    for (let index = 0; index < count; index++) {
      const id = this.#ids[index];
      if (id === undefined) {
        throw new AzureFailure("io", `block ${index} of ${count} was never sent`);
      }
      ids.push(id);
    }
    this.#committed ??= await this.#putBlockList(ids, condition, signal);
    const etag = this.#committed;
    const { blocks, etag: readEtag } = await this.#committedBlocks(signal);
    if (readEtag !== etag) {
      throw new AzureFailure(
        "precondition_failed",
        "the blob was replaced by somebody else right after it was committed",
      );
    }
    const difference = this.#difference(ids, blocks);
    if (difference !== undefined) {
      throw new AzureFailure(
        "digest_mismatch",
        `the committed blocks are not those sent: ${difference}`,
      );
    }
    if (this.#idBytes < UNIQUE_BYTES) await this.#readBack(etag, signal);
    return { etag };
  }

  /** Uncommitted blocks can't be deleted; the service drops them after a week. */
  abort(): Promise<void> {
    return Promise.resolve();
  }

  /** Bytes of a block that an earlier run of the same upload left. */
  #sizeOf(index: number): number {
    const { size, partBytes } = this.#options;
    return Math.min(partBytes, size - index * partBytes);
  }

  #idFor(index: number, md5: Uint8Array): string {
    if (this.#idBytes >= PROOF_BYTES) return proofId(index, md5, this.#idBytes);
    const id = bareId(index, this.#nonce, this.#idBytes);
    if (id !== undefined) return id;
    throw new AzureFailure(
      "unsupported",
      "another program left blocks whose short ids leave no room for ours",
      { remedy: "Use larger blocks, or wait a week: then the service drops what was left." },
    );
  }

  /**
   * The one step that makes the blob visible.
   *
   * @see https://learn.microsoft.com/rest/api/storageservices/put-block-list
   */
  async #putBlockList(
    ids: readonly string[],
    condition: Condition,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { md5, metadata, contentType } = this.#options;
    const list = new TextEncoder().encode(
      `<?xml version="1.0" encoding="utf-8"?><BlockList>${
        ids.map((id) => `<Uncommitted>${id}</Uncommitted>`).join("")
      }</BlockList>`,
    );
    const headers: Record<string, string> = {
      "content-md5": createHash("md5").update(list).digest("base64"),
      "x-ms-blob-content-md5": base64(md5),
      ...conditionHeaders(condition),
      ...metadataHeaders(metadata),
    };
    if (contentType !== undefined) headers["x-ms-blob-content-type"] = contentType;
    try {
      const answer = await this.#service.run({
        method: "PUT",
        url: this.#service.blobUrl(this.#key, "?comp=blocklist"),
        headers,
        body: list,
        signal,
      });
      return etagOf(answer);
    } catch (error) {
      const refused = error instanceof ServiceError && error.status < 500;
      if (refused && this.#inDoubt) {
        const own = await this.#ownCommit(ids, signal);
        if (own !== undefined) return own;
      }
      if (!refused) this.#inDoubt = true;
      throw error;
    }
  }

  /** The ETag of the blob when it consists of exactly our blocks: an earlier commit did happen. */
  async #ownCommit(
    ids: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (this.#idBytes < UNIQUE_BYTES) return undefined;
    try {
      const { blocks, etag } = await this.#committedBlocks(signal);
      return this.#difference(ids, blocks) === undefined ? etag : undefined;
    } catch (error) {
      if (classify(error).kind === "not_found") return undefined;
      throw error;
    }
  }

  async #committedBlocks(
    signal: AbortSignal | undefined,
  ): Promise<{ blocks: PartInfo[]; etag: string }> {
    const { headers, blocks } = await blockList(this.#service, this.#key, "committed", signal);
    // Not every server that speaks the protocol sends the ETag with the list;
    // asked for afterwards, it proves the same.
    const url = this.#service.blobUrl(this.#key);
    const etag = headers.etag ?? etagOf(await this.#service.run({ method: "HEAD", url, signal }));
    return { blocks, etag };
  }

  #difference(ids: readonly string[], blocks: readonly PartInfo[]): string | undefined {
    if (blocks.length !== ids.length) return `${blocks.length} blocks instead of ${ids.length}`;
    const at = ids.findIndex((id, index) =>
      blocks[index]?.id !== id || blocks[index]?.size !== this.#sizes[index]
    );
    return at === -1 ? undefined : `block ${at} is another one`;
  }

  /**
   * Where ids are too short to be nobody else's, the list proves nothing about
   * the content; the bytes themselves do. A wrong blob is taken away again.
   */
  async #readBack(etag: string, signal: AbortSignal | undefined): Promise<void> {
    const hash = createHash("md5");
    const options = { ifMatch: etag, signal };
    for await (const chunk of getBlob(this.#service, this.#key, options)) hash.update(chunk);
    if (hash.digest().equals(Buffer.from(this.#options.md5))) return;
    await this.#service.run({
      method: "DELETE",
      url: this.#service.blobUrl(this.#key),
      headers: { "if-match": etag },
      signal,
    });
    throw new AzureFailure(
      "digest_mismatch",
      "another program sent blocks under the same ids; what was committed was not our file and has been removed",
    );
  }
}

async function uncommittedBlocks(
  service: BlobService,
  key: string,
  signal: AbortSignal | undefined,
): Promise<PartInfo[]> {
  try {
    return (await blockList(service, key, "uncommitted", signal)).blocks;
  } catch (error) {
    if (error instanceof ServiceError && error.code === "BlobNotFound") return [];
    throw error;
  }
}

/** @see https://learn.microsoft.com/rest/api/storageservices/get-block-list */
async function blockList(
  service: BlobService,
  key: string,
  type: "committed" | "uncommitted",
  signal: AbortSignal | undefined,
) {
  const url = service.blobUrl(key, `?comp=blocklist&blocklisttype=${type}`);
  const response = await service.call({ method: "GET", url, signal });
  const xml = await service.transport.textOf(response, url, signal);
  if (!xml.trimEnd().endsWith("</BlockList>") && !/<BlockList\s*\/>\s*$/.test(xml)) {
    throw new TransportError("the list of blocks was cut short", service.endpoint.accountUrl);
  }
  const blocks: PartInfo[] = [];
  for (const { inside } of elements(xml, "Block")) {
    blocks.push({
      id: textOfElement(inside, "Name") ?? "",
      size: Number(textOfElement(inside, "Size")),
    });
  }
  return { headers: response.headers, blocks };
}
