import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { loadConfig } from "../../src/config/load_config.ts";
import { configKeys } from "../../src/config/reference.ts";
import { type ChorusError, isChorusError } from "../../src/errors/chorus_error.ts";
import { errorsByKey, load, loadError, MINIMAL, onlyWarning } from "./loading.ts";

async function withFolder(body: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rejection(promise: Promise<unknown>): Promise<ChorusError> {
  const error = await promise.then(() => undefined, (error) => error);
  assert(isChorusError(error, "config"), String(error));
  return error;
}

Deno.test("the least configuration loads with every default", async () => {
  const { config, warnings } = await load(MINIMAL);
  assert.deepEqual(warnings, []);
  const site = { path: "/mnt/data/site", auth: {}, exclude: [], followLinks: "inside" };
  assert.deepEqual(config, {
    file: "site.toml",
    modalities: ["OMOP", "Images", "Waveforms", "Metadata"],
    pageSize: 1000,
    numThreads: undefined,
    profiling: false,
    fileListOutputType: "list",
    minAgeMs: 0,
    mtimeToleranceUs: 1000,
    journal: {
      mode: "append",
      local: "journal.db",
      source: { path: "journal.db", auth: {} },
    },
    central: { path: "/srv/central", patientFirst: true, auth: {} },
    sites: [
      { modality: "OMOP", pattern: "OMOP/{filepath}", ...site },
      { modality: "Images", pattern: "{patient_id:w}/Images/{filepath}", ...site },
      { modality: "Waveforms", pattern: "{patient_id:w}/Waveforms/{filepath}", ...site },
      { modality: "Metadata", pattern: "Metadata/{filepath}", ...site },
    ],
    transfer: { maxRate: undefined, maxWaitMs: 1_800_000 },
    drivers: {},
  });
});

Deno.test("every key is read", async () => {
  const { config, warnings } = await load(`
    [configuration]
    supported_modalities = " omop , ECG,images"
    page_size = 7
    num_threads = 3
    profiling = true
    upload_method = "azcopy"
    min_age = "10m"
    mtime_tolerance = "2s"
    [journal]
    journaling_mode = "full"
    local.path = "work/j.db"
    source.path = "sftp://host/j.db"
    source.upload_method = "builtin"
    source.auth = { sftp_user = "u", ca_cert = "ca.pem" }
    [central_path]
    path = "az://box/prefix"
    azure_container = "box"
    patient_first = false
    upload_method = "builtin"
    [central_path.auth]
    auth_mode = "service_principal"
    azure_tenant_id = "tenant"
    azure_account_url = "https://acc.blob.core.windows.net/"
    azure_container = "box"
    [site_path.default]
    path = "/data"
    exclude = ["**/.DS_Store"]
    follow_links = "never"
    [site_path.omop]
    omop_per_patient = true
    [site_path.ECG]
    path = "gs://bucket/x"
    pattern = "{patient_id}/ecg/{filepath}"
    exclude = []
    follow_links = "anywhere"
    auth = { google_project = "p", google_application_credentials = "c.json", google_endpoint_url = "http://127.0.0.1:4443" }
    [transfer]
    max_rate = "08:00,50M 18:00,off"
    max_wait = "2h"
    [drivers]
    sftp = "./drivers/sftp.ts"
    web = { url = "https://example.org/d.ts", sha256 = "${"AB".repeat(32)}" }
  `);
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.modalities, ["OMOP", "ECG", "Images", "Metadata"]);
  assert.equal(config.pageSize, 7);
  assert.equal(config.numThreads, 3);
  assert.equal(config.profiling, true);
  assert.equal(config.fileListOutputType, "azcopy");
  assert.equal(config.minAgeMs, 600_000);
  assert.equal(config.mtimeToleranceUs, 2_000_000);
  assert.deepEqual(config.journal, {
    mode: "full",
    local: "work/j.db",
    source: {
      path: "sftp://host/j.db",
      auth: { sftp_user: "u", ca_cert: "ca.pem" },
    },
  });
  assert.deepEqual(config.central, {
    path: "az://box/prefix",
    patientFirst: false,
    auth: {
      auth_mode: "service_principal",
      azure_tenant_id: "tenant",
      azure_account_url: "https://acc.blob.core.windows.net/",
      azure_account_name: "acc",
      azure_container: "box",
    },
  });
  assert.deepEqual(config.sites.slice(0, 2), [
    {
      modality: "OMOP",
      path: "/data",
      auth: {},
      pattern: "{patient_id:w}/OMOP/{filepath}",
      exclude: ["**/.DS_Store"],
      followLinks: "never",
    },
    {
      modality: "ECG",
      path: "gs://bucket/x",
      auth: {
        google_project: "p",
        google_application_credentials: "c.json",
        google_endpoint_url: "http://127.0.0.1:4443",
      },
      pattern: "{patient_id}/ecg/{filepath}",
      exclude: [],
      followLinks: "anywhere",
    },
  ]);
  assert.deepEqual(config.transfer, {
    maxRate: [
      { fromMinute: 480, bytesPerSecond: 50_000_000 },
      { fromMinute: 1080, bytesPerSecond: Infinity },
    ],
    maxWaitMs: 7_200_000,
  });
  assert.deepEqual(config.drivers, {
    sftp: { url: "./drivers/sftp.ts" },
    web: { url: "https://example.org/d.ts", sha256: "ab".repeat(32) },
  });
});

