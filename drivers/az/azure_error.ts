/** What can go wrong on the way to Azure, and what it means to the caller. */

import type { Failure, FailureKind } from "../../src/storage/driver.ts";

/** The line failed: no connection, cut, stood still, or a certificate was refused. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  /** `ECONNRESET`, `ENOTFOUND`, … as the socket reports it. */
  readonly code: string | undefined;
  readonly host: string;

  constructor(message: string, url: URL, options: { code?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.host = url.host;
  }
}

/** What a request was made for, so that an answer can be judged. */
export type Operation =
  | "list"
  | "stat"
  | "read"
  | "create"
  | "overwrite"
  | "put_block"
  | "remove"
  | "copy"
  | "probe"
  | "other";

/**
 * An answer of the service that is no success.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
 * @see https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
 */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  /** HTTP status. */
  readonly status: number;
  /** `x-ms-error-code`; undefined when something else than Azure Blob answered. */
  readonly code: string | undefined;
  readonly operation: Operation;
  /** What the request was conditional on. */
  readonly condition: "if_absent" | "if_match" | undefined;
  readonly retryAfterMs: number | undefined;
  /** Set where the sign-in explains the answer better than the service does. */
  readonly explanation: Partial<Failure> | undefined;

  constructor(
    message: string,
    answer: {
      status: number;
      code: string | undefined;
      operation: Operation;
      condition?: "if_absent" | "if_match";
      retryAfterMs?: number;
      explanation?: Partial<Failure>;
    },
  ) {
    super(message);
    this.status = answer.status;
    this.code = answer.code;
    this.operation = answer.operation;
    this.condition = answer.condition;
    this.retryAfterMs = answer.retryAfterMs;
    this.explanation = answer.explanation;
  }
}

/** A failure that is already understood: wrong settings, no sign-in, a name the service can't hold. */
export class AzureFailure extends Error {
  override readonly name = "AzureFailure";
  /** Read by whoever opens a driver; see `DriverFactory`. */
  readonly failure: Failure;

  constructor(
    kind: FailureKind,
    message: string,
    options: { remedy?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.failure = { kind, message, remedy: options.remedy };
  }
}

/** What an error of this driver means. Never throws. */
export function classify(error: unknown): Failure {
  if (error instanceof AzureFailure) return error.failure;
  if (error instanceof ServiceError) {
    const plain = error.code === "ContainerNotFound" ? "there is no such container" : undefined;
    return {
      kind: error.explanation?.kind ?? serviceFailureKind(error),
      message: error.explanation?.message ?? plain ?? error.message,
      remedy: error.explanation?.remedy ?? remedyFor(error),
      retryAfterMs: error.retryAfterMs,
    };
  }
  if (error instanceof TransportError) return lineFailure(error);
  return { kind: "io", message: error instanceof Error ? error.message : String(error) };
}

const KIND_OF_CODE: Readonly<Record<string, FailureKind>> = {
  BlobNotFound: "not_found",
  ContainerNotFound: "not_found",
  ResourceNotFound: "not_found",
  BlobAlreadyExists: "already_exists",
  ConditionNotMet: "precondition_failed",
  TargetConditionNotMet: "precondition_failed",
  SourceConditionNotMet: "precondition_failed",
  Md5Mismatch: "digest_mismatch",
  InvalidMd5: "digest_mismatch",
  Crc64Mismatch: "digest_mismatch",
  AuthenticationFailed: "credentials",
  InvalidAuthenticationInfo: "credentials",
  NoAuthenticationInformation: "credentials",
  InvalidUri: "unsupported",
  InvalidResourceName: "unsupported",
  RequestBodyTooLarge: "unsupported",
  RequestEntityTooLarge: "unsupported",
  MetadataTooLarge: "unsupported",
  // Public access and shared keys can be switched off for an account.
  PublicAccessNotPermitted: "permission",
  KeyBasedAuthenticationNotPermitted: "permission",
  ContainerBeingDeleted: "unavailable",
  AccountBeingCreated: "unavailable",
  ServerBusy: "unavailable",
  InternalError: "unavailable",
  OperationTimedOut: "unavailable",
};

function serviceFailureKind(error: ServiceError): FailureKind {
  const { status, code, condition, operation } = error;
  // What the condition asked for decides what a refused condition means.
  if (condition === "if_absent") {
    // A SAS without the permission to write answers so when the blob exists.
    if (code === "UnauthorizedBlobOverwrite") return "already_exists";
    if (code === "TargetConditionNotMet") return "already_exists";
    // In a copy it is the source's condition that failed.
    if (code === "ConditionNotMet" && operation !== "copy") return "already_exists";
  }
  if (condition === "if_match" && code === "BlobNotFound") return "precondition_failed";
  const known = code === undefined ? undefined : KIND_OF_CODE[code];
  if (known !== undefined) return known;
  if (status === 401 || /failed to authenticate/i.test(error.message)) return "credentials";
  if (status === 403) return "permission";
  if (status === 412 && !code?.startsWith("Lease")) return "precondition_failed";
  if (status === 408 || status === 429 || status === 507) {
    return status === 507 ? "disk_full" : "unavailable";
  }
  if (status >= 500 && status !== 501 && status !== 505) return "unavailable";
  return "io";
}

function remedyFor(error: ServiceError): string | undefined {
  switch (error.code) {
    case "ContainerNotFound":
      return "Check the container's name in the path, or have it created.";
    case "AuthorizationFailure":
      return "The account's network rules or policies refuse this machine: ask the account's owner.";
    case "AuthorizationPermissionMismatch":
      return 'Ask the account\'s owner for the role "Storage Blob Data Contributor" on the container.';
    case "PublicAccessNotPermitted":
    case "NoAuthenticationInformation":
      return "Give the auth section an auth_mode other than anonymous.";
    case "KeyBasedAuthenticationNotPermitted":
      return 'The account takes no keys: use auth_mode = "login" or "sas".';
  }
  if (error.status === 407) return "Check the user and password in HTTPS_PROXY.";
  if (error.code === undefined && error.status < 500) {
    return "Something else than Azure Blob answered: check azure_account_url and HTTPS_PROXY.";
  }
  return undefined;
}

/** Codes of refused certificates, as OpenSSL names them and Deno repeats them. */
const CERTIFICATE =
  /CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|SELF_SIGNED|ERR_TLS_CERT_ALTNAME_INVALID|certificate|UnknownIssuer/i;

function lineFailure(error: TransportError): Failure {
  const { code = "", host } = error;
  if (CERTIFICATE.test(code) || CERTIFICATE.test(error.message)) {
    return {
      kind: "io",
      message: `the certificate that ${host} shows is not trusted (${error.message})`,
      remedy: /EXPIRED|NOT_YET_VALID/.test(code)
        ? "Check this machine's clock."
        : "If your site has a certificate authority or an inspecting proxy of its own, name its PEM file in ca_cert.",
    };
  }
  if (code === "ENOTFOUND") {
    return {
      kind: "unavailable",
      message: `the host ${host} is not known`,
      remedy: "Check the network and, if it is your account's host, azure_account_url.",
    };
  }
  return { kind: "unavailable", message: `${host}: ${error.message}` };
}

/**
 * `Retry-After` in milliseconds: seconds or a date; Azure also knows
 * `x-ms-retry-after-ms`.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  nowMs: number,
): number | undefined {
  const precise = Number(headers["x-ms-retry-after-ms"] ?? NaN);
  if (Number.isFinite(precise) && precise >= 0) return precise;
  const value = headers["retry-after"];
  if (typeof value !== "string" || value === "") return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
