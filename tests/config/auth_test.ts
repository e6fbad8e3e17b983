import assert from "node:assert/strict";
import { accountOfUrl } from "../../src/config/azure_auth.ts";
import { errorsByKey, load, onlyWarning } from "./loading.ts";

function central(auth: string, path = "az://box/") {
  return `
    [central_path]
    path = "${path}"
    [site_path.default]
    path = "/data"
    [central_path.auth]
    ${auth}
  `;
}

async function authOf(
  auth: string,
  environment: Record<string, string> = {},
  path?: string,
) {
  const { config, warnings } = await load(central(auth, path), environment);
  assert.deepEqual(warnings, []);
  return config.central.auth;
}

async function authErrors(
  auth: string,
  environment: Record<string, string> = {},
  path?: string,
) {
  const errors = await errorsByKey(central(auth, path), environment);
  return Object.fromEntries(
    Object.entries(errors).map(([key, sentence]) => [
      key.replace("central_path.auth.", ""),
      sentence,
    ]),
  );
}

Deno.test("the account's name comes from its address and the address from its name", async () => {
  assert.deepEqual(
    await authOf('azure_account_url = "https://acc1.blob.core.windows.net"'),
    {
      auth_mode: "login",
      azure_account_url: "https://acc1.blob.core.windows.net",
      azure_account_name: "acc1",
    },
  );
  assert.deepEqual(await authOf('azure_account_name = "acc1"'), {
    auth_mode: "login",
    azure_account_url: "https://acc1.blob.core.windows.net",
    azure_account_name: "acc1",
  });
  assert.deepEqual(await authOf('azure_account_url = "https://upload.chorus4ai.org"'), {
    auth_mode: "login",
    azure_account_url: "https://upload.chorus4ai.org",
  });
});

Deno.test("accountOfUrl knows Azure's hosts and emulators, and no custom domain", () => {
  for (
    const [url, account] of [
      ["https://acc.blob.core.windows.net/", "acc"],
      ["https://acc-secondary.blob.core.windows.net", "acc"],
      ["https://acc.z12.blob.storage.azure.net", "acc"],
      ["https://acc.dfs.core.usgovcloudapi.net", "acc"],
      ["http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1"],
      ["https://localhost:10000/acc/", "acc"],
      ["https://upload.chorus4ai.org", undefined],
      ["no address", undefined],
    ] as const
  ) assert.equal(accountOfUrl(url), account, url);
});

Deno.test("each sign-in is missed by the key it needs", async () => {
  const url = 'azure_account_url = "https://upload.chorus4ai.org"\n';
  assert.deepEqual(await authErrors(`${url}auth_mode = "sas"`), {
    azure_sas_token: 'is missing: auth_mode "sas" needs it',
  });
  assert.deepEqual(await authErrors(`${url}auth_mode = "key"`), {
    azure_account_key: 'is missing: auth_mode "key" needs it',
    azure_account_name: 'is missing: auth_mode "key" needs it, and the address does not tell it',
  });
  assert.match(
    (await authErrors('auth_mode = "connection_string"')).azure_storage_connection_string,
    /^is missing: .*AZURE_STORAGE_CONNECTION_STRING$/,
  );
  for (const mode of ["login", "managed_identity", "service_principal", "anonymous"]) {
    assert.match(
      (await authErrors(`auth_mode = "${mode}"`)).azure_account_url,
      /^is missing: "az:\/\/box\/" needs it, or azure_account_name$/,
    );
  }
});

Deno.test("without auth_mode the given credential decides, with a warning", async () => {
  for (
    const [mode, credential] of [
      ["sas", 'azure_account_name = "acc"\nazure_sas_token = "sv=1&sig=x"'],
      ["key", 'azure_account_name = "acc"\nazure_account_key = "a2V5"'],
      ["connection_string", 'azure_connection_string = "AccountName=acc;AccountKey=a2V5"'],
    ] as const
  ) {
    assert.match(
      await onlyWarning(central(credential)),
      new RegExp(`auth\\.auth_mode is missing: "${mode}" is taken`),
    );
    const { config } = await load(central(credential));
    assert.equal(config.central.auth.auth_mode, mode);
    assert.equal(config.central.auth.azure_account_name, "acc");
  }
});

