/** Hashes every file below a folder, as a process of its own; for `hash_bench.ts`. */

import { HashPool } from "../src/hash/hash_pool.ts";
import type { HashRequest } from "../src/hash/hash_result.ts";

function* walk(folder: string): Generator<HashRequest[]> {
  const files: HashRequest[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* walk(path);
    else files.push({ path, isFile: true });
  }
  yield files;
}

const [folder] = Deno.args;
await using pool = new HashPool();
for await (const results of pool.hash(walk(folder))) {
  for (const { request, outcome } of results) {
    if (!outcome.ok) throw new Error(`${request.path}: ${outcome.message}`);
  }
}