Deno.test("a rate may be a plain number of bytes per second", async () => {
  const { config } = await load(MINIMAL + "[transfer]\nmax_rate = 50_000_000");
  assert.deepEqual(config.transfer.maxRate, [
    { fromMinute: 0, bytesPerSecond: 50_000_000 },
  ]);
});

Deno.test("errors of every kind are told at once, each with its full key", async () => {
  const errors = await errorsByKey(`
    [configuration]
    supported_modalities = "OMOP,a/b"
    page_size = "many"
    num_threads = 0
    profiling = "yes"
    upload_method = "ftp"
    min_age = "soon"
    mtime_tolerance = "1h"
    [journal]
    journaling_mode = "sometimes"
    source = "journal.db"
    local.path = "az://c/journal.db"
    [central_path]
    patient_first = 1
    upload_method = "azcopy"
    [site_path]
    path = "/data"
    [site_path.OMOP]
    path = ["/data"]
    pattern = "OMOP"
    exclude = "x"
    follow_links = true
    [site_path.Metadata]
    pattern = 'Metadata\\{filepath}'
    exclude = ["ok", 3]
    [transfer]
    max_rate = -5
    max_wait = 1979-05-27
    [drivers]
    sftp = { url = "./d.ts", sha256 = "12" }
    web = "http://example.org/d.ts"
    X = "./d.ts"
  `);
  const expected: Record<string, RegExp> = {
    "configuration.supported_modalities": /^is wrong: "a\/b" can't be a modality's name/,
    "configuration.page_size": /^must be a whole number from 1 on, found "many"$/,
    "configuration.num_threads": /^must be a whole number from 1 on, found 0$/,
    "configuration.profiling": /^must be true or false, found "yes"$/,
    "configuration.upload_method": /^must be "list", "azcli" or "azcopy", found "ftp"$/,
    "configuration.min_age":
      /^must be a duration such as "10m".*, found "soon": "soon" is not a duration$/,
    "configuration.mtime_tolerance": /^must be a duration from "1ms" to "10s", found "1h"$/,
    "journal.journaling_mode": /^must be "append" or "full" .*, found "sometimes"$/,
    "journal.source": /^must be a table, found "journal.db"$/,
    "journal.local.path": /^must be a file of this machine, found "az:\/\/c\/journal.db"$/,
    "central_path.path": /^is missing: /,
    "central_path.patient_first": /^must be true or false, found 1$/,
    "central_path.upload_method": /^must be "builtin", found "azcopy"$/,
    "site_path.path": /^must be a table, found "\/data": .*\[site_path\.default\]$/,
    "site_path.OMOP.path": /^must be text, found an array$/,
    "site_path.OMOP.pattern": /^is wrong: .*"OMOP" has no \{filepath\}/,
    "site_path.OMOP.exclude": /^must be an array of texts .*, found "x"$/,
    "site_path.OMOP.follow_links": /^must be "inside", "anywhere" or "never", found true$/,
    "site_path.Metadata.pattern": /^is wrong: .* holds a backslash/,
    "site_path.Metadata.exclude": /^must be an array of texts .*, found an array$/,
    "site_path.default.path": /^is missing: Metadata has no path of its own$/,
    "transfer.max_rate": /^must be bytes per second .*, found -5: .* which is not a rate$/,
    "transfer.max_wait": /^must be a duration .*, found a date or time$/,
    "drivers.sftp": /^must be text or \{ url = .*, found a table$/,
    "drivers.web": /^must begin with https:\/\//,
    "drivers.X": /^must be a scheme/,
  };
  assert.deepEqual(Object.keys(errors).sort(), Object.keys(expected).sort());
  for (const [key, sentence] of Object.entries(expected)) {
    assert.match(errors[key], sentence, key);
  }
});

Deno.test("one error is one sentence with file, key, what was found and what is allowed", async () => {
  const error = await loadError(MINIMAL + "[configuration]\npage_size = 1.5");
  assert.equal(
    error.message,
    "site.toml: configuration.page_size must be a whole number from 1 on, found 1.5.",
  );
  assert.match(error.remedy ?? "", /config-help/);
  assert.equal(error.subject, "site.toml");
});

Deno.test("an empty file names what is required", async () => {
  const errors = await errorsByKey("");
  assert.deepEqual(Object.keys(errors), ["central_path.path", "site_path.default.path"]);
  assert.match(errors["site_path.default.path"], /OMOP, Images, Waveforms, Metadata have no path/);
});

Deno.test("an empty text is no value", async () => {
  const errors = await errorsByKey('[central_path]\npath = ""\n[site_path.default]\npath = "/d"');
  assert.deepEqual(errors, { "central_path.path": "must be text, found nothing" });
});

Deno.test("a placeholder in any key is an error that names the key, once", async () => {
  const errors = await errorsByKey(`
    [journal.local]
    path = "{LOCALPATH}/journal.db"
    [central_path]
    path = "az://{CONTAINER}/"
    auth = { azure_sas_token = "{CONTAINER}", azure_account_name = "account", auth_mode = "sas" }
    [site_path.default]
    path = "{DATAPATH}"
    exclude = ["{DATAPATH}/x"]
    [site_path.Images]
    pattern = "{DATAPATH}/{patient_id}/{filepath}"
  `);
  assert.deepEqual(errors, {
    "journal.local.path": "still holds the template's placeholder {LOCALPATH}",
    "central_path.path": "still holds the template's placeholder {CONTAINER}",
    "central_path.auth.azure_sas_token": "still holds the template's placeholder {CONTAINER}",
    "site_path.default.path": "still holds the template's placeholder {DATAPATH}",
    "site_path.default.exclude": "still holds the template's placeholder {DATAPATH}",
    "site_path.Images.pattern": "still holds the template's placeholder {DATAPATH}",
  });
});

Deno.test("an unknown key is a warning with the name that was meant", async () => {
  for (
    const [text, hint] of [
      [
        "[configuration]\npagesize = 1",
        /unknown key configuration\.pagesize is ignored; did you mean page_size\?/,
      ],
      [
        "[configuration]\nmax_rate = '1M'",
        /configuration\.max_rate is ignored; it belongs in \[transfer\]/,
      ],
      [
        "[central]\npath = 'x'",
        /unknown key central is ignored; did you mean central_path\?/,
      ],
      ["[transfers]\nmax_rate = '1M'", /did you mean transfer\?/],
      ["[site_path.Images]\nPattern = 'x'", /did you mean pattern\?/],
      [
        "[site_path.Images.auth]\naws_profil = 'x'",
        /site_path\.Images\.auth\.aws_profil .* aws_profile\?/,
      ],
      ["[journal.source]\nurl = 'x'", /journal\.source\.url .* nearest known name is \w+/],
    ] as const
  ) {
    const warning = await onlyWarning(MINIMAL + text);
    assert.match(warning, /^site\.toml: /);
    assert.match(warning, hint);
  }
});

Deno.test("a key beside its alias is an error only when they differ", async () => {
  const both = (alias: number) => `${MINIMAL}[configuration]\nnum_threads = 2\nnthreads = ${alias}`;
  assert.equal((await load(both(2))).config.numThreads, 2);
  assert.deepEqual(await errorsByKey(both(3)), {
    "configuration.nthreads":
      "and num_threads are the same setting and have different values: keep one",
  });
});

Deno.test("a syntax error gives line and column but not the line, which may hold a secret", async () => {
  const error = await loadError('[central_path.auth]\nazure_sas_token = "sv=1&sig=TOPSECRET\n');
  assert.match(error.message, /^site\.toml, line 2, column \d+: .*\(at "azure_sas_token"\)\.$/);
  assert.doesNotMatch(`${error.message}${error.remedy}${error.stack}`, /TOPSECRET/);
  assert.equal(error.cause, undefined);
});

Deno.test("a Windows path in double quotes gets a remedy that helps", async () => {
  const error = await loadError('[site_path.default]\npath = "D:\\site"');
  assert.match(error.message, /line 2, column \d+/);
  assert.match(error.remedy ?? "", /single quotes/);
});

Deno.test("a table that stands twice is told with its place", async () => {
  const error = await loadError("[journal]\n[central_path]\n[journal]\n");
  assert.match(error.message, /line 3/);
  assert.match(error.remedy ?? "", /stands twice/);
});

Deno.test("the journal's working copy is a local source itself, else the source's last part", async () => {
  const local = async (journal: string) =>
    (await load(`${MINIMAL}[journal]\n${journal}`)).config.journal.local;
  assert.equal(await local('source.path = "/srv/j/site.db"'), "/srv/j/site.db");
  assert.equal(await local('source.path = "rel/site.db"'), "rel/site.db");
  assert.equal(await local('source.path = "file:///srv/my%20j/site.db"'), "/srv/my j/site.db");
  assert.equal(await local('source.path = "s3://b/deep/site.db"'), "site.db");
  assert.equal(
    await local('source.path = "s3://b/site.db"\nlocal.path = "w/x.db"'),
    "w/x.db",
  );
});

Deno.test("a journal path that names no file is an error", async () => {
  for (
    const path of ["s3://bucket", "s3://bucket/", "s3://bucket/folder/", "/srv/journals/", "."]
  ) {
    const errors = await errorsByKey(`${MINIMAL}[journal.source]\npath = "${path}"`);
    assert.match(errors["journal.source.path"], /names no file/, path);
  }
});

Deno.test("a cloud path without a container is an error", async () => {
  const errors = await errorsByKey(
    '[central_path]\npath = "s3:///x"\n[site_path.default]\npath = "az:/x"',
  );
  assert.match(errors["central_path.path"], /names no container/);
  assert.match(errors["site_path.default.path"], /come two slashes/);
});

Deno.test("the central container must agree with the path", async () => {
  const text = (container: string, path: string) => `
    [central_path]
    path = "${path}"
    azure_container = "${container}"
    auth = { azure_account_name = "account" }
    [site_path.default]
    path = "/data"`;
  assert.deepEqual((await load(text("box", "az://box/p"))).warnings, []);
  assert.deepEqual(await errorsByKey(text("other", "az://box/p")), {
    "central_path.azure_container": 'is "other", but the container in central_path.path is "box"',
  });
  assert.match(await onlyWarning(text("box", "/srv/central")), /azure_container has no effect/);
});

Deno.test("a home folder's sign is not replaced, and a warning says so", async () => {
  assert.match(
    await onlyWarning('[central_path]\npath = "~/central"\n[site_path.default]\npath = "/d"'),
    /central_path\.path is "~\/central": "~" is not replaced/,
  );
});

Deno.test("an array of tables, or a date, is no table", async () => {
  assert.deepEqual(
    await errorsByKey(
      `${MINIMAL}[[journal]]\nlocal.path = "x"\n[[site_path.Images]]\n[central_path.auth.x]`,
    ),
    {
      "journal": "must be a table, found an array",
      "site_path.Images": "must be a table, found an array",
    },
  );
  assert.deepEqual(await errorsByKey(`transfer = 2026-01-01\n${MINIMAL}`), {
    "transfer": "must be a table, found a date or time",
  });
});

Deno.test("an empty text in a setting is the same as leaving it out", async () => {
  const { config, warnings } = await load(`
    [central_path]
    path = "az://box/"
    azure_container = ""
    [central_path.auth]
    auth_mode = "login"
    azure_account_name = "acc"
    azure_tenant_id = ""
    azure_sas_token = ""
    [site_path.default]
    path = "/data"
  `);
  assert.deepEqual(warnings, []);
  assert.deepEqual(Object.keys(config.central.auth).sort(), [
    "auth_mode",
    "azure_account_name",
    "azure_account_url",
  ]);
});

Deno.test("whatever stands in a file, it loads or gives our error", async () => {
  const names = [...new Set(configKeys.flatMap(({ path, aliases = [] }) => [...path, ...aliases]))];
  const name = fc.oneof(
    fc.constantFrom(...names, "default", "OMOP", "constructor", ""),
    fc.string({ maxLength: 5 }),
  );
  const leaf = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "az://c/x",
      "s3://b",
      "file:///x",
      "{version}/{filepath}",
      "10m",
      "50M",
      "sas",
      "full",
      "{DATAPATH}",
    ),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(leaf, { maxLength: 3 }),
      fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));
  const tables = fc.record(
    {
      configuration: fc.dictionary(name, value, { noNullPrototype: true }),
      journal: fc.dictionary(name, value, { noNullPrototype: true }),
      central_path: fc.dictionary(name, value, { noNullPrototype: true }),
      site_path: fc.dictionary(name, value, { noNullPrototype: true }),
      transfer: fc.dictionary(name, value, { noNullPrototype: true }),
      drivers: fc.dictionary(name, value, { noNullPrototype: true }),
    },
    { requiredKeys: [] },
  );
  let loaded = 0;
  await fc.assert(
    fc.asyncProperty(tables, async (table) => {
      try {
        await load(stringify(table));
        loaded++;
      } catch (error) {
        assert(
          isChorusError(error, "config"),
          String(error instanceof Error ? error.stack : error),
        );
        assert.doesNotMatch(error.message, /undefined|\[object/);
      }
    }),
    {
      numRuns: 300,
      examples: [[{ central_path: { path: "/c" }, site_path: { default: { path: "/d" } } }]],
    },
  );
  assert(loaded > 0);
});

