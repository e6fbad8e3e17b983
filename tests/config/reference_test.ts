import assert from "node:assert/strict";
import { configKeys, configReference } from "../../src/config/reference.ts";

Deno.test("the reference explains every key and alias", () => {
  const reference = configReference();
  for (const { path, about, aliases = [], allowed } of configKeys) {
    const name = path[path.length - 1];
    const alias = aliases.length === 0 ? "" : ` (alias ${aliases.join(", ")})`;
    assert(reference.includes(`\n  ${name}${alias}\n`), name);
    assert(about.endsWith(".") || about.endsWith("…"), `${name}: ${about}`);
    assert.notEqual(allowed, "", name);
    const unwrapped = reference.replace(/\n +/g, " ");
    assert(unwrapped.includes(about), about);
  }
});

Deno.test("the reference names every table", () => {
  const reference = configReference();
  const tables = new Set(configKeys.map((key) => key.path.slice(0, -1).join(".")));
  for (const table of tables) assert(reference.includes(`\n[${table}]\n`), table);
});

Deno.test("the reference fits 80 columns and has no space at the end of a line", () => {
  for (const line of configReference().split("\n")) {
    assert(line.length <= 80, line);
    assert.equal(line, line.trimEnd());
  }
});

Deno.test("the keys are those of the specification", () => {
  const names = (table: string) =>
    configKeys.filter((key) => key.path.slice(0, -1).join(".") === table)
      .map((key) => key.path[key.path.length - 1]).sort();
  const auth = [
    "auth_mode",
    "aws_access_key_id",
    "aws_endpoint_url",
    "aws_profile",
    "aws_region",
    "aws_secret_access_key",
    "aws_session_token",
    "azure_account_key",
    "azure_account_name",
    "azure_account_url",
    "azure_container",
    "azure_sas_token",
    "azure_storage_connection_string",
    "azure_tenant_id",
    "ca_cert",
    "google_application_credentials",
    "google_endpoint_url",
    "google_project",
    "s3_container",
  ];
  assert.deepEqual(names("configuration"), [
    "min_age",
    "mtime_tolerance",
    "num_threads",
    "page_size",
    "profiling",
    "supported_modalities",
    "upload_method",
  ]);
  assert.deepEqual(names("journal"), ["journaling_mode"]);
  assert.deepEqual(names("journal.local"), ["path"]);
  assert.deepEqual(names("journal.source"), ["path", "upload_method"]);
  assert.deepEqual(names("journal.source.auth"), auth);
  assert.deepEqual(names("central_path"), [
    "azure_container",
    "path",
    "patient_first",
    "upload_method",
  ]);
  assert.deepEqual(names("central_path.auth"), auth);
  assert.deepEqual(names("site_path.<Modality>"), [
    "exclude",
    "follow_links",
    "omop_per_patient",
    "path",
    "pattern",
    "versioned",
  ]);
  assert.deepEqual(names("site_path.<Modality>.auth"), auth);
  assert.deepEqual(names("transfer"), ["max_rate", "max_wait"]);
  assert.deepEqual(names("drivers"), ["<scheme>"]);
});
