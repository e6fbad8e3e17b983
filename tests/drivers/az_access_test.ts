import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { openAzure } from "../../drivers/az/open_azure.ts";
import { resolveEndpoint } from "../../drivers/az/endpoint.ts";
import { proxyChoice } from "../../drivers/az/proxy_choice.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { ACCOUNT, ACCOUNT_KEY, Azurite } from "../servers/azurite.ts";
import { ConnectProxy } from "../servers/connect_proxy.ts";
import { FaultProxy } from "../servers/fault_proxy.ts";
import { opensslAvailable, testAuthority } from "../servers/test_authority.ts";
import {
  bodyOf,
  content,
  failureOf,
  keys,
  md5,
  openingFailure,
  openWithKey,
  pattern,
} from "./az_place.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

const CREDENTIAL = new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY);
const HOUR = 3_600_000;
const BYTES = pattern(2_000);

/** A SAS for a container. */
function containerSas(container: string, permissions: string, options = {}): string {
  return generateBlobSASQueryParameters({
    containerName: container,
    permissions: ContainerSASPermissions.parse(permissions),
    expiresOn: new Date(Date.now() + HOUR),
    protocol: SASProtocol.HttpsAndHttp,
    ...options,
  }, CREDENTIAL).toString();
}

function sasOptions(container: string, sas: string, mode = "sas") {
  return {
    location: `az://${container}/site`,
    auth: { auth_mode: mode, azure_account_url: azurite.accountUrl, azure_sas_token: sas },
    environment: {},
  };
}

async function withSas(container: string, permissions: string): Promise<Driver & Disposable> {
  const driver = await openAzure(sasOptions(container, containerSas(container, permissions)));
  return { ...driver, [Symbol.dispose]: () => void driver.close?.() };
}

function write(driver: Driver, key: string, ifAbsent = true) {
  return driver.write(key, bodyOf(BYTES), {
    size: BYTES.length,
    md5: md5(BYTES),
    ...(ifAbsent && { condition: { ifAbsent: true } }),
  });
}

Deno.test("a SAS with all permissions does everything", async () => {
  const container = await azurite.container();
  using driver = await withSas(container, "rcwdl");
  await write(driver, "x");
  assert.ok(driver.copy && driver.multipart);
  await driver.copy("x", "y", { condition: { ifAbsent: true } });
  const upload = await driver.multipart.begin("z", {
    size: BYTES.length,
    partBytes: 1_000,
    md5: md5(BYTES),
  });
  for (const index of [0, 1]) {
    const part = BYTES.subarray(index * 1_000, (index + 1) * 1_000);
    await upload.put(index, part, md5(part));
  }
  await upload.commit(2, { ifAbsent: true });
  assert.deepEqual(await keys(driver), ["x", "y", "z"]);
  for (const key of ["x", "y", "z"]) {
    assert.deepEqual(await content(driver, key), BYTES);
    await driver.remove(key, {});
  }
  assert.deepEqual(await keys(driver), []);
});

Deno.test("an account SAS works under its other name, with a question mark in front", async () => {
  const container = await azurite.container();
  const sas = generateAccountSASQueryParameters({
    permissions: AccountSASPermissions.parse("rwdlac"),
    services: AccountSASServices.parse("b").toString(),
    resourceTypes: AccountSASResourceTypes.parse("sco").toString(),
    expiresOn: new Date(Date.now() + HOUR),
    protocol: SASProtocol.HttpsAndHttp,
  }, CREDENTIAL).toString();
  const driver = await openAzure(sasOptions(container, `?${sas}`, "sas_token"));
  await write(driver, "x");
  assert.deepEqual(await keys(driver), ["x"]);
  await driver.close?.();
});

for (
  const [permissions, act, missing] of [
    ["rcw", (driver: Driver) => keys(driver), "list (l)"],
    ["cwl", (driver: Driver) => content(driver, "x"), "read (r)"],
    ["rl", (driver: Driver) => write(driver, "new"), "create (c) or write (w)"],
    ["rcl", (driver: Driver) => write(driver, "x", false), "write (w)"],
    ["rcwl", (driver: Driver) => driver.remove("x", {}), "delete (d)"],
  ] as const
) {
  Deno.test(`a SAS with ${permissions} that lacks ${missing} is told so`, async () => {
    using owner = await openWithKey(azurite);
    await write(owner, "x");
    using driver = await withSas(owner.container, permissions);
    const failure = await failureOf(driver, act(driver));
    assert.equal(failure.kind, "permission");
    assert.ok(failure.message?.includes(missing), failure.message);
    assert.ok(failure.message?.includes("sp="), failure.message);
    assert.match(failure.remedy ?? "", /rcwdl/);
    assert.deepEqual(await keys(owner), ["x"]);
  });
}

