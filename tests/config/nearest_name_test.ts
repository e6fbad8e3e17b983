import assert from "node:assert/strict";
import { nearestName } from "../../src/config/nearest_name.ts";

Deno.test("nearestName counts inserted, lost, wrong and swapped letters once each", () => {
  const known = ["page_size", "num_threads", "profiling"];
  for (
    const [typed, distance] of [
      ["page_size", 0],
      ["PAGE_SIZE", 0],
      ["pagesize", 1],
      ["page_sizes", 1],
      ["paeg_size", 1],
      ["page-sise", 2],
    ] as const
  ) assert.deepEqual(nearestName(typed, known), { name: "page_size", distance });
});

Deno.test("nearestName takes the first of equally near names and nothing from nothing", () => {
  assert.equal(nearestName("bat", ["cat", "hat"])?.name, "cat");
  assert.equal(nearestName("bat", []), undefined);
});
