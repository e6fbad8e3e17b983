/**
 * Hashes as many empty files as the argument says, with a queue that never runs
 * empty, and prints the largest heap in use, bytes, that was measured after a
 * collection on the way. Needs `--v8-flags=--expose-gc`.
 */
import { HashPool } from "../../src/hash/hash_pool.ts";

declare const gc: () => void;

const files = Number(Deno.args[0]);
const path = Deno.args[1];

function* batches() {
  for (let n = 0; n < files; n += 500) {
    yield Array.from({ length: 500 }, (_, i) => ({ path, label: `file number ${n + i}` }));
  }
}

let peak = 0;
let done = 0;
let next = 0;
await using pool = new HashPool({ workers: 2 });
for await (const results of pool.hash(batches())) {
  done += results.length;
  if (done < next) continue;
  next = done + 2_000;
  gc();
  peak = Math.max(peak, Deno.memoryUsage().heapUsed);
}
await Deno.stdout.write(new TextEncoder().encode(`${peak}`));