Deno.test("a missing permission is no missing blob, nor the reverse", async () => {
  using owner = await openWithKey(azurite);
  await write(owner, "there");
  using blind = await withSas(owner.container, "cwl");
  for (const key of ["there", "missing"]) {
    assert.equal((await failureOf(blind, blind.stat(key, {}))).kind, "permission");
  }
  using seeing = await withSas(owner.container, "r");
  assert.ok(await seeing.stat("there", {}));
  assert.equal(await seeing.stat("missing", {}), undefined);
});

Deno.test("a SAS that has expired, or is not valid yet, is told so at the start", async () => {
  const container = await azurite.container();
  const past = containerSas(container, "rcwdl", { expiresOn: new Date(Date.now() - HOUR) });
  const expired = await openingFailure(sasOptions(container, past));
  assert.equal(expired.kind, "credentials");
  assert.match(expired.message ?? "", /the SAS expired at \d{4}-\d\d-\d\d/);
  const future = containerSas(container, "rcwdl", { startsOn: new Date(Date.now() + HOUR / 2) });
  const early = await openingFailure(sasOptions(container, future));
  assert.match(early.message ?? "", /valid from/);
  assert.match(early.remedy ?? "", /clock/);
});

Deno.test("a SAS that expires in a run is told so", async () => {
  const container = await azurite.container();
  const soon = new Date(Date.now() + 1_500);
  const sas = containerSas(container, "rcwdl", { expiresOn: soon });
  const driver = await openAzure(sasOptions(container, sas));
  await write(driver, "x");
  await new Promise((resolve) => setTimeout(resolve, soon.getTime() - Date.now() + 1_100));
  const failure = await failureOf(driver, write(driver, "y"));
  assert.ok(["permission", "credentials"].includes(failure.kind), failure.kind);
  assert.match(failure.message ?? "", /the SAS expired at/);
  await driver.close?.();
});

Deno.test("a SAS that is none, or whose signature is wrong, is refused and never shown", async () => {
  const container = await azurite.container();
  const none = await openingFailure(sasOptions(container, "sv=2024&sp=rl"));
  assert.equal(none.kind, "credentials");
  assert.match(none.message ?? "", /no SAS/);
  const forged = containerSas(container, "rcwdl").replace(/sig=[^&]+/, "sig=Zm9yZ2Vk");
  const wrong = await openingFailure(sasOptions(container, forged));
  assert.equal(wrong.kind, "credentials");
  assert.doesNotMatch(JSON.stringify(wrong), /Zm9yZ2Vk/);
});

Deno.test("no error of a SAS shows its signature", async () => {
  const container = await azurite.container();
  await using proxy = await FaultProxy.start(azurite.origin);
  const sas = containerSas(container, "rl");
  const signature = new URLSearchParams(sas).get("sig") ?? "";
  const options = sasOptions(container, sas);
  options.auth.azure_account_url = proxy.through(azurite.accountUrl);
  const driver = await openAzure(options);
  proxy.inject((request) => request.method === "HEAD", { kind: "lose_answer" });
  for (const act of [() => driver.stat("x", {}), () => write(driver, "x")]) {
    try {
      await act();
      assert.fail("it succeeded");
    } catch (error) {
      const shown = Deno.inspect(error, { depth: 10 }) + JSON.stringify(driver.classify(error));
      assert.ok(!shown.includes(signature) && !shown.includes(encodeURIComponent(signature)));
    }
  }
  await driver.close?.();
});

Deno.test("a SAS that may create but not overwrite says that a blob exists", async () => {
  const container = await azurite.container();
  await using proxy = await FaultProxy.start(azurite.origin);
  const options = sasOptions(container, containerSas(container, "cl"));
  options.auth.azure_account_url = proxy.through(azurite.accountUrl);
  const driver = await openAzure(options);
  // The service's own answer; Azurite has another one.
  proxy.inject((request) => request.method === "PUT", {
    kind: "answer",
    status: 403,
    headers: { "x-ms-error-code": "UnauthorizedBlobOverwrite" },
  }, 2);
  assert.equal((await failureOf(driver, write(driver, "x"))).kind, "already_exists");
  assert.equal((await failureOf(driver, write(driver, "x", false))).kind, "permission");
  await driver.close?.();
});

Deno.test("a wrong account key is refused at the start", async () => {
  const container = await azurite.container();
  const auth = {
    auth_mode: "key",
    azure_account_url: azurite.accountUrl,
    azure_account_key: Buffer.from("another key").toString("base64"),
  };
  const failure = await openingFailure({ location: `az://${container}`, auth, environment: {} });
  assert.equal(failure.kind, "credentials");
  assert.match(failure.message ?? "", /account key/);
});

