/** The lock's promises, on a store without server-side copy and without stored MD5s. */

import assert from "node:assert/strict";
import { checkIn } from "../../src/checkout/check_in.ts";
import { checkOut } from "../../src/checkout/check_out.ts";
import { Bench, type BenchPlace } from "./lock_bench.ts";
import { fails, lockSuite } from "./lock_suite.ts";

const folder = Deno.makeTempDirSync({ prefix: "lock-copyless-" });
let count = 0;

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function freshPlace(auth: Record<string, string> = {}): BenchPlace {
  return {
    driver: new URL("./copyless_shelf.ts", import.meta.url).href,
    location: `shelf://${folder}/${++count}.shelf/site`,
    auth,
    environment: {},
  };
}

lockSuite("shelf without copy and MD5", () => Promise.resolve(freshPlace()), {
  // Those that need processes say nothing new here, and one needs `copy`.
  select: (sentence) =>
    !/processes|killed|machines take|before the lock is made|dead for good in an unlock/.test(
      sentence,
    ),
});

Deno.test("a store without metadata is refused as home of a journal", async () => {
  await using bench = new Bench(freshPlace({ keep_metadata: "no" }));
  const ada = await bench.machine("ada");
  await assert.rejects(checkOut(ada.context()), fails("unsupported", /no metadata/));
  await assert.rejects(checkIn(ada.context()), fails("unsupported", /no metadata/));
  assert.deepEqual(ada.files(), []);
});
