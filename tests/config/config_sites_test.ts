import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../src/config/load_config.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";

/** Real-life files and what the predecessor reads in each. */
const FOLDER = new URL("../../../shared/fixtures/config_sites/", import.meta.url);

interface Reading {
  modalities: string[];
  journaling_mode: string;
  "page_size used": number;
  "profiling used": boolean;
  "journal source": string;
  "journal local": string;
  "journal client": string;
  "central path": string;
  "central client": string;
  sites: Record<string, { path: string; pattern: string }>;
}

const readings: Record<string, Reading> = await Deno.readTextFile(
  new URL("predecessor_reading.json", FOLDER),
).then((text) => JSON.parse(text), () => ({}));
const absent = Object.keys(readings).length === 0;
const files = Object.keys(readings).filter((file) => !file.startsWith("03"));

Deno.test({
  name: "the shared fixtures are there (skipped where they are not)",
  ignore: absent,
  fn() {
    assert.equal(Object.keys(readings).length, 12);
  },
});

async function read(file: string) {
  return await loadConfig(fileURLToPath(new URL(file, FOLDER)), { environment: {} });
}

for (const file of files) {
  Deno.test(`${file} loads as the predecessor reads it`, async () => {
    const expected = readings[file];
    const { config, warnings } = await read(file);
    const text = await Deno.readTextFile(new URL(file, FOLDER));
    const legacy = file.startsWith("12");

    assert.deepEqual(config.modalities, expected.modalities);
    assert.equal(
      config.journal.mode,
      expected.journaling_mode.replace("snapshot", "full"),
    );
    assert.equal(
      config.pageSize,
      text.includes("page_size") ? expected["page_size used"] : 1000,
    );
    assert.equal(config.profiling, expected["profiling used"]);
    assert.equal(config.central.path, expected["central path"]);
    assert.equal(config.central.patientFirst, true);
    assert.deepEqual(
      config.sites.map(({ modality, path, pattern }) => ({
        modality,
        path,
        pattern,
      })),
      Object.entries(expected.sites).map(([modality, { path, pattern }]) => ({
        modality,
        path,
        pattern,
      })),
    );
    if (legacy) {
      assert.equal(warnings.length, 2);
      return;
    }
    assert.deepEqual(warnings, []);
    assert.equal(config.journal.source.path, expected["journal source"]);
    assert.equal(config.journal.local, expected["journal local"]);
    for (
      const [auth, client] of [
        [config.journal.source.auth, expected["journal client"]],
        [config.central.auth, expected["central client"]],
      ] as const
    ) {
      const azure = /^AzureBlobClient url=(\S+) sas=(\w+) .*internal_host=(\w+)\./.exec(
        client,
      );
      if (azure === null) continue;
      assert.equal(auth.azure_account_url + "/", azure[1]);
      assert.equal(auth.auth_mode, azure[2] === "True" ? "sas" : "login");
      assert.equal(auth.azure_account_name, azure[3]);
    }
  });
}

Deno.test({
  name: "the unfilled template is refused with every key that holds a placeholder",
  ignore: absent,
  async fn() {
    await assert.rejects(read("03_template_unfilled.toml"), (error) => {
      assert(isChorusError(error, "config"));
      const keys = [...error.message.matchAll(/^- (\S+) .*(\{\w+\})$/gm)]
        .map(([, key, placeholder]) => [key, placeholder]);
      assert.deepEqual(keys, [
        ["journal.source.path", "{CONTAINER}"],
        ["central_path.path", "{CONTAINER}"],
        ["central_path.azure_container", "{CONTAINER}"],
        ["site_path.default.path", "{DATAPATH}"],
      ]);
      return true;
    });
  },
});

Deno.test({
  name: "credentials that the predecessor refuses or crashes on are read",
  ignore: absent,
  async fn() {
    const key = (await read("05_account_key.toml")).config.central.auth;
    assert.equal(key.auth_mode, "key");
    assert.equal(key.azure_account_key.length, 88);
    assert.equal(
      key.azure_account_url,
      "https://examplelanding.blob.core.windows.net",
    );

    const connection = (await read("06_connection_string.toml")).config.journal.source.auth;
    assert.equal(connection.auth_mode, "connection_string");
    assert.match(
      connection.azure_storage_connection_string,
      /^DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;/,
    );

    const sites = (await read("09_s3_images.toml")).config.sites;
    assert.deepEqual(sites.map((site) => site.auth), [
      {},
      {
        s3_container: "imaging-bucket",
        aws_access_key_id: "AKIAEXAMPLEEXAMPLE00",
        aws_secret_access_key: "exampleexampleexampleexampleexampleexamp",
      },
      { aws_profile: "waveforms" },
      {},
    ]);
  },
});

Deno.test({
  name: "aliases of keys and values give their canonical names",
  ignore: absent,
  async fn() {
    const { config } = await read("11_alias_names.toml");
    assert.equal(config.numThreads, 4);
    assert.equal(config.profiling, true);
    assert.equal(config.journal.mode, "full");
    assert.equal(config.journal.source.auth.auth_mode, "sas");
    assert.deepEqual(Object.keys(config.central.auth).sort(), [
      "auth_mode",
      "azure_account_name",
      "azure_storage_connection_string",
    ]);
  },
});

Deno.test({
  name: "the flat layout loads with a warning that shows the new form without its secrets",
  ignore: absent,
  async fn() {
    const { config, warnings } = await read("12_legacy_flat_layout.toml");
    assert.equal(config.journal.mode, "append");
    assert.equal(config.journal.source.path, "az://oldsite-temp/journal.db");
    assert.equal(config.journal.local, "journal_local.db");
    for (const auth of [config.journal.source.auth, config.central.auth]) {
      assert.equal(auth.auth_mode, "sas");
      assert.equal(auth.azure_account_name, "examplelanding");
      assert.match(auth.azure_sas_token, /^sv=2022-11-02&.*sig=/);
    }
    assert.deepEqual(config.sites[1].auth, { aws_profile: "images" });
    assert.match(warnings[0], /configuration\.upload_methods means nothing/);
    assert.match(warnings[1], /\[journal\.source\]\npath = "az:\/\/oldsite-temp\/journal\.db"/);
    assert.match(warnings[1], /\[journal\.local\]\npath = "journal_local\.db"/);
    assert.match(warnings[1], /\[site_path\.Images\.auth\]\naws_profile = "images"/);
    assert.match(warnings[1], /azure_sas_token = "\*\*\*"/);
    assert.doesNotMatch(warnings.join(), /sig=|ZmFrZX/);
  },
});
