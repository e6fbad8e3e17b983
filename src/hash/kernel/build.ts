/**
 * Writes the kernels: `deno task kernel`. With `--check` only compares them with what is there.
 *
 * `md5_scalar.wasm` holds the kernel for one message, `md5_simd.wasm` the same and those for 4, 8
 * and 12 messages.
 */

import { ChorusError } from "../../errors/chorus_error.ts";
import { CONSTANTS, MEMORY_PAGES } from "./layout.ts";
import { scalarFunction } from "./scalar_function.ts";
import { simdConstants, simdFunction } from "./simd_function.ts";
import { encodeModule } from "./wasm_module.ts";

/** The kernels' names and bytes, always the same for the same source. */
export function buildKernels(): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map([
    ["md5_scalar.wasm", encodeModule([scalarFunction()], { pages: MEMORY_PAGES, data: [] })],
    [
      "md5_simd.wasm",
      encodeModule([scalarFunction(), ...[1, 2, 3].map(simdFunction)], {
        pages: MEMORY_PAGES,
        data: [{ address: CONSTANTS, bytes: simdConstants() }],
      }),
    ],
  ]);
}

async function same(url: URL, bytes: Uint8Array): Promise<boolean> {
  const there = await Deno.readFile(url);
  return there.length === bytes.length && there.every((byte, i) => byte === bytes[i]);
}

if (import.meta.main) {
  for (const [name, bytes] of buildKernels()) {
    const url = new URL(name, import.meta.url);
    if (!Deno.args.includes("--check")) await Deno.writeFile(url, bytes);
    else if (!await same(url, bytes)) {
      throw new ChorusError("io", `${name} is not what its source gives`, {
        remedy: "Run `deno task kernel` and commit the result.",
      });
    }
  }
}
