/**
 * Scans the folder given as argument in this one thread and prints the largest
 * heap in use, bytes, that was measured after a collection on the way.
 * Needs `--v8-flags=--expose-gc`.
 */
import { scanTree } from "../../src/scan/scan_tree.ts";
import { modality } from "./sample_tree.ts";

declare const gc: () => void;

let peak = 0;
let batches = 0;
for await (const item of scanTree(Deno.args[0], [modality("Images")], { numThreads: 0 })) {
  if (item.kind !== "files" || batches++ % 20 !== 0) continue;
  gc();
  peak = Math.max(peak, Deno.memoryUsage().heapUsed);
}
await Deno.stdout.write(new TextEncoder().encode(`${peak}`));