Deno.test("a container that is not there is told at the start", async () => {
  const auth = {
    auth_mode: "key",
    azure_account_url: azurite.accountUrl,
    azure_account_key: ACCOUNT_KEY,
  };
  const failure = await openingFailure({ location: "az://no-such", auth, environment: {} });
  assert.equal(failure.kind, "not_found");
  assert.match(failure.remedy ?? "", /container/);
});

Deno.test("a connection string works, from the section or the environment, with key or SAS", async () => {
  const container = await azurite.container();
  const sas = containerSas(container, "rcwdl");
  const bySas = `BlobEndpoint=${azurite.accountUrl};SharedAccessSignature=${sas}`;
  for (
    const [auth, environment] of [
      [{ azure_storage_connection_string: azurite.connectionString }, {}],
      [{ azure_connection_string: azurite.connectionString }, {}],
      [{}, { AZURE_STORAGE_CONNECTION_STRING: azurite.connectionString }],
      [{ azure_storage_connection_string: bySas }, {}],
    ] as [Record<string, string>, Record<string, string>][]
  ) {
    const driver = await openAzure({
      location: `az://${container}`,
      auth: { auth_mode: "connection_string", ...auth },
      environment,
    });
    assert.deepEqual(await keys(driver), []);
    await driver.close?.();
  }
});

Deno.test("anonymous reads an open container, and is told when one is not open", async () => {
  using owner = await openWithKey(azurite);
  await write(owner, "x");
  const open = (container: string) =>
    openAzure({
      location: `az://${container}/site`,
      auth: { auth_mode: "anonymous", azure_account_url: azurite.accountUrl },
      environment: {},
    });
  const closed = await open(owner.container);
  const failure = await failureOf(closed, closed.stat("x", {}));
  assert.equal(failure.kind, "permission");
  assert.match(failure.remedy ?? "", /auth_mode/);
  await closed.close?.();
  await azurite.client().getContainerClient(owner.container).setAccessPolicy("container");
  const opened = await open(owner.container);
  assert.deepEqual(await keys(opened), ["x"]);
  assert.deepEqual(await content(opened, "x"), BYTES);
  assert.equal((await failureOf(opened, write(opened, "y"))).kind, "permission");
  await opened.close?.();
});

