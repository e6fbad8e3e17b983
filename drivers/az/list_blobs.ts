/** Listing: pages of 5,000, each resumable. */

import { Buffer } from "node:buffer";
import type { ListEntry, ListOptions, ObjectInfo } from "../../src/storage/driver.ts";
import { TransportError } from "./azure_error.ts";
import type { BlobService } from "./blob_service.ts";
import { elements, insideOf, textOfElement, unescapeXml } from "./xml.ts";

/** The most that the service gives at once. */
const PAGE = 5000;

/**
 * Blobs below a prefix, in the service's order (by name).
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/list-blobs
 */
export async function* listBlobs(
  service: BlobService,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<ListEntry> {
  const full = service.endpoint.prefix + prefix;
  let query = `?restype=container&comp=list&maxresults=${PAGE}`;
  if (full !== "") query += `&prefix=${encodeURIComponent(full)}`;
  if (!options.recursive) query += "&delimiter=%2F";
  if (options.metadata) query += "&include=metadata";
  for (let marker = options.from;;) {
    const from = marker === undefined ? "" : `&marker=${encodeURIComponent(marker)}`;
    const url = service.containerUrl(query + from);
    const xml = await service.text({ method: "GET", url, signal: options.signal });
    if (!xml.trimEnd().endsWith("</EnumerationResults>")) {
      throw new TransportError("the listing was cut short", service.endpoint.accountUrl);
    }
    for (const { name, inside } of elements(insideOf(xml, "Blobs") ?? "", "Blob", "BlobPrefix")) {
      const key = nameOf(inside).slice(service.endpoint.prefix.length);
      if (name === "BlobPrefix") {
        yield { kind: "folder", key };
      } else if (!isFolderMark(inside)) {
        yield { kind: "object", object: objectOf(key, inside, options.metadata === true) };
      }
    }
    const next = textOfElement(xml, "NextMarker");
    if (next === undefined || next === "") return;
    marker = next;
    yield { kind: "mark", token: next };
  }
}

/** Names that XML can't hold come percent-encoded and marked so. */
function nameOf(blob: string): string {
  const encoded = /^\s*<Name Encoded="true">([^<]*)</.exec(blob)?.[1];
  if (encoded !== undefined) return decodeURIComponent(unescapeXml(encoded));
  return textOfElement(blob, "Name") ?? "";
}

/** Accounts with a hierarchical namespace list their folders too, as empty blobs. */
function isFolderMark(blob: string): boolean {
  return blob.includes("<ResourceType>directory</ResourceType>") ||
    /<hdi_isfolder>true<\/hdi_isfolder>/i.test(blob);
}

function objectOf(key: string, blob: string, withMetadata: boolean): ObjectInfo {
  const properties = insideOf(blob, "Properties") ?? "";
  const md5 = textOfElement(properties, "Content-MD5");
  return {
    key,
    size: Number(textOfElement(properties, "Content-Length")),
    etag: quoted(textOfElement(properties, "Etag") ?? ""),
    modifiedMs: Date.parse(textOfElement(properties, "Last-Modified") ?? ""),
    ...(md5 && { md5: md5FromBase64(md5) }),
    ...(withMetadata && { metadata: metadataOf(insideOf(blob, "Metadata") ?? "") }),
  };
}

/** Lists give ETags without the quotes that headers have. */
export function quoted(etag: string): string {
  return etag === "" || etag.startsWith('"') || etag.startsWith("W/") ? etag : `"${etag}"`;
}

/** 16 bytes from the service's Base64. */
export function md5FromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function metadataOf(xml: string): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [, name = "", value = ""] of xml.matchAll(/<([^\s/>]+)>([^<]*)<\/\1>/g)) {
    metadata[name.toLowerCase()] = unescapeXml(value);
  }
  return metadata;
}
