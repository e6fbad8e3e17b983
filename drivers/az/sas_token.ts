/** What a shared access signature allows, read from its own text. */

import { AzureFailure, type Operation } from "./azure_error.ts";

/**
 * A parsed SAS. Nothing here holds the signature, so it may be shown.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/create-service-sas
 * @see https://learn.microsoft.com/rest/api/storageservices/create-account-sas
 */
export interface SasToken {
  /** The query text to append to a URL, without `?`. A secret. */
  query: string;
  /** `sp`; undefined when a stored access policy (`si`) holds it. */
  permissions: string | undefined;
  /** `st`, milliseconds since 1970 UTC. */
  startMs: number | undefined;
  /** `se`, milliseconds since 1970 UTC. */
  endMs: number | undefined;
  /** `sr` of a service SAS (`b` blob, `c` container), or `srt` of an account SAS (`sco`). */
  resource: string | undefined;
  /** True for an account SAS. */
  account: boolean;
  /** `ss` of an account SAS. */
  services: string | undefined;
  /** `sip`. */
  addresses: string | undefined;
  /** `spr`. */
  protocols: string | undefined;
}

/**
 * Takes a SAS apart.
 *
 * @param text with or without a leading `?`
 * @throws AzureFailure `credentials` when it is no SAS
 */
export function parseSas(text: string): SasToken {
  const query = text.trim().replace(/^\?/, "");
  const fields = new URLSearchParams(query);
  if (!fields.has("sig")) {
    throw new AzureFailure("credentials", 'azure_sas_token is no SAS: it has no "sig="', {
      remedy: "Copy the whole token, from sv= or sp= to the end of sig=…",
    });
  }
  const get = (name: string) => fields.get(name) ?? undefined;
  const account = fields.has("srt");
  return {
    query,
    permissions: get("sp"),
    startMs: timeOf(get("st")),
    endMs: timeOf(get("se")),
    resource: get(account ? "srt" : "sr"),
    account,
    services: get("ss"),
    addresses: get("sip"),
    protocols: get("spr"),
  };
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text.includes("T") ? text : `${text}T00:00:00Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** What is wrong with a SAS whatever it is used for, else undefined. */
export function sasProblem(
  sas: SasToken,
  url: URL,
  nowMs: number,
): { message: string; remedy: string } | undefined {
  const remedy = "Ask the account's owner for a new SAS and put it in azure_sas_token.";
  if (sas.endMs !== undefined && sas.endMs <= nowMs) {
    return { message: `the SAS expired at ${timeText(sas.endMs)}`, remedy };
  }
  if (sas.startMs !== undefined && sas.startMs > nowMs) {
    return {
      message: `the SAS is valid from ${timeText(sas.startMs)} on, and here it is ${
        timeText(nowMs)
      }`,
      remedy: "Wait until then, or set this machine's clock right.",
    };
  }
  if (sas.services !== undefined && !sas.services.includes("b")) {
    return { message: `the SAS is not for blobs (ss=${sas.services})`, remedy };
  }
  if (sas.protocols === "https" && url.protocol === "http:") {
    return {
      message: "the SAS is for https only (spr=https)",
      remedy: "Use https:// in azure_account_url.",
    };
  }
  return undefined;
}

const PERMISSIONS: Readonly<Record<string, string>> = {
  r: "read",
  c: "create",
  w: "write",
  d: "delete",
  l: "list",
};

/** Any one of these letters is enough for the operation. */
const NEEDED: Readonly<Record<Operation, string>> = {
  list: "l",
  probe: "l",
  stat: "r",
  read: "r",
  create: "cw",
  overwrite: "w",
  put_block: "cw",
  remove: "d",
  copy: "cw",
  other: "",
};

/** What the whole runbook needs. */
export const RUNBOOK_PERMISSIONS = "rcwdl";

/**
 * Why the service refused an operation under this SAS, as far as its own text
 * tells: expired, or which permission is missing.
 */
export function explainRefusal(
  sas: SasToken,
  operation: Operation,
  url: URL,
  nowMs: number,
): { message: string; remedy: string } | undefined {
  const problem = sasProblem(sas, url, nowMs);
  if (problem !== undefined) return problem;
  const remedy =
    `Ask the account's owner for a SAS with sp=${RUNBOOK_PERMISSIONS} on the container.`;
  const { permissions, resource } = sas;
  const needed = [...NEEDED[operation]];
  if (
    permissions !== undefined && needed.length > 0 &&
    !needed.some((letter) => permissions.includes(letter))
  ) {
    const names = needed.map((letter) => `${PERMISSIONS[letter]} (${letter})`).join(" or ");
    return { message: `the SAS lacks the permission ${names}; it has sp=${permissions}`, remedy };
  }
  if (!sas.account && resource === "b") {
    return { message: "the SAS is for one blob only (sr=b)", remedy };
  }
  const level = operation === "list" || operation === "probe" ? "c" : "o";
  if (sas.account && resource !== undefined && !resource.includes(level)) {
    const name = level === "c" ? "containers (c)" : "objects (o)";
    return { message: `the SAS does not reach ${name}; it has srt=${resource}`, remedy };
  }
  if (sas.addresses !== undefined) {
    return {
      message: `the SAS is for the addresses ${sas.addresses} only, or lacks a permission`,
      remedy: "Run from one of these addresses, or ask for another SAS.",
    };
  }
  return undefined;
}

function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
