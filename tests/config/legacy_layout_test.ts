import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { errorsByKey, load, MINIMAL, onlyWarning } from "./loading.ts";

const FLAT = `
  [configuration]
  journaling_mode = "snapshot"
  upload_method = "builtin"
  [journal]
  path = "az://old/journal.db"
  local_path = "work.db"
  azure_account_name = "acc"
  azure_account_key = "a2V5a2V5"
  [central_path]
  path = "az://old/"
  azure_container = "old"
  azure_connection_string = "AccountName=acc;AccountKey=a2V5a2V5"
  [site_path.default]
  path = "/data"
  [site_path.Images]
  path = "s3://images/x"
  aws_access_key_id = "AKIA12345"
  aws_secret_access_key = "c2VjcmV0"
`;

Deno.test("the flat layout gives the same configuration as the new form that its warning shows", async () => {
  const { config, warnings } = await load(FLAT);
  const shown = warnings.find((warning) => warning.includes("December 2025"));
  assert(shown !== undefined);
  const form = shown.slice(shown.indexOf("\n") + 1);
  const filled = form
    .replace('azure_account_key = "***"', 'azure_account_key = "a2V5a2V5"')
    .replace('aws_access_key_id = "***"', 'aws_access_key_id = "AKIA12345"')
    .replace('aws_secret_access_key = "***"', 'aws_secret_access_key = "c2VjcmV0"')
    .replace(
      'azure_connection_string = "***"',
      'azure_connection_string = "AccountName=acc;AccountKey=a2V5a2V5"',
    );
  assert(!filled.includes("***"), filled);
  assert.doesNotThrow(() => parse(filled));
  const rest = `
    [central_path]
    path = "az://old/"
    azure_container = "old"
    [site_path.default]
    path = "/data"
    [site_path.Images]
    path = "s3://images/x"
  `;
  const modern = await load(filled + rest);
  assert.deepEqual(modern.warnings, []);
  assert.deepEqual(modern.config, config);
  assert.equal(config.journal.mode, "full");
  assert.equal(config.central.auth.auth_mode, "connection_string");
});

Deno.test("settings of old that mean nothing any more are named", async () => {
  for (const line of ['upload_method = "builtin"', 'upload_methods = "azcli"']) {
    const warning = await onlyWarning(`${MINIMAL}[configuration]\n${line}`);
    assert.match(warning, /^site\.toml: configuration\.upload_methods? means nothing any more/);
  }
});

Deno.test("a key in both forms counts once, and is an error when they differ", async () => {
  const both = (flat: string) => `${MINIMAL}[journal]\npath = "${flat}"\nsource.path = "new.db"`;
  const { config } = await load(both("new.db"));
  assert.equal(config.journal.source.path, "new.db");
  assert.deepEqual(await errorsByKey(both("old.db")), {
    "journal.path":
      "is the old form of journal.source.path, which has another value: keep that one",
  });
});

Deno.test("a wrong type in the flat layout is told under the key's new name", async () => {
  const errors = await errorsByKey(`${MINIMAL}[journal]\npath = 5`);
  assert.deepEqual(errors, { "journal.source.path": "must be text, found 5" });
});

Deno.test("the present layout gives no warning about the old one", async () => {
  const { warnings } = await load(MINIMAL + '[journal.source]\npath = "j.db"');
  assert.deepEqual(warnings, []);
});
