/** Opens a container as a driver: signs in, and finds out at once whether that works. */

import type { CopyOptions, Driver, DriverOptions, WriteResult } from "../../src/storage/driver.ts";
import { authorizerFor } from "./authorizer.ts";
import { AzureFailure, classify, ServiceError } from "./azure_error.ts";
import { BlobService } from "./blob_service.ts";
import { blockUploads, MAX_BLOCK_BYTES, MAX_BLOCKS } from "./block_upload.ts";
import { type Endpoint, resolveEndpoint } from "./endpoint.ts";
import { getBlob } from "./get_blob.ts";
import { headBlob } from "./head_blob.ts";
import { listBlobs } from "./list_blobs.ts";
import { proxyChoice } from "./proxy_choice.ts";
import { putBlob } from "./put_blob.ts";
import type { ChosenLogin } from "./sign_in.ts";
import type { KeeperOptions, TokenKeeper } from "./token_keeper.ts";
import { type TimeLimits, Transport } from "./transport.ts";

/** What tests set otherwise. */
export interface Tuning extends Omit<KeeperOptions, "notify" | "first" | "afterPause"> {
  limits?: Partial<TimeLimits>;
  /** How often a copy that takes long is asked about, milliseconds. */
  copyPollMs?: number;
}

const LIMITS: TimeLimits = { connectMs: 30_000, idleMs: 60_000, answerMs: 120_000 };

/** Idle connections kept where the caller names no bound of its own. */
const KEPT_CONNECTIONS = 128;

/** @see https://learn.microsoft.com/azure/storage/blobs/scalability-targets */
const MAX_PUT_BYTES = 5000 * 1024 * 1024;
/** @see https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata */
const MAX_NAME_LENGTH = 1024;
const MAX_SEGMENTS = 254;

/**
 * Opens `az://container/prefix`.
 *
 * @throws AzureFailure with `failure`: `credentials` when nobody is signed in,
 *   the sign-in is refused, or a setting is wrong; `not_found` without the
 *   container; `io` when the certificate is not trusted
 */
export async function openAzure(options: DriverOptions, tuning: Tuning = {}): Promise<Driver> {
  const endpoint = await resolveEndpoint(options, Date.now());
  const transport = await createTransport(options, tuning);
  let keeper: TokenKeeper | undefined;
  try {
    keeper = await createKeeper(endpoint, options, transport, tuning);
    const service = new BlobService(endpoint, await authorizerFor(endpoint, keeper), transport);
    await probe(service, options.signal);
    return createDriver(service, tuning, () => {
      keeper?.close();
      transport.close();
    });
  } catch (error) {
    keeper?.close();
    transport.close();
    throw error;
  }
}

/** A transport with the authorities and the proxy of the site. */
export async function createTransport(
  { auth, environment, maxConcurrency }: Pick<
    DriverOptions,
    "auth" | "environment" | "maxConcurrency"
  >,
  tuning: Tuning = {},
): Promise<Transport> {
  let authorities: string | undefined;
  if (auth.ca_cert) {
    try {
      authorities = await Deno.readTextFile(auth.ca_cert);
    } catch (cause) {
      throw new AzureFailure("credentials", `ca_cert "${auth.ca_cert}" can't be read`, { cause });
    }
    if (!authorities.includes("-----BEGIN CERTIFICATE-----")) {
      throw new AzureFailure("credentials", `ca_cert "${auth.ca_cert}" holds no PEM certificate`);
    }
  }
  return new Transport({
    limits: { ...LIMITS, ...tuning.limits },
    keptConnections: maxConcurrency ?? KEPT_CONNECTIONS,
    authorities,
    proxy: proxyChoice(environment),
  });
}

