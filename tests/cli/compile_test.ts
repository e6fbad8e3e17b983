import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Every TypeScript file of a folder. */
function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* sources(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

Deno.test("a compiled program holds every worker: each is listed under compile.include", () => {
  const workers: string[] = [];
  for (const folder of ["src", "drivers"]) {
    for (const path of sources(join(ROOT, folder))) {
      const text = Deno.readTextFileSync(path);
      for (const [, name] of text.matchAll(/new URL\(\s*"(\.[^"]*worker[^"]*\.ts)"/g)) {
        workers.push(relative(ROOT, join(path, "..", name)).replaceAll("\\", "/"));
      }
      // A worker whose module is not named as above would be missed here.
      const started = /new Worker\(/.test(text);
      assert.ok(!started || /new URL\(\s*"[^"]*worker/.test(text), path);
    }
  }
  const { compile } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
  assert.ok(workers.length >= 2);
  assert.deepEqual([...compile.include].sort(), [...new Set(workers)].sort());
});
