/** From a configured path and its `auth` section to an account, a container and a prefix. */

import type { DriverOptions } from "../../src/storage/driver.ts";
import { AzureFailure } from "./azure_error.ts";
import { isLoopback } from "./proxy_choice.ts";
import { parseSas, sasProblem, type SasToken } from "./sas_token.ts";

/** How requests are authorised. */
export type Access =
  | { mode: "key"; accountName: string; accountKey: string }
  | { mode: "sas"; sas: SasToken }
  | { mode: "token"; signIn: "login" | "managed_identity" | "service_principal" }
  | { mode: "anonymous" };

/** Where requests go. */
export interface Endpoint {
  /** `https://account.blob.core.windows.net`, a custom domain, or an emulator's URL with the account as path. */
  accountUrl: URL;
  container: string;
  /** `""`, or ends with `/`. */
  prefix: string;
  access: Access;
}

const MODES = [
  "login",
  "managed_identity",
  "service_principal",
  "sas",
  "sas_token",
  "key",
  "connection_string",
  "anonymous",
];

/**
 * Works out where and how to connect; asks nobody.
 *
 * @throws AzureFailure `credentials` when a setting is missing, wrong or unsafe
 */
export async function resolveEndpoint(
  options: Pick<DriverOptions, "location" | "auth" | "environment">,
  nowMs: number,
): Promise<Endpoint> {
  const { auth, environment } = options;
  const [, container = "", path = ""] = /^az:\/\/([^/]*)\/*(.*)$/is.exec(options.location) ?? [];
  if (!/^([a-z0-9](?:-?[a-z0-9]){2,62}|\$root|\$web)$/.test(container)) {
    throw new AzureFailure("credentials", `"${container}" can't be the name of a container`, {
      remedy: "Write the path as az://container/prefix.",
    });
  }
  const prefix = path.replace(/\/+$/, "");
  const place = { container, prefix: prefix === "" ? "" : `${prefix}/` };
  const mode = modeOf(auth, environment);

  if (mode === "connection_string") {
    const text = auth.azure_storage_connection_string ?? auth.azure_connection_string ??
      environment.AZURE_STORAGE_CONNECTION_STRING;
    if (!text) {
      throw missing(mode, "azure_storage_connection_string", "AZURE_STORAGE_CONNECTION_STRING");
    }
    return { ...place, ...await fromConnectionString(text, nowMs) };
  }

  const accountUrl = accountUrlOf(auth);
  switch (mode) {
    case "key": {
      const accountKey = auth.azure_account_key;
      if (!accountKey) throw missing(mode, "azure_account_key");
      return { ...place, accountUrl, access: keyAccess(auth, accountUrl, accountKey) };
    }
    case "sas":
    case "sas_token": {
      if (!auth.azure_sas_token) throw missing(mode, "azure_sas_token");
      return { ...place, accountUrl, access: sasAccess(auth.azure_sas_token, accountUrl, nowMs) };
    }
    case "anonymous":
      return { ...place, accountUrl, access: { mode: "anonymous" } };
    default:
      return {
        ...place,
        accountUrl,
        access: { mode: "token", signIn: mode as "login" },
      };
  }
}

/** The configured mode; without one, what the given credentials say. */
function modeOf(
  auth: DriverOptions["auth"],
  environment: DriverOptions["environment"],
): string {
  const mode = auth.auth_mode;
  if (mode) {
    if (MODES.includes(mode)) return mode;
    throw new AzureFailure("credentials", `auth_mode "${mode}" is not known for az://`, {
      remedy: `Use one of ${MODES.join(", ")}.`,
    });
  }
  if (auth.azure_storage_connection_string || auth.azure_connection_string) {
    return "connection_string";
  }
  if (auth.azure_account_key) return "key";
  if (auth.azure_sas_token) return "sas";
  const named = auth.azure_account_url || auth.azure_account_name;
  if (!named && environment.AZURE_STORAGE_CONNECTION_STRING) return "connection_string";
  return "login";
}

function missing(mode: string, key: string, variable?: string): AzureFailure {
  return new AzureFailure("credentials", `auth_mode "${mode}" needs ${key}`, {
    remedy: variable === undefined
      ? `Add ${key} to the auth section.`
      : `Add ${key} to the auth section, or set ${variable}.`,
  });
}

function accountUrlOf(auth: DriverOptions["auth"]): URL {
  const text = auth.azure_account_url;
  if (!text) {
    const name = auth.azure_account_name;
    if (!name) {
      throw new AzureFailure("credentials", "it is not said in which account the container is", {
        remedy: "Add azure_account_url or azure_account_name to the auth section.",
      });
    }
    if (!/^[a-z0-9]{3,24}$/.test(name)) {
      throw new AzureFailure("credentials", `"${name}" can't be the name of a storage account`, {
        remedy: "Correct azure_account_name, or give azure_account_url.",
      });
    }
    return new URL(`https://${name}.blob.core.windows.net`);
  }
  return checkedUrl(text, "azure_account_url");
}

/** A URL that may be spoken to: https, or http on this machine; no query, no slash at the end. */
function checkedUrl(text: string, from: string): URL {
  let url: URL;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
  } catch {
    throw new AzureFailure("credentials", `${from} "${text}" is no URL`, {
      remedy: "Write it like https://account.blob.core.windows.net.",
    });
  }
  if (url.search !== "" || url.hash !== "" || url.username !== "") {
    throw new AzureFailure("credentials", `${from} holds more than an address`, {
      remedy:
        "Write it like https://account.blob.core.windows.net; a SAS goes into azure_sas_token.",
    });
  }
  const safe = url.protocol === "https:" ||
    (url.protocol === "http:" && isLoopback(url.hostname));
  if (!safe) {
    throw new AzureFailure(
      "credentials",
      `${from} "${text}" is not encrypted; that is allowed for this machine itself only`,
      { remedy: "Use https://." },
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

function keyAccess(auth: DriverOptions["auth"], url: URL, accountKey: string): Access {
  const emulated = url.pathname.split("/")[1];
  const accountName = auth.azure_account_name ||
    (emulated !== "" ? emulated : /^([a-z0-9]{3,24})\.blob\./.exec(url.hostname)?.[1]);
  if (!accountName) throw missing("key", "azure_account_name");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(accountKey.trim())) {
    throw new AzureFailure("credentials", "azure_account_key is no account key (not Base64)", {
      remedy: "Copy it again from the portal, under Access keys.",
    });
  }
  return { mode: "key", accountName, accountKey: accountKey.trim() };
}

function sasAccess(text: string, url: URL, nowMs: number): Access {
  const sas = parseSas(text);
  const problem = sasProblem(sas, url, nowMs);
  if (problem !== undefined) {
    throw new AzureFailure("credentials", problem.message, { remedy: problem.remedy });
  }
  return { mode: "sas", sas };
}

/** Account and credentials of a connection string, as the SDK reads it. */
async function fromConnectionString(
  text: string,
  nowMs: number,
): Promise<Pick<Endpoint, "accountUrl" | "access">> {
  const { BlobServiceClient, StorageSharedKeyCredential } = await import("@azure/storage-blob");
  let client: InstanceType<typeof BlobServiceClient>;
  try {
    client = BlobServiceClient.fromConnectionString(text.trim());
  } catch (cause) {
    throw new AzureFailure("credentials", "the connection string can't be read", {
      remedy: "Copy it again from the portal, under Access keys.",
      cause,
    });
  }
  const [address = "", sas] = client.url.split("?");
  const accountUrl = checkedUrl(address, "the connection string's address");
  if (sas !== undefined) return { accountUrl, access: sasAccess(sas, accountUrl, nowMs) };
  const key = /(?:^|;)\s*AccountKey=([^;]+)/i.exec(text)?.[1];
  if (!(client.credential instanceof StorageSharedKeyCredential) || key === undefined) {
    throw new AzureFailure("credentials", "the connection string holds neither a key nor a SAS");
  }
  return {
    accountUrl,
    access: { mode: "key", accountName: client.credential.accountName, accountKey: key.trim() },
  };
}