Deno.test("the environment's connection string is taken where nothing else is given", async () => {
  const environment = {
    AZURE_STORAGE_CONNECTION_STRING: "AccountName=envacc;AccountKey=a2V5",
  };
  const expected = {
    auth_mode: "connection_string",
    azure_storage_connection_string: environment.AZURE_STORAGE_CONNECTION_STRING,
    azure_account_name: "envacc",
  };
  assert.deepEqual(await authOf("", environment), expected);
  assert.deepEqual(await authOf('auth_mode = "connection_string"', environment), expected);
  assert.equal(
    (await authOf('azure_account_name = "acc"', environment)).auth_mode,
    "login",
  );
});

Deno.test("a SAS in the address or with a question mark is read as the token", async () => {
  assert.deepEqual(
    await authOf(
      'auth_mode = "sas"\nazure_account_url = "https://acc.blob.core.windows.net/?sv=1&sig=abc"',
    ),
    {
      auth_mode: "sas",
      azure_account_url: "https://acc.blob.core.windows.net/",
      azure_account_name: "acc",
      azure_sas_token: "sv=1&sig=abc",
    },
  );
  assert.equal(
    (await authOf(
      'auth_mode = "sas_token"\nazure_account_name = "acc"\nazure_sas_token = "?sv=1&sig=abc"',
    ))
      .azure_sas_token,
    "sv=1&sig=abc",
  );
});

Deno.test("plain http is refused everywhere but on the loopback address", async () => {
  for (
    const [auth, key, path] of [
      ['azure_account_url = "http://acc.blob.core.windows.net"', "azure_account_url", "az://box/"],
      ['azure_account_url = "ftp://x"', "azure_account_url", "az://box/"],
      ['azure_account_url = "upload.chorus4ai.org"', "azure_account_url", "az://box/"],
      ['aws_endpoint_url = "http://10.0.0.1:9000"', "aws_endpoint_url", "s3://box/"],
      ['google_endpoint_url = "http://127.0.0.1.evil.org"', "google_endpoint_url", "gs://box/"],
      [
        'auth_mode = "connection_string"\nazure_connection_string = "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=a2V5"',
        "azure_storage_connection_string",
        "az://box/",
      ],
      [
        'auth_mode = "connection_string"\nazure_connection_string = "BlobEndpoint=http://example.org;SharedAccessSignature=sig=x"',
        "azure_storage_connection_string",
        "az://box/",
      ],
    ] as const
  ) {
    const errors = await authErrors(auth, {}, path);
    assert.deepEqual(Object.keys(errors), [key], auth);
    assert.match(errors[key], /https/);
  }
  for (const host of ["127.0.0.1:10000", "localhost:10000", "[::1]:10000"]) {
    const auth = await authOf(`azure_account_url = "http://${host}/acc"`);
    assert.equal(auth.azure_account_name, "acc");
  }
  await authOf(
    'auth_mode = "connection_string"\nazure_connection_string = "UseDevelopmentStorage=true"',
  );
});

Deno.test("a text that is no connection string is told without being shown", async () => {
  const errors = await authErrors(
    'auth_mode = "connection_string"\nazure_connection_string = "c2VjcmV0LWtleQ=="',
  );
  assert.match(errors.azure_storage_connection_string, /^must be a connection string/);
  assert.doesNotMatch(errors.azure_storage_connection_string, /c2VjcmV0/);
});

Deno.test("names that contradict each other are told", async () => {
  assert.match(
    await onlyWarning(
      central(
        'azure_account_name = "one"\nazure_account_url = "https://two.blob.core.windows.net"',
      ),
    ),
    /azure_account_name is "one", but azure_account_url is that of "two"/,
  );
  assert.match(
    (await authErrors('azure_account_name = "No/Account"')).azure_account_name,
    /^must be 3 to 24/,
  );
  assert.match(
    (await authErrors('azure_account_name = "acc"\nazure_container = "other"')).azure_container,
    /is "other", but the path's container is "box"/,
  );
  assert.match(
    await onlyWarning(central('s3_container = "other"', "s3://bucket/x")),
    /s3_container is "other", the path's bucket is "bucket"/,
  );
});

