import assert from "node:assert/strict";
import { runPeakHeap } from "./run_peak_heap.ts";

/** The peak heap of hashing one empty file so many times, bytes. */
async function peakHeap(files: number): Promise<number> {
  const path = await Deno.makeTempFile();
  try {
    return await runPeakHeap(new URL("./peak_heap.ts", import.meta.url), String(files), path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("the memory of the pool does not grow with the number of files, though the queue never empties", async () => {
  const small = await peakHeap(5_000);
  const large = await peakHeap(45_000);
  // 40,000 files more; 40 bytes of each would be found out.
  assert.ok(large - small < 1_600_000, `${large} bytes against ${small}`);
});
