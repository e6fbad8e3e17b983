/** What is known about a blob. */

import type { ObjectInfo } from "../../src/storage/driver.ts";
import { AzureFailure, ServiceError } from "./azure_error.ts";
import type { BlobService } from "./blob_service.ts";
import { md5FromBase64 } from "./list_blobs.ts";
import { etagOf } from "./put_blob.ts";
import type { HttpResponse } from "./transport.ts";

const METADATA = "x-ms-meta-";

/**
 * A blob's properties and metadata; undefined when the service looked and found none.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/get-blob-properties
 */
export async function headBlob(
  service: BlobService,
  key: string,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  let headers: HttpResponse["headers"];
  try {
    headers = await service.run({ method: "HEAD", url: service.blobUrl(key), signal });
  } catch (error) {
    // Only this answer means that the service looked and found nothing.
    if (error instanceof ServiceError && error.code === "BlobNotFound") return undefined;
    throw error;
  }
  const md5 = headers["content-md5"];
  return {
    key,
    size: sizeOf(headers),
    etag: etagOf(headers),
    modifiedMs: Date.parse(headers["last-modified"] ?? ""),
    ...(typeof md5 === "string" && md5 !== "" && { md5: md5FromBase64(md5) }),
    metadata: Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => name.startsWith(METADATA))
        .map(([name, value]) => [name.slice(METADATA.length), String(value)]),
    ),
  };
}

function sizeOf(headers: HttpResponse["headers"]): number {
  const length = headers["content-length"];
  if (length !== undefined && /^\d+$/.test(length)) return Number(length);
  throw new AzureFailure("io", "the service answered without a Content-Length");
}
