import assert from "node:assert/strict";
import { authorizerFor } from "../../drivers/az/authorizer.ts";
import { AzureFailure } from "../../drivers/az/azure_error.ts";
import { BlobService } from "../../drivers/az/blob_service.ts";
import { keptSignIn, signInByDeviceCode } from "../../drivers/az/device_code.ts";
import { resolveEndpoint } from "../../drivers/az/endpoint.ts";
import { putBlob } from "../../drivers/az/put_blob.ts";
import { TokenCacheFile } from "../../drivers/az/token_cache.ts";
import { TokenKeeper } from "../../drivers/az/token_keeper.ts";
import { Transport } from "../../drivers/az/transport.ts";
import { Azurite } from "../servers/azurite.ts";
import { FaultProxy } from "../servers/fault_proxy.ts";
import { opensslAvailable, testAuthority } from "../servers/test_authority.ts";
import { type SignInService, signInService, TENANT } from "../servers/token_endpoints.ts";
import { bodyOf, md5, pattern } from "./az_place.ts";

const SMALL = pattern(5_000);
const LARGE = pattern(3_000_000);

/** The service refuses a token: it ran out on the way, or was withdrawn. */
const REFUSED = {
  kind: "answer",
  status: 401,
  headers: {
    "x-ms-error-code": "InvalidAuthenticationInfo",
    "www-authenticate":
      `Bearer authorization_uri=https://login.microsoftonline.com/${TENANT}/oauth2/authorize resource_id=https://storage.azure.com`,
  },
} as const;

const servers = new AsyncDisposableStack();
let azurite: Azurite;
let signIns: SignInService;
let ca: string;
Deno.test.beforeAll(async () => {
  if (!opensslAvailable) return;
  const authority = servers.use(await testAuthority());
  azurite = servers.use(await Azurite.start({ tls: authority, oauth: true }));
  signIns = servers.use(await signInService(authority));
  ca = await Deno.readTextFile(authority.ca);
  azurite.trust(ca);
});
Deno.test.afterAll(() => servers.disposeAsync());

/** A person's sign-in against the stand-ins, a container behind a proxy that makes trouble. */
async function setUp() {
  const stack = new AsyncDisposableStack();
  signIns.refreshRefused = false;
  const proxy = stack.use(await FaultProxy.start(azurite.origin, ca));
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const endpoint = await resolveEndpoint({
    location: `az://${await azurite.container()}/site`,
    auth: { auth_mode: "login", azure_account_url: proxy.through(azurite.accountUrl) },
    environment: {},
  }, Date.now());
  const transport = new Transport({
    limits: { connectMs: 10_000, idleMs: 10_000, answerMs: 10_000 },
    keptConnections: 8,
    authorities: ca,
    proxy: () => undefined,
  });
  stack.defer(() => transport.close());
  const person = {
    transport,
    authorityHost: signIns.origin,
    tenantId: TENANT,
    cache: new TokenCacheFile(`${folder}/cache.json`),
  };
  const signIn = () => signInByDeviceCode(person, () => {});
  await signIn();
  const said: string[] = [];
  const paused = Promise.withResolvers<void>();
  const keeper = new TokenKeeper(keptSignIn(person), {
    notify: (message) => {
      said.push(message);
      paused.resolve();
    },
    pollMs: 50,
  });
  stack.defer(() => keeper.close());
  const service = new BlobService(endpoint, await authorizerFor(endpoint, keeper), transport);
  const write = (key: string, bytes: Uint8Array) =>
    putBlob(service, key, bodyOf(bytes), { size: bytes.length, md5: md5(bytes) });
  return { stack, proxy, signIns, service, said, paused: paused.promise, signIn, write };
}

function expiryTest(
  sentence: string,
  test: (place: Awaited<ReturnType<typeof setUp>>) => Promise<void>,
): void {
  const why = opensslAvailable ? "" : " (needs openssl)";
  Deno.test({
    name: `Azure sign-in: ${sentence}${why}`,
    ignore: !opensslAvailable,
    fn: async () => {
      const place = await setUp();
      await using _ = place.stack;
      await test(place);
      assert.equal(place.proxy.pending, 0, "a planned fault has not happened");
    },
  });
}

expiryTest("a token refused in the middle is renewed once, and nobody notices", async (place) => {
  await place.write("a", SMALL);
  place.signIns.grants.length = 0;
  place.proxy.inject((request) => request.method === "PUT", REFUSED);
  await place.write("b", SMALL);
  assert.deepEqual(place.signIns.grants.map(({ grant }) => grant), ["refresh_token"]);
  assert.equal(place.signIns.grants[0]?.tenant, TENANT);
  assert.deepEqual(place.said, []);
  // A streamed body can't be sent again here: the caller's next try succeeds.
  place.proxy.inject((request) => request.method === "PUT", REFUSED);
  await assert.rejects(place.write("c", LARGE), /renewed/);
  await place.write("c", LARGE);
});

expiryTest("a renewed token that is refused again is an error", async (place) => {
  await place.write("a", SMALL);
  place.proxy.inject((request) => request.method === "PUT", REFUSED, 2);
  await assert.rejects(place.write("b", SMALL), (error) => {
    assert.ok(error instanceof Error && "explanation" in error);
    return true;
  });
  assert.equal(place.proxy.requests.filter(({ method }) => method === "PUT").length, 3);
});

expiryTest("an expired sign-in pauses the run until somebody signs in again", async (place) => {
  await place.write("a", SMALL);
  place.signIns.refreshRefused = true;
  place.proxy.inject((request) => request.method === "PUT", REFUSED);
  const waiting = place.write("b", SMALL);
  await place.paused;
  assert.match(place.said[0] ?? "", /chorus-upload login/);
  // In another terminal.
  place.signIns.refreshRefused = false;
  await place.signIn();
  await waiting;
  assert.equal(place.said.length, 2);
  assert.equal(place.proxy.requests.filter(({ status }) => status === 201).length, 2);
});

expiryTest("a pause that is closed ends with the store", async (place) => {
  await place.write("a", SMALL);
  place.signIns.refreshRefused = true;
  place.proxy.inject((request) => request.method === "PUT", REFUSED);
  const waiting = place.write("b", SMALL);
  await place.paused;
  const stopped = assert.rejects(waiting, (error) => !(error instanceof AzureFailure));
  await place.stack[Symbol.asyncDispose]();
  await stopped;
});
