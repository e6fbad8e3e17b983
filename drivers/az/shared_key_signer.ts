/** Signs requests with the account's key. */

import {
  StorageSharedKeyCredential,
  StorageSharedKeyCredentialPolicy,
  type WebResource,
} from "@azure/storage-blob";
import type { Authorizable } from "./authorizer.ts";

/** The SDK's own signature, as a function. */
export class SharedKeySigner extends StorageSharedKeyCredentialPolicy {
  static for(accountName: string, accountKey: string): SharedKeySigner {
    const last = { sendRequest: () => Promise.reject(new Error("signs only")) };
    const silent = { log: () => {}, shouldLog: () => false };
    return new SharedKeySigner(
      last,
      silent,
      new StorageSharedKeyCredential(accountName, accountKey),
    );
  }

  /** Adds the signature to the request's headers. */
  sign(request: Authorizable): void {
    const { headers } = request;
    // The few members of the SDK's request type that signing touches.
    const resource = {
      method: request.method,
      url: request.url,
      headers: {
        get: (name: string) => headers[name.toLowerCase()],
        set: (name: string, value: string | number) => {
          headers[name.toLowerCase()] = String(value);
        },
        headersArray: () => Object.entries(headers).map(([name, value]) => ({ name, value })),
      },
    };
    this.signRequest(resource as unknown as WebResource);
  }
}
