import assert from "node:assert/strict";
import fc from "fast-check";
import {
  configTemplate,
  emptyTemplate,
  type TemplateAnswers,
} from "../../src/config/config_template.ts";
import { configKeys } from "../../src/config/reference.ts";
import { errorsByKey, load } from "./loading.ts";

const FILE = new URL("../../template.config.toml", import.meta.url);

const SITE = {
  centralPath: "az://northsite-temp/",
  dataPath: "/mnt/data/site",
  auth: {
    auth_mode: "login",
    azure_account_url: "https://upload.chorus4ai.org",
  },
} satisfies TemplateAnswers;

function filled(template: string): string {
  return template
    .replaceAll("{CONTAINER}", "northsite-temp")
    .replaceAll("{DATAPATH}", "/mnt/data/site")
    .replaceAll("{LOCALPATH}", "/var/lib/chorus");
}

Deno.test("template.config.toml is what the schema gives", async () => {
  const file = await Deno.readTextFile(FILE);
  assert.equal(
    file.replaceAll("\r\n", "\n"),
    emptyTemplate(),
    "write emptyTemplate() to template.config.toml",
  );
});

Deno.test("template.config.toml loads without a warning once its placeholders are filled in", async () => {
  const { config, warnings } = await load(filled(await Deno.readTextFile(FILE)));
  assert.deepEqual(warnings, []);
  assert.equal(config.central.path, "az://northsite-temp/");
  assert.equal(config.journal.source.path, "az://northsite-temp/journal.db");
  assert.equal(config.journal.local, "/var/lib/chorus/journal.db");
  assert.deepEqual(config.modalities, ["OMOP", "Images", "Waveforms", "Metadata"]);
  assert.equal(config.sites[0].path, "/mnt/data/site");
});

Deno.test("the template as it is names every key that still holds a placeholder", async () => {
  assert.deepEqual(await errorsByKey(emptyTemplate()), {
    "journal.local.path": "still holds the template's placeholder {LOCALPATH}",
    "journal.source.path": "still holds the template's placeholder {CONTAINER}",
    "central_path.path": "still holds the template's placeholder {CONTAINER}",
    "site_path.default.path": "still holds the template's placeholder {DATAPATH}",
  });
});

/** Every `[table]` of a template with its `key`s, set or as comments. */
function keysIn(template: string): Set<string> {
  const keys = new Set<string>();
  let table = "";
  for (const line of template.split("\n")) {
    table = /^(?:# )?\[([\w.]+)\]$/.exec(line)?.[1] ?? table;
    const key = /^(?:# )?(\w+) = /.exec(line)?.[1];
    if (key !== undefined) keys.add(`${table}.${key}`);
  }
  return keys;
}

Deno.test("every key of the schema stands in the template, set or as a comment", () => {
  const present = [...keysIn(emptyTemplate())].map((key) =>
    key.replace(/^site_path\.\w+/, "site_path.<Modality>")
      .replace(/^drivers\.\w+$/, "drivers.<scheme>")
  );
  for (const { path } of configKeys) {
    assert(present.includes(path.join(".")), path.join("."));
  }
});

Deno.test("every example of the template is a right one", async () => {
  const all = filled(emptyTemplate())
    .replace(/^# (\w+ = .*|\[[\w.]+\])$/gm, "$1");
  assert.notEqual(all, filled(emptyTemplate()));
  const names = [
    "CHORUS_ACCOUNT_KEY",
    "CHORUS_SAS_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
  ];
  const environment = {
    ...Object.fromEntries(names.map((name) => [name, "sig=1"])),
    AZURE_STORAGE_CONNECTION_STRING: "AccountName=acc;AccountKey=a2V5",
  };
  // The example's container is not the one that was filled in: the only contradiction.
  const errors = await errorsByKey(all, environment);
  for (const [key, sentence] of Object.entries(errors)) {
    assert.match(key, /azure_container$/);
    assert.match(sentence, /^is "container", but/);
  }
  const { warnings } = await load(
    all.replaceAll('"container"', '"northsite-temp"'),
    environment,
  );
  assert.deepEqual(warnings.filter((warning) => warning.includes("unknown")), []);
});

Deno.test("the template fits 80 columns", () => {
  for (const line of emptyTemplate().split("\n")) assert(line.length <= 80, line);
});

Deno.test("answers come out of the file as they went in, without a warning", async () => {
  const { config, warnings } = await load(
    configTemplate({
      ...SITE,
      journalPath: "az://northsite-temp/journals/north.db",
      localJournal: "C:\\chorus\\journal.db",
      dataPath: "\\\\fileserver\\pacs\\deid",
      modalities: ["waveforms", "OMOP", "Eye scans", "metadata"],
      journalingMode: "full",
      omopPerPatient: true,
      auth: {
        auth_mode: "sas",
        azure_account_name: "northaccount",
        azure_sas_token: { env: "SAS" },
      },
    }),
    { SAS: "sv=1&sig=x" },
  );
  assert.deepEqual(warnings, []);
  assert.equal(config.journal.mode, "full");
  assert.equal(config.journal.source.path, "az://northsite-temp/journals/north.db");
  assert.equal(config.journal.local, "C:\\chorus\\journal.db");
  assert.equal(config.central.auth.azure_sas_token, "sv=1&sig=x");
  assert.deepEqual(config.central.auth, config.journal.source.auth);
  assert.deepEqual(
    config.sites.map(({ modality, path, pattern }) => [modality, path, pattern]),
    [
      ["Waveforms", "{patient_id:w}/Waveforms/{filepath}"],
      ["OMOP", "{patient_id:w}/OMOP/{filepath}"],
      ["Eye scans", "{patient_id:w}/Eye scans/{filepath}"],
      ["Metadata", "Metadata/{filepath}"],
    ].map(([modality, pattern]) => [modality, "\\\\fileserver\\pacs\\deid", pattern]),
  );
});

Deno.test("a local central store gets no credentials and a journal beside the files", async () => {
  const { config, warnings } = await load(
    configTemplate({ ...SITE, centralPath: "/srv/central" }),
  );
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.central.auth, {});
  assert.equal(config.journal.source.path, "/srv/central/journal.db");
  assert.equal(config.journal.local, "journal.db");
});

Deno.test("any text that a path may be survives the template", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
      async (name) => {
        const dataPath = `/data/${name.replaceAll(/[{}]/g, "")}`;
        const { config } = await load(configTemplate({ ...SITE, dataPath }));
        assert.equal(config.sites[0].path, dataPath);
      },
    ),
    { numRuns: 100 },
  );
});
