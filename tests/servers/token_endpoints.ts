/**
 * Loopback stand-ins for what signs people and machines in: the Entra token and
 * device-code endpoints (https), a machine's metadata service (http), and a stub
 * of the Azure CLI. There is no other server to be had that speaks these; what
 * they answer follows Microsoft's documentation.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */

import { Buffer } from "node:buffer";
import { join } from "node:path";

/** The tenant of the stand-ins. */
export const TENANT = "11111111-2222-3333-4444-555555555555";

/** An unsigned token such as Azurite's `--oauth basic` accepts, good for `seconds` from now. */
export function storageToken(seconds = 3600, who = "somebody"): string {
  const now = Math.floor(Date.now() / 1000);
  return jwt({
    aud: "https://storage.azure.com",
    iss: `https://sts.windows.net/${TENANT}/`,
    iat: now - 10,
    nbf: now - 10,
    exp: now + seconds,
    oid: who,
    tid: TENANT,
    // Two tokens made in one second differ all the same.
    uti: crypto.randomUUID(),
  });
}

function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.${
    Buffer.from("x").toString("base64url")
  }`;
}

/** What the sign-in service does next; tests change it while it runs. */
export interface SignInService extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`: what `AZURE_AUTHORITY_HOST` names. */
  origin: string;
  /** Seconds that the next access tokens are good for. */
  tokenSeconds: number;
  /** Refresh tokens are refused: somebody must sign in again. */
  refreshRefused: boolean;
  /** The secret that a service principal must show. */
  secret: string;
  /** True: the person has entered the code. */
  codeEntered: boolean;
  /** `grant_type` of every token request, in order, with the tenant it was made to. */
  grants: { grant: string; tenant: string }[];
}

/** Starts the sign-in service over https. */
export async function signInService(
  tls: { cert: string; key: string },
): Promise<SignInService> {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: await Deno.readTextFile(tls.cert),
    key: await Deno.readTextFile(tls.key),
    onListen: () => {},
  }, async (request) => await answer(new URL(request.url), request));
  const service: SignInService = {
    origin: `https://127.0.0.1:${server.addr.port}`,
    tokenSeconds: 3600,
    refreshRefused: false,
    secret: "right",
    codeEntered: true,
    grants: [],
    [Symbol.asyncDispose]: () => server.shutdown(),
  };

  async function answer(url: URL, request: Request): Promise<Response> {
    const [, tenant = "", ...rest] = url.pathname.split("/");
    const path = rest.join("/");
    const base = `${service.origin}/${tenant}`;
    if (path.endsWith(".well-known/openid-configuration")) {
      return Response.json({
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      });
    }
    const form = new URLSearchParams(await request.text());
    if (path === "oauth2/v2.0/devicecode") {
      return Response.json({
        user_code: "ABCD1234",
        device_code: "device",
        verification_uri: "https://microsoft.com/devicelogin",
        expires_in: 900,
        interval: 1,
        message:
          "To sign in, use a web browser to open the page https://microsoft.com/devicelogin and enter the code ABCD1234 to authenticate.",
      });
    }
    if (path !== "oauth2/v2.0/token") return new Response("not here", { status: 404 });
    const grant = form.get("grant_type") ?? "";
    service.grants.push({ grant, tenant });
    const refuse = (error: string, text: string) =>
      Response.json({ error, error_description: text, error_codes: [] }, { status: 400 });
    if (grant === "client_credentials" && form.get("client_secret") !== service.secret) {
      return refuse("invalid_client", "AADSTS7000215: Invalid client secret provided.");
    }
    if (grant === "refresh_token" && service.refreshRefused) {
      return refuse(
        "invalid_grant",
        "AADSTS700082: The refresh token has expired due to inactivity.",
      );
    }
    if (grant.endsWith("device_code") && !service.codeEntered) {
      return refuse("authorization_pending", "AADSTS70016: The code has not been entered yet.");
    }
    const who = { uid: "user-id", utid: TENANT };
    return Response.json({
      token_type: "Bearer",
      scope: form.get("scope") ?? "",
      expires_in: service.tokenSeconds,
      ext_expires_in: service.tokenSeconds,
      access_token: storageToken(service.tokenSeconds),
      ...(grant !== "client_credentials" && {
        refresh_token: `refresh-${crypto.randomUUID()}`,
        client_info: Buffer.from(JSON.stringify(who)).toString("base64url"),
        id_token: jwt({
          aud: "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
          iss: `${service.origin}/${TENANT}/v2.0`,
          exp: Math.floor(Date.now() / 1000) + 3600,
          iat: Math.floor(Date.now() / 1000),
          preferred_username: "engineer@site.example",
          name: "An Engineer",
          oid: "user-id",
          sub: "user-id",
          tid: TENANT,
          ver: "2.0",
        }),
      }),
    });
  }
  return service;
}

/** A machine's metadata service on Azure, or with `google` on Google's machines. */
export interface MetadataService extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: what `AZURE_POD_IDENTITY_AUTHORITY_HOST` names. */
  origin: string;
  /** Paths that were asked for. */
  asked: string[];
}

/** Starts a metadata service over http. */
export function metadataService(kind: "azure" | "google" = "azure"): MetadataService {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const pathname = new URL(request.url).pathname.replace(/\/$/, "");
    asked.push(pathname);
    if (kind === "google") {
      return new Response("Missing Metadata-Flavor:Google header.", { status: 403 });
    }
    if (request.headers.get("metadata") !== "true") {
      return Response.json({ error: "invalid_request" }, { status: 400 });
    }
    if (pathname === "/metadata/instance/compute") {
      return Response.json({ azEnvironment: "AzurePublicCloud" });
    }
    if (pathname === "/metadata/identity/oauth2/token") {
      return Response.json({
        access_token: storageToken(3600, "machine"),
        expires_in: "3600",
        expires_on: String(Math.floor(Date.now() / 1000) + 3600),
        resource: "https://storage.azure.com",
        token_type: "Bearer",
        client_id: "machine",
      });
    }
    return new Response("not here", { status: 404 });
  });
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/**
 * A stub of the Azure CLI in a folder of its own, to be put on PATH. Writes its
 * arguments to `asked` there, a line each call.
 *
 * @param answer the token it gives; without one nobody is signed in
 */
export async function stubAzureCli(folder: string, answer: string | undefined): Promise<void> {
  const expires = new Date(Date.now() + 3_600_000);
  const json = JSON.stringify({
    accessToken: answer,
    expiresOn: expires.toISOString().replace("T", " ").replace("Z", "000"),
    expires_on: Math.floor(expires.getTime() / 1000),
    tenant: TENANT,
    tokenType: "Bearer",
  });
  const body = answer === undefined
    ? `echo "ERROR: Please run 'az login' to setup account." >&2\nexit 1\n`
    : `cat <<'END'\n${json}\nEND\n`;
  const file = join(folder, "az");
  await Deno.writeTextFile(file, `#!/bin/sh\necho "$@" >> ${join(folder, "asked")}\n${body}`);
  await Deno.chmod(file, 0o755);
}
