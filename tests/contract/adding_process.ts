/**
 * One of many processes that count in one object: reads it, writes one more on
 * condition that nobody else did, and prints a line for each success.
 */

import { isChorusError } from "../../src/errors/chorus_error.ts";
import { openStore } from "../../src/storage/registry.ts";
import { bytesSource } from "../../src/storage/store.ts";
import { bytesOf } from "./driver_contract.ts";

const [path = "", shelf = "", times = "0"] = Deno.args;

await using store = await openStore({ path, auth: {} }, {
  drivers: { shelf: { url: shelf } },
  environment: {},
});
for (let added = 0; added < Number(times);) {
  const { object, bytes } = await store.readAll("counter", { maxBytes: 100 })
    .catch(unlessReplaced);
  if (object === undefined) continue;
  const count = Number(new TextDecoder().decode(bytes));
  const next = bytesSource(bytesOf(String(count + 1)));
  try {
    await store.write("counter", next, { condition: { ifMatch: object.etag } });
  } catch (error) {
    unlessReplaced(error);
    continue;
  }
  added++;
  await Deno.stdout.write(bytesOf("+\n"));
}

/** Somebody else was faster: between look-up and reading, or before our write. */
function unlessReplaced(error: unknown): { object?: undefined; bytes?: undefined } {
  if (isChorusError(error, "precondition_failed")) return {};
  throw error;
}
