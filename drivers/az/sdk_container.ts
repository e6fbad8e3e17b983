/** The SDK on our transport, for the requests that are too rare to be written here. */

import {
  AnonymousCredential,
  ContainerClient,
  type HttpHeaders,
  type HttpOperationResponse,
  type IHttpClient,
  newPipeline,
} from "@azure/storage-blob";
import type { BlobService, ServiceRequest } from "./blob_service.ts";
import type { HttpResponse } from "./transport.ts";

/** The SDK's client for the service's container. Its requests carry no retries of their own. */
export function sdkContainer(service: BlobService): ContainerClient {
  return new ContainerClient(
    service.containerUrl(),
    newPipeline(new AnonymousCredential(), {
      httpClient: clientOf(service),
      retryOptions: { maxTries: 1 },
    }),
  );
}

/** Takes the SDK's requests to `call`, so that errors never reach the SDK. */
function clientOf(service: BlobService): IHttpClient {
  return {
    sendRequest: async (request) => {
      const headers: Record<string, string> = {};
      for (const { name, value } of request.headers.headersArray()) {
        headers[name.toLowerCase()] = value;
      }
      delete headers["content-length"];
      const body: unknown = request.body;
      const response = await service.call({
        method: request.method as ServiceRequest["method"],
        url: request.url,
        headers,
        body: typeof body === "string"
          ? new TextEncoder().encode(body)
          : body as Uint8Array | undefined,
        signal: request.abortSignal as AbortSignal | undefined,
      });
      let bodyAsText = "";
      if (request.method === "HEAD") response.message.resume();
      else bodyAsText = await service.transport.textOf(response, request.url);
      const answer: HttpOperationResponse = {
        request,
        status: response.status,
        headers: headersLike(request.headers, response.headers),
        bodyAsText,
      };
      return answer;
    },
  };
}

/** Answer headers in the SDK's own class, of which only requests give an instance. */
function headersLike(sample: HttpHeaders, received: HttpResponse["headers"]): HttpHeaders {
  const headers = sample.clone();
  for (const name of headers.headerNames()) headers.remove(name);
  for (const [name, value] of Object.entries(received)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return headers;
}