Deno.test("settings that are wrong or unsafe are refused without a request", async () => {
  const key = { auth_mode: "key", azure_account_key: "a2V5" };
  for (
    const [location, auth, expected] of [
      ["az://c1c", { ...key, azure_account_url: "http://account.example.org" }, /not encrypted/],
      ["az://c1c", { ...key, azure_account_url: "http://10.0.0.1:10000/account" }, /not encrypted/],
      ["az://c1c", { ...key }, /which account/],
      ["az://c1c", { ...key, azure_account_name: "Not A Name" }, /can't be the name/],
      ["az://c1c", { auth_mode: "key", azure_account_name: "account" }, /azure_account_key/],
      ["az://c1c", { ...key, azure_account_key: "no key!", azure_account_name: "abc" }, /Base64/],
      ["az://c1c", { auth_mode: "sas", azure_account_name: "account" }, /azure_sas_token/],
      ["az://c1c", { auth_mode: "magic", azure_account_name: "account" }, /"magic"/],
      ["az://c1c", { auth_mode: "connection_string" }, /azure_storage_connection_string/],
      ["az://UPPER/x", { ...key, azure_account_name: "account" }, /container/],
      ["az://c1c", { ...key, azure_account_url: "https://a.org/?sig=x" }, /more than an address/],
      ["az://c1c", { ...key, azure_account_name: "abc", ca_cert: "/no/such/file" }, /ca_cert/],
    ] as [string, Record<string, string>, RegExp][]
  ) {
    const failure = await openingFailure({ location, auth, environment: {} });
    assert.equal(failure.kind, "credentials", failure.message);
    assert.match(failure.message ?? "", expected);
    assert.ok(failure.message);
  }
});

Deno.test("accounts, custom domains and emulators become the right address", async () => {
  for (
    const [auth, href, accountName] of [
      [
        { azure_account_name: "mghb2ailanding" },
        "https://mghb2ailanding.blob.core.windows.net/",
        "mghb2ailanding",
      ],
      [
        {
          azure_account_url: "https://upload.chorus4ai.org/",
          azure_account_name: "mghb2ailanding",
        },
        "https://upload.chorus4ai.org/",
        "mghb2ailanding",
      ],
      [
        { azure_account_url: "examplelanding.blob.core.windows.net" },
        "https://examplelanding.blob.core.windows.net/",
        "examplelanding",
      ],
      [
        { azure_account_url: "http://127.0.0.1:10000/devstoreaccount1" },
        "http://127.0.0.1:10000/devstoreaccount1",
        "devstoreaccount1",
      ],
    ] as [Record<string, string>, string, string][]
  ) {
    const endpoint = await resolveEndpoint({
      location: "az://emory-temp/a/b/",
      auth: { auth_mode: "key", azure_account_key: "a2V5", ...auth },
      environment: {},
    }, Date.now());
    assert.equal(endpoint.accountUrl.href, href);
    assert.equal(endpoint.container, "emory-temp");
    assert.equal(endpoint.prefix, "a/b/");
    assert.deepEqual(endpoint.access, { mode: "key", accountName, accountKey: "a2V5" });
  }
});

Deno.test("NO_PROXY is understood as other tools understand it", () => {
  const choose = (noProxy: string, target: string) =>
    proxyChoice({ HTTPS_PROXY: "http://proxy:3128", NO_PROXY: noProxy })(new URL(target));
  const direct = (noProxy: string, target: string) => choose(noProxy, target) === undefined;
  assert.equal(choose("", "https://a.example.org"), "http://proxy:3128");
  assert.ok(direct("example.org", "https://example.org"));
  assert.ok(direct("example.org", "https://a.example.org"));
  assert.ok(direct(".example.org", "https://a.example.org"));
  assert.ok(direct("*.example.org", "https://a.example.org"));
  assert.ok(!direct("example.org", "https://badexample.org"));
  assert.ok(direct("x, EXAMPLE.org ,y", "https://a.example.org"));
  assert.ok(direct("*", "https://a.example.org"));
  assert.ok(direct("example.org:443", "https://example.org"));
  assert.ok(!direct("example.org:8443", "https://example.org"));
  assert.ok(direct("169.254.169.254", "https://169.254.169.254"));
  assert.equal(proxyChoice({})(new URL("https://a")), undefined);
  assert.equal(proxyChoice({ https_proxy: "proxy:1" })(new URL("https://a")), "http://proxy:1");
});

Deno.test({
  name: "a custom domain is reached through the site's proxy, its certificate verified" +
    (opensslAvailable ? "" : " (needs openssl)"),
  ignore: !opensslAvailable,
  fn: async () => {
    await using authority = await testAuthority(["DNS:upload.chorus4ai.org"]);
    await using secure = await Azurite.start({ tls: authority, accounts: ["upload"] });
    secure.trust(await Deno.readTextFile(authority.ca));
    const container = await secure.container("upload");
    const port = Number(new URL(secure.origin).port);
    const route = () => ({ host: "127.0.0.1", port });
    await using proxy = await ConnectProxy.start({ route, credentials: "site:secret" });
    const open = (auth: Record<string, string>, environment: Record<string, string>) => ({
      location: `az://${container}/site`,
      auth: {
        auth_mode: "key",
        azure_account_url: "https://upload.chorus4ai.org",
        azure_account_name: "upload",
        azure_account_key: ACCOUNT_KEY,
        ...auth,
      },
      environment,
    });
    const through = { HTTPS_PROXY: proxy.url.replace("//", "//site:secret@") };
    const driver = await openAzure(open({ ca_cert: authority.ca }, through));
    const large = pattern(3_000_000);
    await driver.write("x", bodyOf(large), { size: large.length, md5: md5(large) });
    assert.ok(Buffer.from(await content(driver, "x")).equals(large));
    for (let i = 0; i < 8; i++) assert.deepEqual(await keys(driver), ["x"]);
    await driver.close?.();
    assert.deepEqual([...new Set(proxy.tunnels)], ["upload.chorus4ai.org:443"]);
    assert.ok(proxy.tunnels.length <= 3, `${proxy.tunnels.length} connections for 10 requests`);

    const untrusted = await openingFailure(open({}, through));
    assert.equal(untrusted.kind, "io");
    assert.match(untrusted.message ?? "", /certificate/);
    assert.match(untrusted.remedy ?? "", /ca_cert/);

    const stranger = await openingFailure(open(
      { ca_cert: authority.ca, azure_account_url: "https://other.chorus4ai.org" },
      through,
    ));
    assert.equal(stranger.kind, "io", "the certificate is another host's");

    const locked = await openingFailure(
      open({ ca_cert: authority.ca }, { HTTPS_PROXY: proxy.url }),
    );
    assert.notEqual(locked.kind, "not_found");
    assert.match(`${locked.message} ${locked.remedy}`, /HTTPS_PROXY/);
  },
});