/** The keeper of tokens, where the endpoint takes tokens. The sign-in library is loaded only then. */
async function createKeeper(
  { access }: Endpoint,
  options: DriverOptions,
  transport: Transport,
  tuning: Tuning,
): Promise<TokenKeeper | undefined> {
  if (access.mode !== "token") return undefined;
  const [signIn, { TokenKeeper }] = await Promise.all([
    import("./sign_in.ts"),
    import("./token_keeper.ts"),
  ]);
  const context = { ...options, transport };
  const { source, first, others }: ChosenLogin = access.signIn === "login"
    ? await signIn.chooseLogin(context)
    : {
      source: access.signIn === "managed_identity"
        ? signIn.managedIdentity(context)
        : signIn.servicePrincipal(context),
      others: [],
    };
  const keeper = new TokenKeeper(source, {
    ...tuning,
    notify: options.notify,
    first,
    afterPause: others,
  });
  try {
    await keeper.token(options.signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    // A sign-in service that is away for a moment is for the retries.
    if (classify(error).kind !== "unavailable") throw error;
  }
  return keeper;
}

/**
 * One small request that shows whether the sign-in is accepted and the
 * container is there. What it can't decide is left to the requests that follow.
 */
async function probe(service: BlobService, signal: AbortSignal | undefined): Promise<void> {
  if (service.endpoint.access.mode === "anonymous") return;
  try {
    await service.text({
      method: "GET",
      url: service.containerUrl("?restype=container&comp=list&maxresults=1"),
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    const { kind, message, remedy, ...rest } = classify(error);
    // A sign-in may be good for writing without being good for listing, and a
    // service that is away is waited for; a host that nobody knows is a typo.
    const unknownHost = error instanceof Error && "code" in error && error.code === "ENOTFOUND";
    if (kind === "permission" || kind === "unavailable" && !unknownHost) return;
    if (
      kind === "not_found" && !(error instanceof ServiceError && error.code === "ContainerNotFound")
    ) {
      return;
    }
    const failure = new AzureFailure(kind, message ?? "the container can't be opened", {
      remedy,
      cause: error,
    });
    Object.assign(failure.failure, rest);
    throw failure;
  }
}

function createDriver(service: BlobService, tuning: Tuning, close: () => void): Driver {
  const { prefix } = service.endpoint;
  return {
    limits: {
      // Azure counts characters; bytes are never fewer.
      maxKeyBytes: MAX_NAME_LENGTH - new TextEncoder().encode(prefix).length,
      maxWriteBytes: MAX_PUT_BYTES,
      maxObjectBytes: MAX_BLOCKS * MAX_BLOCK_BYTES,
    },
    traits: { verifiesMd5: true, storesMd5: true, storesMetadata: true },
    list: (below, options) => listBlobs(service, below, options),

    stat: (key, { signal }) => headBlob(service, key, signal),
    read: (key, options) => getBlob(service, key, options),
    write: (key, body, options) => putBlob(service, key, body, options),

    async remove(key, { ifMatch, signal }) {
      const sdk = await service.sdk();
      await sdk.getBlobClient(prefix + key).delete({
        conditions: { ifMatch },
        abortSignal: signal,
      });
    },

    classify,

    keyProblem(key) {
      const segments = (prefix + key).split("/").length;
      return segments > MAX_SEGMENTS
        ? `has ${segments} folders one in another, ${MAX_SEGMENTS} are allowed`
        : undefined;
    },

    copy: (from, to, options) => copyBlob(service, from, to, options, tuning.copyPollMs ?? 500),
    multipart: blockUploads(service),
    close,
  };
}

/**
 * Copies inside the account, in one step of the service.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/copy-blob
 */
async function copyBlob(
  service: BlobService,
  from: string,
  to: string,
  options: CopyOptions,
  pollMs: number,
): Promise<WriteResult> {
  const { condition, sourceIfMatch, metadata, signal } = options;
  const target = (await service.sdk()).getBlobClient(service.endpoint.prefix + to);
  const poller = await target.beginCopyFromURL(await service.sourceUrl(from), {
    abortSignal: signal,
    intervalInMs: pollMs,
    ...(metadata && { metadata: { ...metadata } }),
    conditions: condition === undefined
      ? {}
      : "ifAbsent" in condition
      ? { ifNoneMatch: "*" }
      : { ifMatch: condition.ifMatch },
    sourceConditions: { ifMatch: sourceIfMatch },
  });
  const done = await poller.pollUntilDone();
  if (done.copyStatus !== "success") {
    throw new AzureFailure("io", `the service's copy ended as "${done.copyStatus}"`);
  }
  if (done.etag === undefined) throw new AzureFailure("io", "the service answered without an ETag");
  return { etag: done.etag };
}
