/** The ways of signing in to Azure, and which of them a run uses. */

import type { TokenCredential } from "@azure/identity";
import { createHttpHeaders, type HttpClient } from "@azure/core-rest-pipeline";
import type { DriverOptions } from "../../src/storage/driver.ts";
import { AzureFailure, classify } from "./azure_error.ts";
import {
  exchange,
  keptSignIn,
  lineFailure,
  type LineLog,
  type PersonOptions,
  signInByDeviceCode,
  STORAGE_SCOPE,
} from "./device_code.ts";
import { TokenCacheFile, tokenCachePath } from "./token_cache.ts";
import type { AccessToken, TokenSource } from "./token_keeper.ts";
import type { Transport } from "./transport.ts";

/** What every way of signing in needs. */
export interface SignInContext
  extends Pick<DriverOptions, "auth" | "environment" | "notify" | "interactive" | "signal"> {
  transport: Transport;
}

/** The way that a run signs in. */
export interface ChosenLogin {
  source: TokenSource;
  /** The token that decided it: asking the Azure CLI again would cost another second. */
  first?: AccessToken;
  /** What may work after a pause. */
  others: TokenSource[];
}

/** How long the Azure CLI may think, milliseconds; on shared file systems its start alone takes seconds. */
const CLI_TIMEOUT_MS = 60_000;
/** How long this machine's metadata service may think, milliseconds; it is one hop away or absent. */
const METADATA_TIMEOUT_MS = 1_500;

/**
 * The first way that gives a token, in the order: a service principal in the
 * environment, `az login`, a managed identity, a kept sign-in of
 * `chorus-upload login`, and where a person sits at a terminal a new one.
 *
 * @throws AzureFailure `credentials` that names what each way lacks
 */
export async function chooseLogin(
  context: SignInContext,
): Promise<ChosenLogin> {
  const { signal } = context;
  if (hasServicePrincipal(context.environment)) {
    return { source: servicePrincipal(context), others: [] };
  }
  const kept = personOptions(context);
  const others = kept === undefined ? [] : [keptSignIn(kept)];
  const ways: TokenSource[] = [azureCli(context)];
  const refused: string[] = [];
  if (await hasManagedIdentity(context)) ways.push(managedIdentity(context));
  for (const source of [...ways, ...others]) {
    try {
      const first = await source.getToken({ fresh: false, signal });
      return { source, first, others: others.filter((other) => other !== source) };
    } catch (error) {
      signal?.throwIfAborted();
      const { kind, message } = classify(error);
      // A sign-in that is there but can't be checked now will be tried again
      // by the first request; one that is refused gives way to the next.
      if (kind !== "credentials") throw error;
      refused.push(`${source.name}: ${message}`);
    }
  }
  if (context.interactive && kept !== undefined) {
    await signInByDeviceCode(kept, (message) => context.notify?.(message), signal);
    return { source: keptSignIn(kept), others: [] };
  }
  throw new AzureFailure("credentials", `nobody is signed in to Azure (${refused.join("; ")})`, {
    remedy: "Run `chorus-upload login`, then the same command again.",
  });
}

/** What a person's sign-in needs; undefined when the environment names no folder to keep it in. */
export function personOptions(
  { auth, environment, transport }: Omit<SignInContext, "interactive" | "notify" | "signal">,
): PersonOptions | undefined {
  const path = tokenCachePath(environment);
  if (path === undefined) return undefined;
  return {
    transport,
    authorityHost: authorityHostOf(environment),
    tenantId: auth.azure_tenant_id,
    cache: new TokenCacheFile(path),
  };
}

/** True when the environment holds a service principal's whole sign-in. */
export function hasServicePrincipal(environment: DriverOptions["environment"]): boolean {
  return Boolean(
    environment.AZURE_CLIENT_ID && environment.AZURE_TENANT_ID &&
      (environment.AZURE_CLIENT_SECRET || environment.AZURE_CLIENT_CERTIFICATE_PATH ||
        environment.AZURE_FEDERATED_TOKEN_FILE),
  );
}

/** `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and a secret, a certificate or a federated token. */
export function servicePrincipal(context: SignInContext): TokenSource {
  const { environment, auth } = context;
  const {
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: secret,
    AZURE_CLIENT_CERTIFICATE_PATH: certificatePath,
    AZURE_FEDERATED_TOKEN_FILE: tokenFilePath,
  } = environment;
  const tenantId = environment.AZURE_TENANT_ID || auth.azure_tenant_id;
  if (!clientId || !tenantId || !(secret || certificatePath || tokenFilePath)) {
    throw new AzureFailure(
      "credentials",
      "the environment holds no service principal",
      {
        remedy:
          "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH).",
      },
    );
  }
  return identitySource("service principal", false, async (_, line) => {
    const options = identityOptions(context, line);
    const identity = await import("@azure/identity");
    if (secret) return new identity.ClientSecretCredential(tenantId, clientId, secret, options);
    if (certificatePath) {
      return new identity.ClientCertificateCredential(tenantId, clientId, {
        certificatePath,
        certificatePassword: environment.AZURE_CLIENT_CERTIFICATE_PASSWORD,
      }, options);
    }
    return new identity.WorkloadIdentityCredential({
      ...options,
      tenantId,
      clientId,
      tokenFilePath,
    });
  });
}

