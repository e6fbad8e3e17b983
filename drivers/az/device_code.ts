/** Signing in by device code, and using what such a sign-in left behind. */

import {
  type Configuration,
  type INetworkModule,
  InteractionRequiredAuthError,
  LogLevel,
  PublicClientApplication,
} from "@azure/msal-node";
import { AzureFailure, classify, TransportError } from "./azure_error.ts";
import type { TokenCacheFile } from "./token_cache.ts";
import type { AccessToken, TokenSource } from "./token_keeper.ts";
import type { HttpRequest, HttpResponse, Transport } from "./transport.ts";

/** What a token must be good for. */
export const STORAGE_SCOPE = "https://storage.azure.com/.default";

/**
 * The public client of Microsoft's own developer tools, which the Azure
 * Identity library uses for device codes too: it is known in every tenant, so
 * that no site has to register an application.
 */
const CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/** What a person's sign-in needs. */
export interface PersonOptions {
  transport: Transport;
  /** `https://login.microsoftonline.com` unless the environment says otherwise. */
  authorityHost: string;
  tenantId?: string;
  cache: TokenCacheFile;
}

/** A person's sign-in. */
export interface Person {
  username: string;
  tenantId: string;
}

/**
 * Shows a code, and waits until the person has entered it on any device.
 *
 * @param show gets the sentence with address and code
 * @throws AzureFailure `credentials` when the code expires or is declined, or the sign-in can't be kept
 */
export async function signInByDeviceCode(
  options: PersonOptions,
  show: (message: string) => void,
  signal?: AbortSignal,
): Promise<Person> {
  const line: LineLog = {};
  const app = application(options, line, signal);
  const request = {
    scopes: [STORAGE_SCOPE],
    deviceCodeCallback: (response: { message: string }) => show(response.message),
    cancel: false,
  };
  const stop = () => {
    request.cancel = true;
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const result = await app.acquireTokenByDeviceCode(request);
    if (result === null || result.account === null) {
      throw new AzureFailure("credentials", "the sign-in gave no account");
    }
    if (options.cache.writeError !== undefined) {
      throw new AzureFailure("credentials", `the sign-in can't be kept in ${options.cache.path}`, {
        remedy: "Make the folder writable; XDG_CONFIG_HOME may name another one.",
        cause: options.cache.writeError,
      });
    }
    return { username: result.account.username, tenantId: result.tenantId };
  } catch (error) {
    signal?.throwIfAborted();
    throw personFailure(error, line);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Why the last request of a library failed; it replaces that by an error of its own. */
export interface LineLog {
  error?: unknown;
}

/** Uses the sign-in that `chorus-upload login` (or the dance at the start of a run) has kept. */
export function keptSignIn(options: PersonOptions): TokenSource {
  return {
    name: "chorus-upload login",
    personal: true,
    async getToken({ fresh, tenantId, signal }): Promise<AccessToken> {
      if (!await options.cache.exists()) {
        throw new AzureFailure("credentials", "nobody has signed in by `chorus-upload login`", {
          remedy: "Run `chorus-upload login`.",
        });
      }
      // A new application each time: it reads the cache file again.
      const line: LineLog = {};
      const app = application({ ...options, tenantId: options.tenantId ?? tenantId }, line, signal);
      try {
        const [account] = await app.getTokenCache().getAllAccounts();
        if (account === undefined) {
          throw new AzureFailure("credentials", "the kept sign-in names no account", {
            remedy: "Run `chorus-upload login`.",
          });
        }
        const result = await app.acquireTokenSilent({
          account,
          scopes: [STORAGE_SCOPE],
          authority: authorityOf({
            ...options,
            tenantId: options.tenantId ?? tenantId ?? account.tenantId,
          }),
          forceRefresh: fresh,
        });
        if (result === null) throw new AzureFailure("credentials", "the sign-in gave no token");
        return {
          token: result.accessToken,
          expiresMs: result.expiresOn?.getTime() ?? Date.now(),
        };
      } catch (error) {
        signal?.throwIfAborted();
        throw personFailure(error, line);
      }
    },
  };
}

function application(
  options: PersonOptions,
  line: LineLog,
  signal?: AbortSignal,
): PublicClientApplication {
  const configuration: Configuration = {
    auth: {
      clientId: CLIENT_ID,
      authority: authorityOf(options),
      // Only Microsoft's own hosts can be looked up.
      ...(!options.authorityHost.includes("login.microsoftonline.") && {
        knownAuthorities: [new URL(options.authorityHost).host],
      }),
    },
    cache: { cachePlugin: options.cache },
    system: {
      networkClient: networkClient(options.transport, line, signal),
      disableInternalRetries: true,
      loggerOptions: {
        loggerCallback: () => {},
        logLevel: LogLevel.Error,
        piiLoggingEnabled: false,
      },
    },
  };
  return new PublicClientApplication(configuration);
}

function authorityOf({ authorityHost, tenantId }: PersonOptions): string {
  return `${authorityHost.replace(/\/$/, "")}/${tenantId ?? "organizations"}`;
}

/** The library's requests over our transport: same proxy, same certificates, same time limits. */
function networkClient(
  transport: Transport,
  line: LineLog,
  signal?: AbortSignal,
): INetworkModule {
  const send = async <T>(
    method: string,
    url: string,
    options: { headers?: Record<string, string>; body?: string } | undefined,
  ) => {
    line.error = undefined;
    const { response, text } = await exchange(transport, line, {
      method,
      url,
      headers: { ...options?.headers },
      body: options?.body === undefined ? undefined : new TextEncoder().encode(options.body),
      signal,
    });
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      throw line.error = new TransportError(
        `the sign-in service answered ${response.status} with something that is no JSON`,
        new URL(url),
      );
    }
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value);
    return { headers, body: body as T, status: response.status };
  };
  return {
    sendGetRequestAsync: (url, options) => send("GET", url, options),
    sendPostRequestAsync: (url, options) => send("POST", url, options),
  };
}

/** One exchange with a sign-in service, its answer as text; an error of the line is noted. */
export async function exchange(
  transport: Transport,
  line: LineLog,
  request: HttpRequest,
): Promise<{ response: HttpResponse; text: string }> {
  try {
    const response = await transport.send(request);
    return { response, text: await transport.textOf(response, request.url, request.signal) };
  } catch (error) {
    if (!request.signal?.aborted) line.error = error;
    throw error;
  }
}

/** The failure of a way of signing in whose line failed, else undefined. */
export function lineFailure(line: LineLog, way: string, cause: unknown): AzureFailure | undefined {
  if (line.error === undefined) return undefined;
  const { kind, message = "", remedy } = classify(line.error);
  return new AzureFailure(kind, `no sign-in (${way}): ${message}`, { remedy, cause });
}

function personFailure(error: unknown, line: LineLog): AzureFailure {
  if (error instanceof AzureFailure) return error;
  const failure = lineFailure(line, "chorus-upload login", error);
  if (failure !== undefined) return failure;
  const message = error instanceof Error ? error.message.split(/\r?\n/)[0] : String(error);
  return new AzureFailure(
    "credentials",
    error instanceof InteractionRequiredAuthError
      ? `the kept sign-in is no longer good (${message})`
      : `the sign-in was refused (${message})`,
    { remedy: "Run `chorus-upload login`.", cause: error },
  );
}
