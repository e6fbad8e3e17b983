import assert from "node:assert/strict";
import plugin from "../../lint/layers.ts";

/** The ids of the rules that a file at `path` with this text breaks. */
function broken(path: string, text: string): string[] {
  return Deno.lint.runPlugin(plugin, path, text).map((each) => each.id);
}

Deno.test("an import that goes up is reported, whatever its form", () => {
  const up = [
    `import { x } from "../workflows/update_journal.ts";`,
    `import type { X } from "../workflows/update_journal.ts";`,
    `export { x } from "../workflows/update_journal.ts";`,
    `export * from "../workflows/update_journal.ts";`,
    `const x = await import("../workflows/update_journal.ts");`,
  ];
  for (const text of up) {
    assert.deepEqual(broken("/repo/src/journal/rows.ts", text), [
      "chorus/imports-go-down",
    ], text);
  }
});

Deno.test("an import that goes down, or stays in its folder, is allowed", () => {
  const down = [
    `import { x } from "../errors/chorus_error.ts";`,
    `import { x } from "./schema.ts";`,
    `import { x } from "../layout/pattern.ts";`,
    `import type { Emit } from "../workflows/workflow_event.ts";`,
  ];
  for (const text of down) {
    assert.deepEqual(broken("/repo/src/journal/rows.ts", text), [], text);
  }
});

Deno.test("two folders of one layer don't import each other", () => {
  assert.deepEqual(
    broken(
      "/repo/src/checkout/lock.ts",
      `import { x } from "../manifest/registry.ts";`,
    ),
    ["chorus/imports-go-down"],
  );
});

Deno.test("a folder that no layer names is reported", () => {
  assert.deepEqual(
    broken(
      "/repo/src/utils/x.ts",
      `import { x } from "../errors/chorus_error.ts";`,
    ),
    ["chorus/imports-go-down"],
  );
});

Deno.test("a driver imports its contract as types and nothing else of ours", () => {
  assert.deepEqual(
    broken(
      "/repo/drivers/az.ts",
      `import type { Driver } from "../src/storage/driver.ts";`,
    ),
    [],
  );
  assert.deepEqual(
    broken(
      "/repo/drivers/az.ts",
      `import { Driver } from "../src/storage/driver.ts";`,
    ),
    ["chorus/imports-go-down"],
  );
  assert.deepEqual(
    broken(
      "/repo/drivers/az.ts",
      `import { x } from "../src/errors/chorus_error.ts";`,
    ),
    ["chorus/imports-go-down"],
  );
});

Deno.test("a storage SDK is imported in drivers only", () => {
  const text = `import { BlobServiceClient } from "@azure/storage-blob";`;
  assert.deepEqual(broken("/repo/src/transfer/send.ts", text), [
    "chorus/packages-at-home",
  ]);
  assert.deepEqual(broken("/repo/drivers/az/client.ts", text), []);
});

Deno.test("SQLite, the option parser and the terminal stay at home", () => {
  const sqlite = `import { DatabaseSync } from "node:sqlite";`;
  assert.deepEqual(broken("/repo/src/workflows/x.ts", sqlite), [
    "chorus/packages-at-home",
  ]);
  assert.deepEqual(broken("/repo/src/journal/x.ts", sqlite), []);
  const commander = `import { Command } from "@commander-js/extra-typings";`;
  assert.deepEqual(broken("/repo/src/report/x.ts", commander), [
    "chorus/packages-at-home",
  ]);
  const prompts = `const p = await import("@clack/prompts");`;
  assert.deepEqual(broken("/repo/src/commands/x.ts", prompts), [
    "chorus/packages-at-home",
  ]);
});

Deno.test("exit, environment, signals and the streams are named at their home only", () => {
  for (const member of ["exit(1)", "env.get('A')", "stdout", "consoleSize()"]) {
    assert.deepEqual(broken("/repo/src/workflows/x.ts", `Deno.${member};`), [
      "chorus/edges-at-home",
    ], member);
  }
  assert.deepEqual(
    broken("/repo/main.ts", `Deno.exit(1); Deno.env.toObject();`),
    [],
  );
  assert.deepEqual(broken("/repo/src/report/terminal.ts", `Deno.stderr;`), []);
  assert.deepEqual(broken("/repo/src/scan/x.ts", `confirm("Really?");`), [
    "chorus/edges-at-home",
  ]);
});

Deno.test("the synthetic site is loaded by its command only, and only when it runs", () => {
  const dynamic = `await import("../../../testdata/site/generate_site.ts");`;
  const command = "/repo/src/commands/testdata/generate.ts";
  assert.deepEqual(broken(command, dynamic), []);
  assert.deepEqual(
    broken(command, `import { x } from "../../../testdata/site/generate_site.ts";`),
    ["chorus/imports-go-down"],
  );
  assert.deepEqual(broken("/repo/src/commands/file/list.ts", dynamic), [
    "chorus/imports-go-down",
  ]);
});

Deno.test("tests, benchmarks and test data are left alone", () => {
  assert.deepEqual(
    broken("/repo/tests/journal/x_test.ts", `Deno.exit(1);`),
    [],
  );
  assert.deepEqual(
    broken(
      "/repo/bench/src/x.ts",
      `import { DatabaseSync } from "node:sqlite";`,
    ),
    [],
  );
});
