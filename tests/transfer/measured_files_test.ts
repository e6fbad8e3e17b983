import assert from "node:assert/strict";
import { BusyTime } from "../../src/transfer/measured_files.ts";

Deno.test("time counts once however many steps overlap, and not between them", async () => {
  let now = 0;
  const busy = new BusyTime(() => now);
  const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = busy.during(() => steps[0].promise);
  now = 1000;
  const second = busy.during(() => steps[1].promise);
  now = 3000;
  assert.equal(busy.seconds, 3, "under way");
  steps[0].resolve();
  await first;
  now = 4000;
  steps[1].reject(new Error("unreadable"));
  await assert.rejects(second, /unreadable/);
  now = 9000;
  assert.equal(busy.seconds, 4);
});
