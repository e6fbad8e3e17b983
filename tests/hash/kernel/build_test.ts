import assert from "node:assert/strict";
import { buildKernels } from "../../../src/hash/kernel/build.ts";

Deno.test("the committed kernels are byte for byte what their source gives", async () => {
  const kernels = buildKernels();
  assert.deepEqual([...kernels.keys()], ["md5_scalar.wasm", "md5_simd.wasm"]);
  for (const [name, bytes] of kernels) {
    const url = new URL(`../../../src/hash/kernel/${name}`, import.meta.url);
    assert.ok(
      bytes.toHex() === (await Deno.readFile(url)).toHex(),
      `${name} differs: run \`deno task kernel\``,
    );
  }
});
