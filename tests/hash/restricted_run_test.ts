import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("./restricted_run.ts", import.meta.url));
const SOURCE = fileURLToPath(new URL("../../src/hash", import.meta.url));
const EMPTY = "d41d8cd98f00b204e9800998ecf8427e";

async function hashInProcess(
  flags: (folder: string) => string[],
): Promise<{ lanes: number; errors: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const expected: Record<string, string> = {};
    for (let i = 0; i < 50; i++) {
      const content = randomBytes(100 * i);
      const path = join(folder, `${i}`);
      await Deno.writeFile(path, content);
      expected[path] = createHash("md5").update(content).digest("hex");
    }
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...flags(folder), SCRIPT, folder],
    }).output();
    const errors = new TextDecoder().decode(stderr);
    assert.ok(success, errors);
    const { lanes, empty, md5s } = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual(md5s, expected);
    assert.equal(empty, EMPTY);
    return { lanes, errors };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("hashing needs no permission but to read the files, and says nothing without workers", async () => {
  const { lanes, errors } = await hashInProcess((folder) => [`--allow-read=${folder}`]);
  assert.equal(lanes, 12);
  assert.doesNotMatch(errors, /error/i);
});

Deno.test("with the permission to read its own source workers hash", async () => {
  const { errors } = await hashInProcess((folder) => [`--allow-read=${folder},${SOURCE}`]);
  assert.doesNotMatch(errors, /error/i);
});

Deno.test("a machine without SIMD hashes with the scalar kernel", {
  ignore: Deno.build.arch !== "x86_64",
}, async () => {
  const { lanes } = await hashInProcess((folder) => [
    `--allow-read=${folder},${SOURCE}`,
    "--v8-flags=--no-enable-ssse3",
  ]);
  assert.equal(lanes, 1);
});
