/** Puts credentials on a request, and explains a refusal as far as the credentials tell. */

import type { Failure } from "../../src/storage/driver.ts";
import type { Operation } from "./azure_error.ts";
import type { Endpoint } from "./endpoint.ts";
import { explainRefusal } from "./sas_token.ts";
import type { TokenKeeper } from "./token_keeper.ts";

/** A request to be authorised; its headers are changed in place. */
export interface Authorizable {
  method: string;
  url: string;
  headers: Record<string, string>;
  signal?: AbortSignal;
}

/** One way of authorising requests. */
export interface Authorizer {
  /** Adds headers; the URL to send to. */
  authorize(request: Authorizable): string | Promise<string>;
  /**
   * After a 401: true when there are new credentials and the request may be
   * made once more.
   *
   * @param challenge `WWW-Authenticate`
   */
  renew?(
    refused: Authorizable,
    challenge: string | undefined,
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** Why the service refused, where the credentials tell more than it does. */
  explain(refusal: Refusal): Partial<Failure> | undefined;
}

/** An answer that is no success. */
export interface Refusal {
  status: number;
  code: string | undefined;
  /** The service's sentence. */
  said: string;
  operation: Operation;
}

/** The authorizer for an endpoint; `keeper` where it takes tokens. */
export async function authorizerFor(
  endpoint: Endpoint,
  keeper: TokenKeeper | undefined,
): Promise<Authorizer> {
  const { access, accountUrl } = endpoint;
  switch (access.mode) {
    case "key": {
      const { SharedKeySigner } = await import("./shared_key_signer.ts");
      const signer = SharedKeySigner.for(access.accountName, access.accountKey);
      return {
        authorize(request) {
          signer.sign(request);
          return request.url;
        },
        explain: ({ status, code, said }) =>
          status === 403 &&
            (code === "AuthenticationFailed" || /failed to authenticate/i.test(said))
            ? {
              kind: "credentials",
              message: `the account key is not the one of "${access.accountName}"`,
              remedy: "Check azure_account_key and azure_account_name, and this machine's clock.",
            }
            : undefined,
      };
    }
    case "sas":
      return {
        authorize: ({ url }) => `${url}${url.includes("?") ? "&" : "?"}${access.sas.query}`,
        explain: ({ status, operation }) =>
          status === 401 || status === 403
            ? explainRefusal(access.sas, operation, accountUrl, Date.now())
            : undefined,
      };
    case "anonymous":
      return {
        authorize: ({ url }) => url,
        explain: ({ status, code }) =>
          status === 401 || status === 403 || code === "ResourceNotFound" ||
            code === "PublicAccessNotPermitted"
            ? {
              kind: "permission",
              message: "the container is not open to everybody",
              remedy: "Give the auth section an auth_mode other than anonymous.",
            }
            : undefined,
      };
    case "token": {
      if (keeper === undefined) throw new TypeError("Tokens need a keeper");
      return {
        async authorize({ url, headers, signal }) {
          headers.authorization = `Bearer ${await keeper.token(signal)}`;
          return url;
        },
        renew: (refused, challenge, signal) =>
          keeper.renew(refused.headers.authorization?.slice("Bearer ".length), challenge, signal),
        explain: ({ status, code }) => keeper.explain(status, code),
      };
    }
  }
}
