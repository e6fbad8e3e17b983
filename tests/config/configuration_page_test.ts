import assert from "node:assert/strict";
import { authKeyInfo } from "../../src/config/key_table.ts";
import { configKeys } from "../../src/config/reference.ts";
import { parse } from "smol-toml";
import { load } from "./loading.ts";

const PAGE = await Deno.readTextFile(new URL("../../docs/configuration.md", import.meta.url));
const examples = [...PAGE.matchAll(/^```toml\n(.*?)^```$/gms)].map(([, text]) => text);

Deno.test("every example of docs/configuration.md loads without a warning", async () => {
  assert(examples.length >= 5);
  for (const example of examples) {
    const tables = parse(example);
    // Excerpts get what every file must have.
    const whole = [
      example,
      "central_path" in tables ? "" : '[central_path]\npath = "/srv/central"',
      "site_path" in tables ? "" : '[site_path.default]\npath = "/data"',
    ].join("\n");
    const { warnings } = await load(whole, {
      CHORUS_SAS_TOKEN: "sv=1&sig=x",
      SFTP_PASSWORD: "hunter2",
    });
    assert.deepEqual(warnings, [], example);
  }
});

Deno.test("docs/configuration.md names no key that the schema does not have", () => {
  const known = new Set([
    ...authKeyInfo.keys(),
    ...configKeys.flatMap(({ path }) => path),
    // Of the flat layout.
    "local_path",
  ]);
  const named = [...PAGE.matchAll(/`(?:\w+\.)?([a-z]+_[a-z_]+)(?: = [^`]*)?`/g)]
    .map(([, name]) => name)
    .filter((name) =>
      !["managed_identity", "service_principal", "connection_string", "sas_token"]
        .includes(name)
    );
  assert(named.length > 10);
  for (const name of named) assert(known.has(name), name);
});
