/** Requests to one container: authorised, judged, and shared with the SDK. */

import type { ContainerClient } from "@azure/storage-blob";
import type { Authorizer } from "./authorizer.ts";
import {
  AzureFailure,
  type Operation,
  retryAfterMs,
  ServiceError,
  TransportError,
} from "./azure_error.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Body, HttpResponse, Transport } from "./transport.ts";
import { textOfElement } from "./xml.ts";

/** The version of the protocol that requests are written in. */
export const SERVICE_VERSION = "2024-11-04";

/** A request without credentials. Header names in lower case. */
export interface ServiceRequest {
  method: "GET" | "HEAD" | "PUT" | "DELETE";
  url: string;
  headers?: Record<string, string>;
  body?: Body;
  signal?: AbortSignal;
}

/** An error message is read up to here, characters. */
const MESSAGE_LENGTH = 300;

/**
 * One container, spoken to.
 *
 * Puts, lists, reads and look-ups are written here: through the SDK's clients a small
 * file costs 2.5 times the CPU (10,000 × 4 KB: 2.5 s against 1.0 s), and a page
 * of 5,000 listed blobs more than a second. Everything rarer goes through the
 * SDK ({@linkcode sdk}), whose requests end up in {@linkcode call} too, so that
 * sign-in, proxies, time limits and errors exist once.
 */
export class BlobService {
  readonly endpoint: Endpoint;
  readonly transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #containerUrl: string;
  #sdk: Promise<ContainerClient> | undefined;

  constructor(endpoint: Endpoint, authorizer: Authorizer, transport: Transport) {
    this.endpoint = endpoint;
    this.transport = transport;
    this.#authorizer = authorizer;
    this.#containerUrl = `${endpoint.accountUrl.href.replace(/\/$/, "")}/${endpoint.container}`;
  }

