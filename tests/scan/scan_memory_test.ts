import assert from "node:assert/strict";
import { runPeakHeap } from "../hash/run_peak_heap.ts";
import { SampleTree } from "./sample_tree.ts";

/** The peak heap of a scan of so many patients with 100 files each, bytes. */
async function peakHeap(patients: number): Promise<number> {
  await using tree = new SampleTree();
  tree.write("x");
  for (let patient = 0; patient < patients; patient++) {
    tree.folder(`p${patient}/Images`);
    for (let file = 0; file < 100; file++) {
      // Hard links to one file are as good as files and quicker to make.
      Deno.linkSync(`${tree.root}/x`, `${tree.root}/p${patient}/Images/${file}`);
    }
  }
  return await runPeakHeap(new URL("./peak_heap.ts", import.meta.url), tree.root);
}

Deno.test("the memory of a scan does not grow with the tree", async () => {
  const small = await peakHeap(20);
  const large = await peakHeap(200);
  // 18,000 files more; 40 bytes of each would be found out.
  assert.ok(large - small < 700_000, `${large} bytes against ${small}`);
});