/** The account that `az login` left behind. */
export function azureCli({ auth }: SignInContext): TokenSource {
  return identitySource("az login", true, async (tenantId) => {
    const { AzureCliCredential } = await import("@azure/identity");
    return new AzureCliCredential({
      tenantId: auth.azure_tenant_id ?? tenantId,
      processTimeoutInMs: CLI_TIMEOUT_MS,
    });
  });
}

/** The identity of the Azure machine itself; `AZURE_CLIENT_ID` picks one of several. */
export function managedIdentity(context: SignInContext): TokenSource {
  const clientId = context.environment.AZURE_CLIENT_ID;
  return identitySource("managed identity", false, async (_, line) => {
    const { ManagedIdentityCredential } = await import("@azure/identity");
    return new ManagedIdentityCredential({
      ...identityOptions(context, line),
      ...(clientId && { clientId }),
      retryOptions: { maxRetries: 2 },
    });
  });
}

/**
 * True on an Azure machine. Google's machines have a metadata service at the
 * same address, which answers otherwise.
 *
 * @see https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
 */
export async function hasManagedIdentity(
  { environment, transport, signal }: Pick<SignInContext, "environment" | "transport" | "signal">,
): Promise<boolean> {
  if (environment.IDENTITY_ENDPOINT || environment.MSI_ENDPOINT) return true;
  const host = environment.AZURE_POD_IDENTITY_AUTHORITY_HOST || "http://169.254.169.254";
  const url = `${host.replace(/\/$/, "")}/metadata/instance/compute?api-version=2021-02-01`;
  const limit = AbortSignal.timeout(METADATA_TIMEOUT_MS);
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  try {
    const response = await transport.send({
      method: "GET",
      url,
      headers: { metadata: "true" },
      signal: stop,
    });
    const text = await transport.textOf(response, url, stop);
    return response.status === 200 && text.trimStart().startsWith("{");
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

function authorityHostOf(environment: DriverOptions["environment"]): string {
  return environment.AZURE_AUTHORITY_HOST || "https://login.microsoftonline.com";
}

function identityOptions({ environment, transport }: SignInContext, line: LineLog) {
  const authorityHost = authorityHostOf(environment);
  return {
    authorityHost,
    disableInstanceDiscovery: !authorityHost.includes("login.microsoftonline."),
    additionallyAllowedTenants: ["*"],
    httpClient: identityHttpClient(transport, line),
    retryOptions: { maxRetries: 0 },
  };
}

/** Requests of the identity library over our transport: same proxy, same certificates. */
function identityHttpClient(transport: Transport, line: LineLog): HttpClient {
  return {
    async sendRequest(request) {
      const body = typeof request.body === "string"
        ? new TextEncoder().encode(request.body)
        : undefined;
      const asked = request.headers.toJSON();
      // What is asked for compressed comes compressed, and nobody unpacks it.
      delete asked["accept-encoding"];
      line.error = undefined;
      const { response, text } = await exchange(transport, line, {
        method: request.method,
        url: request.url,
        headers: asked,
        body,
        signal: request.abortSignal as AbortSignal | undefined,
      });
      const headers = createHttpHeaders();
      for (const [name, value] of Object.entries(response.headers)) {
        headers.set(name, String(value));
      }
      return {
        request,
        status: response.status,
        headers,
        bodyAsText: text,
      };
    },
  };
}

/** A credential of the identity library as a source. A fresh token needs a fresh credential: each keeps its last one. */
function identitySource(
  name: string,
  personal: boolean,
  create: (tenantId: string | undefined, line: LineLog) => Promise<TokenCredential>,
): TokenSource {
  let kept: { credential: TokenCredential; tenantId: string | undefined } | undefined;
  const line: LineLog = {};
  return {
    name,
    personal,
    async getToken({ fresh, tenantId, signal }) {
      try {
        if (kept === undefined || fresh || kept.tenantId !== tenantId) {
          kept = { credential: await create(tenantId, line), tenantId };
        }
        const token = await kept.credential.getToken(STORAGE_SCOPE, {
          abortSignal: signal,
          ...(tenantId !== undefined && { tenantId }),
        });
        if (token === null) throw new Error("it gave no token");
        return { token: token.token, expiresMs: token.expiresOnTimestamp };
      } catch (error) {
        signal?.throwIfAborted();
        throw identityFailure(name, error, line);
      }
    },
  };
}

function identityFailure(name: string, error: unknown, line: LineLog): AzureFailure {
  if (error instanceof AzureFailure) return error;
  const failure = lineFailure(line, name, error);
  if (failure !== undefined) return failure;
  const message = plainMessage(error);
  return new AzureFailure("credentials", message, {
    remedy: "Run `chorus-upload login`, or check the sign-in that auth_mode names.",
    cause: error,
  });
}

/** The first line of an error; what the Azure CLI lacks in a few words. */
function plainMessage(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split(/\r?\n/);
  if (line.includes("Azure CLI could not be found")) return "the Azure CLI is not installed";
  if (line.includes("run 'az login' from a command prompt")) return "nobody has signed in";
  return line;
}