  /** The SDK's client for the container, on our transport; loaded when something rare is asked. */
  sdk(): Promise<ContainerClient> {
    return this.#sdk ??= import("./sdk_container.ts").then(({ sdkContainer }) =>
      sdkContainer(this)
    );
  }

  /** The container's address, with a query where given. */
  containerUrl(query = ""): string {
    return this.#containerUrl + query;
  }

  /** A blob's address, without credentials. */
  blobUrl(key: string, query = ""): string {
    const name = `${this.endpoint.prefix}${key}`;
    return `${this.#containerUrl}/${name.split("/").map(encodeSegment).join("/")}${query}`;
  }

  /** A blob's address with what a copy needs to read it. */
  async sourceUrl(key: string): Promise<string> {
    const url = this.blobUrl(key);
    // Within an account the right to read the source is the request's own,
    // except that a SAS must stand in the source's address as well.
    if (this.endpoint.access.mode !== "sas") return url;
    return await this.#authorizer.authorize({ method: "GET", url, headers: {} });
  }

  /**
   * Sends a request; anything but 2xx is an error, and so is a 2xx of something
   * else than Azure Blob. A refused sign-in is renewed once, and the request made
   * again where its body can be.
   *
   * @throws ServiceError, TransportError, AzureFailure, what the body's iterator threw
   */
  async call(request: ServiceRequest): Promise<HttpResponse> {
    const { method, body, signal } = request;
    for (let renewed = false;; renewed = true) {
      const headers: Record<string, string> = {
        "x-ms-version": SERVICE_VERSION,
        "x-ms-client-request-id": crypto.randomUUID(),
        "user-agent": "chorus-upload",
        ...request.headers,
      };
      const size = body instanceof Uint8Array ? body.byteLength : body?.size;
      if (size !== undefined) headers["content-length"] = String(size);
      const authorized = { method, url: request.url, headers, signal };
      const url = await this.#authorizer.authorize(authorized);
      const response = await this.transport.send({ ...request, url, headers });
      this.#requireOurs(response, headers["x-ms-client-request-id"]);
      if (response.status >= 200 && response.status < 300) {
        requireOwnAnswer(response);
        return response;
      }
      const error = await this.#refusal(request, response);
      if (response.status !== 401 || renewed || this.#authorizer.renew === undefined) throw error;
      const challenge = response.headers["www-authenticate"];
      if (!await this.#authorizer.renew(authorized, challenge, signal)) throw error;
      if (body !== undefined && !(body instanceof Uint8Array)) {
        throw new TransportError(
          "the sign-in ran out while the body was sent; it has been renewed",
          new URL(this.#containerUrl),
        );
      }
    }
  }

  /** {@linkcode call} where the answer has no body of interest. */
  async run(request: ServiceRequest): Promise<HttpResponse["headers"]> {
    const response = await this.call(request);
    response.message.resume();
    return response.headers;
  }

  /** {@linkcode call} where the answer is text. */
  async text(request: ServiceRequest): Promise<string> {
    const response = await this.call(request);
    return await this.transport.textOf(response, request.url, request.signal);
  }

  /**
   * The service repeats the id of the request in its answer. After an answer too
   * many, as a proxy in trouble sends it, every later answer on that connection
   * would be taken for that of the next request; a cache gives those of older ones.
   *
   * @see https://learn.microsoft.com/rest/api/storageservices/put-blob#response-headers
   */
  #requireOurs({ headers, message }: HttpResponse, id: string | undefined): void {
    const answered = headers["x-ms-client-request-id"];
    if (answered === undefined || answered === id) return;
    message.destroy();
    throw new TransportError("the answer to another request came", this.endpoint.accountUrl);
  }

  async #refusal(request: ServiceRequest, response: HttpResponse): Promise<ServiceError> {
    const { status, headers } = response;
    let text = "";
    if (request.method === "HEAD") {
      response.message.resume();
    } else {
      // The status is known; a message that doesn't arrive changes nothing.
      text = await this.transport.textOf(response, request.url, request.signal).catch(() => "");
      request.signal?.throwIfAborted();
    }
    const header = headers["x-ms-error-code"];
    const code = (typeof header === "string" ? header : undefined) ?? textOfElement(text, "Code");
    const said = textOfElement(text, "Message")?.split("\n")[0]?.trim();
    const detail = textOfElement(text, "AuthenticationErrorDetail");
    const parts = [code, said, detail?.includes("sign used") ? undefined : detail];
    const operation = operationOf(request);
    return new ServiceError(
      `the service answered ${status}${
        parts.filter((part) => part).map((part) => `, ${part}`).join("").slice(0, MESSAGE_LENGTH)
      }`,
      {
        status,
        code,
        operation,
        condition: conditionOf(request.headers),
        retryAfterMs: retryAfterMs(headers, Date.now()),
        explanation: this.#authorizer.explain({ status, code, said: said ?? "", operation }),
      },
    );
  }
}

/**
 * A proxy that shows its own page as a success must not be believed: nothing was
 * written, listed or removed. Every answer of the service itself has a number.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/put-blob#response-headers
 */
function requireOwnAnswer({ status, headers, message }: HttpResponse): void {
  if (headers["x-ms-request-id"] !== undefined) return;
  message.destroy();
  throw new AzureFailure(
    "unavailable",
    `something else than Azure Blob answered (${status}, ${headers["content-type"] ?? "no type"})`,
    { remedy: "Check azure_account_url and HTTPS_PROXY." },
  );
}

/** Percent-encodes what may not stand in a path, the characters that URLs treat specially included. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function conditionOf(
  headers: Record<string, string> | undefined,
): "if_absent" | "if_match" | undefined {
  if (headers?.["if-none-match"] === "*") return "if_absent";
  return headers?.["if-match"] === undefined ? undefined : "if_match";
}

function operationOf({ method, url, headers }: ServiceRequest): Operation {
  const query = new URL(url).searchParams;
  const comp = query.get("comp");
  switch (method) {
    case "HEAD":
      return "stat";
    case "DELETE":
      return "remove";
    case "GET":
      if (comp === "list") return query.get("maxresults") === "1" ? "probe" : "list";
      return "read";
    case "PUT":
      if (headers?.["x-ms-copy-source"] !== undefined) return "copy";
      if (comp === "block") return "put_block";
      return conditionOf(headers) === "if_absent" ? "create" : "overwrite";
  }
}