Deno.test("a missing file is an error that names it and `config init`", async () => {
  await withFolder(async (folder) => {
    const error = await rejection(
      loadConfig(`${folder}/none.toml`, { environment: {} }),
    );
    assert.match(error.message, /none\.toml" does not exist/);
    assert.match(error.remedy ?? "", /config init/);
  });
});

Deno.test("a folder in the place of the file is an error", async () => {
  await withFolder(async (folder) => {
    const error = await rejection(loadConfig(folder, { environment: {} }));
    assert.match(error.message, /can't be read/);
  });
});

Deno.test("a byte order mark and Windows line ends are read over", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/config.toml`;
    await Deno.writeTextFile(file, "\uFEFF" + MINIMAL.trim().replaceAll("\n", "\r\n"));
    const { config } = await loadConfig(file, { environment: {} });
    assert.equal(config.central.path, "/srv/central");
    assert.equal(config.file, file);
  });
});

Deno.test("a file in another encoding is told as that", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/config.toml`;
    await Deno.writeFile(file, new Uint8Array([0xff, 0xfe, 0x5b, 0x00]));
    const utf16 = await rejection(loadConfig(file, { environment: {} }));
    assert.match(utf16.message, /is UTF-16/);
    await Deno.writeFile(file, new Uint8Array([0x23, 0xe9]));
    const latin1 = await rejection(loadConfig(file, { environment: {} }));
    assert.match(latin1.message, /is not UTF-8/);
  });
});