Deno.test("half of an AWS key pair is an error, none is left to the SDK", async () => {
  assert.deepEqual(await authErrors('aws_access_key_id = "AKIA"', {}, "s3://b/"), {
    aws_secret_access_key: "is missing: aws_access_key_id is of no use without it",
  });
  assert.deepEqual(await authErrors('aws_secret_access_key = "x"', {}, "s3://b/"), {
    aws_access_key_id: "is missing: aws_secret_access_key is of no use without it",
  });
  assert.deepEqual(await authOf("", {}, "s3://b/"), {});
});

Deno.test("a secret comes from the environment or from a file, without the line break at its end", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "sv=1&sig=fromfile\n");
    const auth = await authOf(
      `auth_mode = "sas"\nazure_account_name = "acc"\nazure_sas_token = { file = '${file}' }`,
    );
    assert.equal(auth.azure_sas_token, "sv=1&sig=fromfile");
  } finally {
    await Deno.remove(file);
  }
  const auth = await authOf(
    'auth_mode = "key"\nazure_account_name = "acc"\nazure_account_key = { env = "ACCOUNT_KEY" }',
    { ACCOUNT_KEY: " a2V5 " },
  );
  assert.equal(auth.azure_account_key, "a2V5");
});

Deno.test("a secret that is not where it should be is an error that names its key", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/empty`, "\n");
    await Deno.writeFile(`${folder}/large`, new Uint8Array(70_000));
    const token = async (value: string, environment: Record<string, string> = {}) =>
      (await authErrors(
        `auth_mode = "sas"\nazure_account_name = "acc"\nazure_sas_token = ${value}`,
        environment,
      )).azure_sas_token;
    assert.equal(
      await token('{ env = "SAS" }'),
      "names an environment variable, SAS, that is not set",
    );
    assert.equal(
      await token('{ env = "SAS" }', { SAS: " " }),
      "names an environment variable, SAS, that is empty",
    );
    assert.match(await token('{ env = "toString" }'), /that is not set$/);
    assert.match(await token(`{ file = '${folder}/none' }`), /does not exist/);
    assert.match(await token(`{ file = '${folder}/empty' }`), /is empty/);
    assert.match(await token(`{ file = '${folder}/large' }`), /can't be a credential/);
    assert.match(await token(`{ file = '${folder}' }`), /can't be/);
    assert.match(await token('{ env = "A", file = "b" }'), /^must be text, \{ env = "NAME" \}/);
    assert.match(await token("{ }"), /^must be text, /);
    assert.match(await token("12345"), /found a number$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("credentials that nothing uses are not looked up", async () => {
  const { warnings } = await load(`
    [central_path]
    path = "/srv/central"
    [site_path.default]
    path = "/data"
    auth = { azure_sas_token = { env = "NOT_SET" } }
    [site_path.OMOP]
    path = "/o"
    [site_path.Images]
    path = "/i"
    [site_path.Waveforms]
    path = "/w"
    [site_path.Metadata]
    path = "/m"
  `);
  assert.deepEqual(warnings, []);
});

Deno.test("a driver of the site's own gets the auth keys it asks for, and no other path does", async () => {
  const drivers = '[drivers]\nsftp = "./sftp.ts"\n';
  const { config, warnings } = await load(
    `${drivers}${central('sftp_password = { env = "PASSWORD" }\nport = "22"', "sftp://host/x")}`,
    { PASSWORD: "hunter2" },
  );
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.central.auth, { sftp_password: "hunter2", port: "22" });
  assert.match(
    await onlyWarning(drivers + central('sftp_password = "x"', "s3://b/")),
    /unknown key central_path\.auth\.sftp_password/,
  );
  const errors = await errorsByKey(drivers + central("port = 22", "sftp://host/x"));
  assert.match(errors["central_path.auth.port"], /^must be text.*found a number$/);
});
