import assert from "node:assert/strict";
import { join } from "node:path";
import { signIn, signOut } from "../../drivers/az.ts";
import type { SignInOptions } from "../../src/storage/driver.ts";
import { Azurite } from "../servers/azurite.ts";
import { opensslAvailable, type TestAuthority, testAuthority } from "../servers/test_authority.ts";
import {
  type MetadataService,
  metadataService,
  type SignInService,
  signInService,
  storageToken,
  stubAzureCli,
  TENANT,
} from "../servers/token_endpoints.ts";
import type { LoginOutcome, LoginTry } from "./az_login_process.ts";

// Sign-in is for https alone, and that needs a certificate.
const ignore = !opensslAvailable || Deno.build.os === "windows";
const why = ignore ? " (needs openssl and a POSIX shell)" : "";

let authority: TestAuthority;
let azurite: Azurite;
let signIns: SignInService;
let login: LoginProcess;
let container: string;
let folder: string;
/** One for all tests: the library remembers the first that it finds. */
let metadata: MetadataService;

Deno.test.beforeAll(async () => {
  if (ignore) return;
  folder = await Deno.makeTempDir();
  authority = await testAuthority();
  login = new LoginProcess();
  metadata = metadataService();
  [azurite, signIns] = await Promise.all([
    Azurite.start({ tls: authority, oauth: true }),
    signInService(authority),
  ]);
  azurite.trust(await Deno.readTextFile(authority.ca));
  container = await azurite.container();
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  await login[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  await signIns[Symbol.asyncDispose]();
  await azurite[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

/** The child process that opens containers. */
class LoginProcess implements AsyncDisposable {
  readonly #process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
      new URL("az_login_process.ts", import.meta.url).pathname,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  readonly #writer = this.#process.stdin.getWriter();
  readonly #reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();

  async open(attempt: LoginTry): Promise<LoginOutcome> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(attempt)}\n`));
    for (let text = "";;) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("The process that opens containers has ended");
      text += value;
      if (text.endsWith("\n")) return JSON.parse(text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#process.status;
    await this.#reader.cancel();
  }
}

/** A fresh home with a PATH of its own, a stub of the CLI on it. */
async function home(
  cliToken?: string,
): Promise<{ path: string; environment: Record<string, string> }> {
  const path = await Deno.makeTempDir({ dir: folder });
  await stubAzureCli(path, cliToken);
  return {
    path,
    environment: {
      HOME: path,
      // The stub needs a shell and cat.
      PATH: `${path}:/usr/bin:/bin`,
      AZURE_AUTHORITY_HOST: signIns.origin,
      // Nothing answers there: not an Azure machine.
      AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:9",
    },
  };
}

async function open(
  environment: Record<string, string>,
  auth: Record<string, string> = {},
  interactive = false,
): Promise<LoginOutcome> {
  return await login.open({
    location: `az://${container}/site`,
    auth: {
      auth_mode: "login",
      azure_account_url: azurite.accountUrl,
      ca_cert: authority.ca,
      ...auth,
    },
    environment,
    interactive,
  });
}

function loginTest(sentence: string, test: () => Promise<void>): void {
  Deno.test({ name: `Azure sign-in: ${sentence}${why}`, ignore, fn: test });
}

function signInOptions(environment: Record<string, string>): SignInOptions & { said: string[] } {
  const said: string[] = [];
  return {
    auth: { azure_account_url: azurite.accountUrl, ca_cert: authority.ca, azure_tenant_id: TENANT },
    environment,
    notify: (message) => said.push(message),
    said,
  };
}

const principal = () => ({
  AZURE_TENANT_ID: TENANT,
  AZURE_CLIENT_ID: "client",
  AZURE_CLIENT_SECRET: "right",
});

loginTest("a service principal in the environment goes before az login", async () => {
  const { path, environment } = await home(storageToken());
  signIns.grants.length = 0;
  const outcome = await open({ ...environment, ...principal() });
  assert.deepEqual(outcome, { notices: [], keys: [] });
  assert.deepEqual(signIns.grants.map(({ grant }) => grant), ["client_credentials"]);
  await assert.rejects(Deno.stat(join(path, "asked")), Deno.errors.NotFound);
});

loginTest("a wrong secret is named, and not shown", async () => {
  const { environment } = await home(storageToken());
  const outcome = await open({ ...environment, ...principal(), AZURE_CLIENT_SECRET: "hunter2" });
  assert.ok("kind" in outcome);
  assert.equal(outcome.kind, "credentials");
  assert.match(outcome.message, /AADSTS7000215/);
  assert.doesNotMatch(JSON.stringify(outcome), /hunter2/);
});

loginTest("az login is asked for the tenant of the configuration", async () => {
  const { path, environment } = await home(storageToken());
  const outcome = await open(environment, { azure_tenant_id: TENANT });
  assert.deepEqual(outcome, { notices: [], keys: [] });
  const asked = await Deno.readTextFile(join(path, "asked"));
  assert.match(asked, new RegExp(`--tenant ${TENANT}`));
  assert.match(asked, /https:\/\/storage\.azure\.com/);
});

loginTest("a machine's own identity comes after az login", async () => {
  const { environment } = await home();
  const outcome = await open({
    ...environment,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata.origin,
  });
  assert.deepEqual(outcome, { notices: [], keys: [] });
  assert.ok(metadata.asked.includes("/metadata/instance/compute"));
  assert.ok(metadata.asked.includes("/metadata/identity/oauth2/token"));
});

loginTest("managed_identity asks nobody but the machine", async () => {
  const { path, environment } = await home(storageToken());
  const outcome = await open(
    { ...environment, AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata.origin },
    { auth_mode: "managed_identity" },
  );
  assert.deepEqual(outcome, { notices: [], keys: [] });
  await assert.rejects(Deno.stat(join(path, "asked")), Deno.errors.NotFound);
});

loginTest("without any sign-in and without a terminal opening fails at once", async () => {
  await using google = metadataService("google");
  const { environment } = await home();
  const outcome = await open({
    ...environment,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: google.origin,
  });
  assert.ok("kind" in outcome);
  assert.equal(outcome.kind, "credentials");
  assert.match(outcome.message, /nobody is signed in/);
  assert.match(outcome.message, /az login/);
  assert.match(outcome.remedy ?? "", /chorus-upload login/);
  // Google's metadata service is not taken for Azure's.
  assert.ok(!google.asked.includes("/metadata/identity/oauth2/token"));
});

loginTest("an account that gives no access is refused at once", async () => {
  const { environment } = await home("garbage");
  const outcome = await open(environment);
  assert.ok("kind" in outcome);
  assert.equal(outcome.kind, "credentials");
});

loginTest("on a terminal the device code is shown, and the sign-in is kept", async () => {
  const { environment } = await home();
  const first = await open(environment, {}, true);
  assert.ok("keys" in first);
  assert.match(first.notices.join(), /ABCD1234/);
  const later = await open(environment, {}, false);
  assert.deepEqual(later, { notices: [], keys: [] });
});

loginTest(
  "login keeps the sign-in where only the person can read it, logout forgets it",
  async () => {
    const { path, environment } = await home();
    const options = signInOptions(environment);
    const person = await signIn(options);
    assert.equal(person.account, "engineer@site.example");
    assert.match(options.said.join(), /ABCD1234/);
    const file = join(path, ".config", "chorus-upload", "azure_sign_in.json");
    assert.equal(person.keptIn, file);
    assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    assert.equal(((await Deno.stat(join(file, ".."))).mode ?? 0) & 0o777, 0o700);
    const kept = JSON.parse(await Deno.readTextFile(file));
    assert.ok(kept.RefreshToken, "the library's own format");
    assert.deepEqual(await open(environment), { notices: [], keys: [] });
    assert.equal(await signOut({ environment }), true);
    assert.equal(await signOut({ environment }), false);
    const after = await open(environment);
    assert.ok("kind" in after && after.kind === "credentials");
  },
);

loginTest("a kept sign-in that is no longer good says so at the start", async () => {
  const { environment } = await home();
  signIns.tokenSeconds = 1;
  await signIn(signInOptions(environment));
  signIns.refreshRefused = true;
  try {
    const outcome = await open(environment);
    assert.ok("kind" in outcome);
    assert.equal(outcome.kind, "credentials");
    assert.match(outcome.message, /AADSTS700082/);
  } finally {
    signIns.refreshRefused = false;
    signIns.tokenSeconds = 3600;
  }
});

loginTest("a damaged cache is named with its remedy", async () => {
  const { path, environment } = await home();
  await Deno.mkdir(join(path, ".config", "chorus-upload"), { recursive: true });
  await Deno.writeTextFile(join(path, ".config", "chorus-upload", "azure_sign_in.json"), "{");
  const outcome = await open(environment);
  assert.ok("kind" in outcome);
  assert.equal(outcome.kind, "credentials");
  assert.match(outcome.message, /damaged/);
});

loginTest(
  "a certificate of an unknown authority is refused, whatever the environment says",
  async () => {
    const { environment } = await home(storageToken());
    const outcome = await open(
      { ...environment, NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      { ca_cert: "" },
    );
    assert.ok("kind" in outcome);
    assert.equal(outcome.kind, "io");
    assert.match(outcome.message, /certificate/);
    assert.match(outcome.remedy ?? "", /ca_cert/);
  },
);

loginTest("a place to sign in that can't be reached is no missing sign-in", async () => {
  const { environment } = await home();
  await signIn(signInOptions(environment));
  const file = join(environment.HOME ?? "", ".config", "chorus-upload", "azure_sign_in.json");
  const text = await Deno.readTextFile(file);
  // Expired long ago, so that the sign-in service must be asked.
  await Deno.writeTextFile(
    file,
    text.replaceAll(/"(cached_at|expires_on|extended_expires_on)":"\d+"/g, '"$1":"1"'),
  );
  const outcome = await open({ ...environment, AZURE_AUTHORITY_HOST: "https://127.0.0.1:9" });
  assert.ok("kind" in outcome);
  assert.notEqual(outcome.kind, "credentials", outcome.message);
});
