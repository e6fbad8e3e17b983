/** A blob's bytes. */

import type { ReadOptions } from "../../src/storage/driver.ts";
import { AzureFailure } from "./azure_error.ts";
import type { BlobService } from "./blob_service.ts";

/**
 * A blob, or a range of it, chunk by chunk. Ends only when every announced byte
 * has come.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/get-blob
 */
export async function* getBlob(
  service: BlobService,
  key: string,
  options: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const { offset = 0, length, ifMatch, signal } = options;
  const url = service.blobUrl(key);
  const headers: Record<string, string> = {};
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  if (length === 0) {
    // No range is empty; what the caller learns is that the blob is there.
    await service.run({ method: "HEAD", url, headers, signal });
    return;
  }
  const whole = offset === 0 && length === undefined;
  if (!whole) {
    headers.range = `bytes=${offset}-${length === undefined ? "" : offset + length - 1}`;
  }
  const response = await service.call({ method: "GET", url, headers, signal });
  const range = response.headers["content-range"];
  if (!whole && !(response.status === 206 && range?.startsWith(`bytes ${offset}-`))) {
    response.message.destroy();
    throw new AzureFailure("io", `the service answered another range (${range ?? "all"})`);
  }
  yield* service.transport.bodyOf(response, url, signal);
}
