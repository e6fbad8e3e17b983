import assert from "node:assert/strict";
import fc from "fast-check";
import { redactedConfig, secretsOf } from "../../src/config/redacted_config.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { load } from "./loading.ts";

/** At least one digit, and long: as credentials are. */
const secrets = fc.stringMatching(/^[A-Za-z0-9+/%~!.-]{8,40}7[A-Za-z0-9+/]{3,20}={0,2}$/);

const secretKeys = [
  "azure_sas_token",
  "azure_account_key",
  "azure_storage_connection_string",
  "azure_connection_string",
  "aws_access_key_id",
  "aws_secret_access_key",
  "aws_session_token",
];

/** Ways in which a secret gets into an auth table, well and badly. */
const values: readonly ((secret: string) => string)[] = [
  (secret) => `"${secret}"`,
  (secret) => `"sv=1&sig=${secret}"`,
  (secret) => `"AccountName=acc;AccountKey=${secret}"`,
  (secret) => `"BlobEndpoint=http://example.org/;SharedAccessSignature=${secret}"`,
  (secret) => `"DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=${secret}"`,
  (secret) => `["${secret}"]`,
  (secret) => `{ env = "${secret}" }`,
  (secret) => `{ file = "${secret}" }`,
  (secret) => `{ file = "/none/${secret}" }`,
  (secret) => `{ text = "${secret}" }`,
  (secret) => `{ env = ["${secret}"] }`,
  (secret) => `"{CONTAINER}${secret}"`,
  (secret) => `"${secret}`,
  (secret) => `"${secret}\\q"`,
  (secret) => `${secret}`,
  (secret) => `"""\n${secret}\n`,
];

const modes = ["", "sas", "key", "connection_string", "login", "nonsense"];

/** Lines around the credential, some of them wrong. */
const surroundings = [
  "",
  'azure_account_name = "acc"',
  'azure_account_url = "https://acc.blob.core.windows.net"',
  'azure_account_url = "http://acc.blob.core.windows.net"',
  'azure_connection_string = "another"',
  "aws_region = 5",
];

/** Everything of an error that could be printed, `--verbose` included. */
function printable(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const remedy = isChorusError(error) ? `${error.remedy}${error.subject}` : "";
  const cause = error.cause === undefined ? "" : printable(error.cause);
  return `${error.message}\n${error.stack}\n${remedy}\n${cause}`;
}

/** What the person sees of a load: warnings, the error, the configuration as it is shown. */
async function seen(text: string): Promise<string> {
  try {
    const { config, warnings } = await load(text);
    return [...warnings, JSON.stringify(redactedConfig(config))].join("\n");
  } catch (error) {
    assert(isChorusError(error, "config"), printable(error));
    return printable(error);
  }
}

Deno.test("no message and no shown configuration ever holds a secret", async () => {
  await fc.assert(
    fc.asyncProperty(
      secrets,
      fc.constantFrom(...secretKeys),
      fc.constantFrom(...values),
      fc.constantFrom(...modes),
      fc.constantFrom(...surroundings),
      fc.constantFrom("az://box/p", "s3://box/p", "/local", "sftp://u:p@h/x"),
      fc.constantFrom(
        "central_path.auth",
        "central_path",
        "site_path.Images.auth",
        "site_path.Images",
      ),
      async (secret, key, value, mode, around, path, table) => {
        const lines = [
          "[central_path]",
          `path = "${path}"`,
          "[site_path.default]",
          'path = "/data"',
          ...table.startsWith("site_path") ? ["[site_path.Images]", `path = "${path}"`] : [],
          ...table.endsWith("auth") ? [`[${table}]`] : [],
          ...mode === "" ? [] : [`auth_mode = "${mode}"`],
          around,
          `${key} = ${value(secret)}`,
        ];
        // Without an auth table the keys stand in a section: the old flat layout.
        const text = table === "central_path"
          ? [...lines.slice(2, 4), ...lines.slice(0, 2), ...lines.slice(4)].join("\n")
          : lines.join("\n");
        const shown = await seen(text);
        assert(!shown.includes(secret), `${secret} in:\n${shown}`);
      },
    ),
    { numRuns: 600 },
  );
});

