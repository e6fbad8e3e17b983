import assert from "node:assert/strict";
import { errorsByKey, load, MINIMAL, onlyWarning } from "./loading.ts";

const CENTRAL = '[central_path]\npath = "/srv/central"\n';

async function authsOf(text: string) {
  const { config } = await load(CENTRAL + text);
  return Object.fromEntries(
    config.sites.map((site) => [site.modality, [site.path, site.auth]]),
  );
}

Deno.test("auth is inherited as a whole, and only together with the default's path", async () => {
  const sites = await authsOf(`
    [configuration]
    supported_modalities = "OMOP,Images,Waveforms"
    [site_path.default]
    path = "s3://default/root"
    auth = { aws_profile = "default", aws_region = "eu" }
    [site_path.Images]
    path = "s3://images/root"
    [site_path.Waveforms]
    auth = { aws_profile = "waves" }
    [site_path.Metadata]
    path = "s3://default/root"
  `);
  const inherited = { aws_profile: "default", aws_region: "eu" };
  assert.deepEqual(sites, {
    OMOP: ["s3://default/root", inherited],
    Images: ["s3://images/root", {}],
    Waveforms: ["s3://default/root", { aws_profile: "waves" }],
    Metadata: ["s3://default/root", {}],
  });
});

Deno.test("a modality with an Azure path of its own is told why it has no account", async () => {
  const errors = await errorsByKey(`${CENTRAL}
    [site_path.default]
    path = "az://site/root"
    auth = { azure_account_name = "siteaccount" }
    [site_path.Images]
    path = "az://images/root"
  `);
  assert.deepEqual(Object.keys(errors), ["site_path.Images.auth.azure_account_url"]);
  assert.match(Object.values(errors)[0], /does not inherit credentials/);
});

Deno.test("an error in the shared default credentials is told once", async () => {
  const errors = await errorsByKey(
    `${CENTRAL}[site_path.default]\npath = "az://site/root"`,
  );
  assert.deepEqual(Object.keys(errors), ["site_path.default.auth.azure_account_url"]);
});

Deno.test("every modality with a path of its own needs no default", async () => {
  const { config, warnings } = await load(`${CENTRAL}
    [configuration]
    supported_modalities = "Images"
    [site_path.Images]
    path = "/images"
    [site_path.Metadata]
    path = "/metadata"
  `);
  assert.deepEqual(warnings, []);
  assert.deepEqual(config.sites.map((site) => site.path), ["/images", "/metadata"]);
});

Deno.test("modalities and their tables are found in any case and spelled canonically", async () => {
  const { config, warnings } = await load(`${MINIMAL}
    [configuration]
    supported_modalities = "WAVEFORMS, eeg"
    [site_path.waveforms]
    path = "/w"
    [site_path.EEG]
    path = "/e"
  `);
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    config.sites.map(({ modality, path }) => [modality, path]),
    [["Waveforms", "/w"], ["eeg", "/e"], ["Metadata", "/mnt/data/site"]],
  );
});

Deno.test("two tables for one modality, and odd lists of modalities, are told", async () => {
  assert.deepEqual(
    await errorsByKey(`${MINIMAL}[site_path.Images]\n[site_path.images]`),
    { "site_path.images": "is a second table for Images: keep one" },
  );
  const list = (text: string) => `${MINIMAL}[configuration]\nsupported_modalities = "${text}"`;
  assert.match(await onlyWarning(list("OMOP,omop")), /names "OMOP" twice/);
  assert.match(
    (await errorsByKey(list(" , ")))["configuration.supported_modalities"],
    /names no modality/,
  );
  assert.match(
    (await errorsByKey(list("Default")))["configuration.supported_modalities"],
    /stands for all/,
  );
});

Deno.test("a table for a modality that is not supported is a warning", async () => {
  assert.match(
    await onlyWarning(`${MINIMAL}[site_path.Image]\npath = "/x"`),
    /site_path\.Image is not used: .*did you mean Images\?/,
  );
  assert.match(
    await onlyWarning(`${MINIMAL}[site_path."Eye scans"]\npath = "/x"`),
    /site_path\."Eye scans" is not used: "Eye scans" is not in configuration\.supported_modalities$/,
  );
});

Deno.test("versioned without a pattern puts the version before the default, and says so", async () => {
  const { config, warnings } = await load(`${MINIMAL}[site_path.Images]\nversioned = true`);
  assert.equal(config.sites[1].pattern, "{version}/{patient_id:w}/Images/{filepath}");
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /site_path\.Images\.versioned is true and there is no pattern/);
});

Deno.test("flags that contradict the pattern are told; the pattern counts", async () => {
  for (
    const [table, warning] of [
      [
        "[site_path.Images]\nversioned = true\npattern = '{patient_id}/I/{filepath}'",
        /holds no \{version\}: the pattern counts/,
      ],
      [
        "[site_path.Images]\nversioned = false\npattern = '{version}/{patient_id}/I/{filepath}'",
        /holds a \{version\}: the pattern counts/,
      ],
      [
        "[site_path.OMOP]\nomop_per_patient = false\npattern = '{patient_id}/O/{filepath}'",
        /holds \{patient_id\}: the pattern counts/,
      ],
      [
        "[site_path.Images]\npattern = 'I/{filepath}'",
        /without \{patient_id\}: the files go to Images\//,
      ],
      ["[site_path.Images]\nomop_per_patient = true", /under \[site_path\.OMOP\] only/],
      [
        "[site_path.Waveforms]\npattern = '{patient_id:w}/images/{filepath}'",
        /is that of Images, under the same path/,
      ],
    ] as const
  ) assert.match(await onlyWarning(MINIMAL + table), warning);
  assert.match(
    (await errorsByKey(
      `${MINIMAL}[site_path.OMOP]\nomop_per_patient = true\npattern = 'OMOP/{filepath}'`,
    ))["site_path.OMOP.omop_per_patient"],
    /holds no \{patient_id\}/,
  );
});

Deno.test("what a modality does not say comes from the default table", async () => {
  const { config } = await load(`${MINIMAL}
    exclude = ["x/**"]
    follow_links = "anywhere"
    [site_path.Images]
    exclude = ["y/**"]
    path = "/images"
  `);
  assert.deepEqual(config.sites.map((site) => [...site.exclude, site.followLinks]), [
    ["x/**", "anywhere"],
    ["y/**", "anywhere"],
    ["x/**", "anywhere"],
    ["x/**", "anywhere"],
  ]);
});

Deno.test("a glob that can match nothing is an error of the table that holds it", async () => {
  const errors = await errorsByKey(
    `${MINIMAL}exclude = ["/abs"]\n[site_path.Images]\nexclude = ['a\\b']`,
  );
  assert.deepEqual(Object.keys(errors).sort(), [
    "site_path.Images.exclude",
    "site_path.default.exclude",
  ]);
});
