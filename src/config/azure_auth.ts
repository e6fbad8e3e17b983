/** Credentials for Azure Blob Storage: what follows from what, and what is missing. */

import type { AuthRequest } from "./auth.ts";
import { containerOf } from "./place_path.ts";
import { insecureUrl, isLoopback } from "./service_url.ts";
import { quote } from "./shown_value.ts";

/** The environment's connection string, as Azure's own tools name it. */
const CONNECTION_STRING_VARIABLE = "AZURE_STORAGE_CONNECTION_STRING";

/** [Account names](https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name). */
const ACCOUNT_NAME = /^[a-z0-9]{3,24}$/;

/**
 * Completes `auth` in place: `auth_mode`, `azure_account_url` and
 * `azure_account_name` from each other, a SAS out of the address, the
 * connection string out of the environment.
 */
export function completeAzure(
  auth: Map<string, string>,
  request: AuthRequest,
): void {
  const { path, problems } = request;
  const at = (name: string) => [...path, name];
  const missing = (name: string, why: string) => {
    if (!problems.hasErrorAt(at(name))) {
      problems.error(at(name), `is missing: ${why}`);
    }
  };
  takeSasFromUrl(auth);
  const mode = authMode(auth, request);
  auth.set("auth_mode", mode);

  const token = auth.get("azure_sas_token")?.replace(/^\?/, "");
  if (token !== undefined) auth.set("azure_sas_token", token);
  if (mode === "sas" && token === undefined) {
    missing("azure_sas_token", `auth_mode "sas" needs it`);
  }
  if (mode === "key" && !auth.has("azure_account_key")) {
    missing("azure_account_key", `auth_mode "key" needs it`);
  }
  if (mode === "connection_string") {
    const text = auth.get("azure_storage_connection_string") ??
      request.environment[CONNECTION_STRING_VARIABLE];
    if (text) {
      auth.set("azure_storage_connection_string", text);
      checkConnectionString(text, auth, request);
    } else {
      missing(
        "azure_storage_connection_string",
        `auth_mode "connection_string" needs it, here or in the environment as ${CONNECTION_STRING_VARIABLE}`,
      );
    }
  } else completeAccount(auth, request, missing);
  checkContainer(auth, request);
}

/**
 * The sign-in that a given credential asks for where `auth_mode` is missing.
 *
 * @param value the value of an auth key, undefined when it is not given
 */
export function impliedAuthMode(
  value: (name: string) => unknown,
): "sas" | "connection_string" | "key" | undefined {
  if (value("azure_sas_token")) return "sas";
  if (
    value("azure_storage_connection_string") ||
    value("azure_connection_string")
  ) return "connection_string";
  return value("azure_account_key") ? "key" : undefined;
}

/** The storage account of a service address; undefined for a custom domain. */
export function accountOfUrl(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { hostname, pathname } = new URL(address);
  // Emulators, and Azure by IP address, have the account in the path.
  if (isLoopback(hostname)) return pathname.split("/")[1] || undefined;
  return /^([a-z0-9]{3,24})(?:-secondary)?\.(?:z\d+\.)?(?:blob|dfs)\./
    .exec(hostname)?.[1];
}

function takeSasFromUrl(auth: Map<string, string>): void {
  const address = auth.get("azure_account_url");
  if (address === undefined || !address.includes("?")) return;
  const [url, query] = [
    address.slice(0, address.indexOf("?")),
    address.slice(address.indexOf("?") + 1),
  ];
  auth.set("azure_account_url", url);
  if (/(^|&)sig=/.test(query) && !auth.has("azure_sas_token")) {
    auth.set("azure_sas_token", query);
  }
}

function authMode(auth: Map<string, string>, request: AuthRequest): string {
  const given = auth.get("auth_mode");
  if (given !== undefined) return given;
  const { path, problems, environment } = request;
  const implied = impliedAuthMode((name) => auth.get(name));
  if (implied !== undefined) {
    problems.warn(
      [...path, "auth_mode"],
      `is missing: "${implied}" is taken because its credential is given`,
    );
    return implied;
  }
  const named = auth.has("azure_account_url") || auth.has("azure_account_name");
  return !named && environment[CONNECTION_STRING_VARIABLE] ? "connection_string" : "login";
}

function completeAccount(
  auth: Map<string, string>,
  request: AuthRequest,
  missing: (name: string, why: string) => void,
): void {
  const { path, problems } = request;
  const url = auth.get("azure_account_url");
  const name = auth.get("azure_account_name");
  if (url !== undefined) {
    const wrong = insecureUrl(url);
    if (wrong !== undefined) {
      problems.error([...path, "azure_account_url"], wrong);
      return;
    }
    const own = accountOfUrl(url);
    if (name === undefined && own !== undefined) {
      auth.set("azure_account_name", own);
    } else if (name !== undefined && own !== undefined && name !== own) {
      problems.warn(
        [...path, "azure_account_name"],
        `is ${quote(name)}, but azure_account_url is that of ${quote(own)}`,
      );
    }
    if (auth.get("auth_mode") === "key" && !auth.has("azure_account_name")) {
      missing(
        "azure_account_name",
        `auth_mode "key" needs it, and the address does not tell it`,
      );
    }
  } else if (name === undefined) {
    missing(
      "azure_account_url",
      `${quote(request.location)} needs it, or azure_account_name${request.hint ?? ""}`,
    );
  } else if (!ACCOUNT_NAME.test(name)) {
    problems.error(
      [...path, "azure_account_name"],
      "must be 3 to 24 lower-case letters and digits",
    );
  } else {
    auth.set("azure_account_url", `https://${name}.blob.core.windows.net`);
  }
}

/** [Its form](https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string). */
function checkConnectionString(
  text: string,
  auth: Map<string, string>,
  request: AuthRequest,
): void {
  const key = [...request.path, "azure_storage_connection_string"];
  const fields = new Map(
    text.split(";").filter((part) => part.includes("=")).map((part) => {
      const equals = part.indexOf("=");
      return [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1)];
    }),
  );
  const development = fields.get("usedevelopmentstorage") === "true";
  const endpoint = fields.get("blobendpoint");
  if (!development && !fields.has("accountname") && endpoint === undefined) {
    request.problems.error(
      key,
      'must be a connection string ("AccountName=…;AccountKey=…" or "BlobEndpoint=…;SharedAccessSignature=…")',
    );
    return;
  }
  if (endpoint !== undefined) {
    const wrong = insecureUrl(endpoint);
    if (wrong !== undefined) {
      request.problems.error(key, `holds a BlobEndpoint that ${wrong}`);
    }
  } else if (
    !development && fields.get("defaultendpointsprotocol") === "http"
  ) {
    request.problems.error(
      key,
      "holds DefaultEndpointsProtocol=http: only https is allowed",
    );
  }
  const account = fields.get("accountname") ??
    (development ? "devstoreaccount1" : accountOfUrl(endpoint ?? ""));
  if (account && !auth.has("azure_account_name")) {
    auth.set("azure_account_name", account);
  }
}

function checkContainer(
  auth: Map<string, string>,
  request: AuthRequest,
): void {
  const container = auth.get("azure_container");
  const actual = containerOf(request.location);
  if (container !== undefined && container !== actual) {
    request.problems.error(
      [...request.path, "azure_container"],
      `is ${quote(container)}, but the path's container is ${quote(actual)}`,
    );
  }
}