Deno.test("a secret in the place of something else is not shown either", async () => {
  const secret = "c2VjcmV0L3NlY3JldC9zZWNyZXQ7==";
  const around = (auth: string, path = "az://box/") =>
    `[central_path]\npath = "${path}"\n[site_path.default]\npath = "/d"\n[central_path.auth]\n${auth}`;
  for (
    const text of [
      around(`auth_mode = "${secret}"`),
      around(`azure_sas_tokn = "${secret}"`),
      around(`azure_account_name = "${secret}"`),
      around(`azure_account_url = "${secret}"`),
      around(`azure_account_url = "http://u:${secret}@example.org/?sig=${secret}"`),
      around(
        `azure_account_url = "https://acc.blob.core.windows.net/?sv=1&sig=${secret}"\nauth_mode = "sas"`,
      ),
      around(`aws_region = ["${secret}"]`),
      around("", `az://?sig=${secret}`),
      around("", `az://box?sv=1&sig=${secret}`),
      around("", `sftp://user:${secret}@host/x`),
      `[central_path]\npath = "az://box/"\nauth = "${secret}"`,
      `[drivers]\nweb = "http://u:${secret}@example.org/d.ts"`,
      `azure_sas_token = """\n${secret}`,
      `x = [\n${secret.slice(0, -2)}== = 5`,
    ]
  ) {
    const shown = await seen(text);
    assert(!shown.includes(secret.slice(0, -2)), `in:\n${shown}`);
  }
});

Deno.test("secretsOf lists secrets, their parts and how they look in a URL, the longest first", async () => {
  const { config } = await load(`
    [journal.source]
    path = "sftp://user:hunter22@host/j.db"
    auth = { password = "pass word" }
    [central_path]
    path = "az://box/"
    [central_path.auth]
    auth_mode = "sas"
    azure_account_name = "acc"
    azure_sas_token = "sv=1&sig=ab%2Fcd%3D"
    [site_path.default]
    path = "az://box/"
    [site_path.default.auth]
    auth_mode = "connection_string"
    azure_connection_string = "AccountName=acc;AccountKey=a2V5a2V5==;"
    [drivers]
    sftp = "./sftp.ts"
  `);
  const secrets = secretsOf(config);
  for (
    const secret of [
      "hunter22",
      "pass word",
      "pass%20word",
      "sv=1&sig=ab%2Fcd%3D",
      "ab%2Fcd%3D",
      "ab/cd=",
      "AccountName=acc;AccountKey=a2V5a2V5==;",
      "a2V5a2V5==",
      "a2V5a2V5%3D%3D",
    ]
  ) assert(secrets.includes(secret), secret);
  assert(!secrets.includes("acc"));
  const lengths = secrets.map((secret) => secret.length);
  assert.deepEqual(lengths, lengths.toSorted((left, right) => right - left));
});

Deno.test("redactedConfig hides secrets and keeps everything else", async () => {
  const { config } = await load(`
    [central_path]
    path = "az://box/"
    auth = { auth_mode = "key", azure_account_name = "acc", azure_account_key = "a2V5" }
    [site_path.default]
    path = "sftp://user:hunter22@host/data"
    auth = { password = "x", ca_cert = "ca.pem" }
    [drivers]
    sftp = "https://user:token22@example.org/sftp.ts"
  `);
  const shown = redactedConfig(config);
  assert.deepEqual(shown.central.auth, {
    auth_mode: "key",
    azure_account_name: "acc",
    azure_account_key: "***",
    azure_account_url: "https://acc.blob.core.windows.net",
  });
  assert.equal(shown.central.patientFirst, true);
  assert.equal(shown.sites[0].path, "sftp://user:***@host/data");
  assert.deepEqual(shown.sites[0].auth, { password: "***", ca_cert: "ca.pem" });
  assert.equal(shown.drivers.sftp.url, "https://user:***@example.org/sftp.ts");
  assert.deepEqual({ ...shown, journal: 0, central: 0, sites: 0, drivers: 0 }, {
    ...config,
    journal: 0,
    central: 0,
    sites: 0,
    drivers: 0,
  });
  assert.equal(config.central.auth.azure_account_key, "a2V5");
});
