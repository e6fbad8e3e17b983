/**
 * The lock's promises, on Azurite. By default the race of processes and what
 * depends on the service; `CHORUS_LONG_TESTS=1` runs all of it, more than once.
 */

import { ACCOUNT, ACCOUNT_KEY, Azurite } from "../servers/azurite.ts";
import { lockSuite } from "./lock_suite.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

const long = (Deno.env.get("CHORUS_LONG_TESTS") ?? "") !== "";
/** What starts dozens of processes or makes hundreds of requests. */
const SLOW = /killed after|killed between|killed at random|goes dead|answer is lost/;

lockSuite("azure", async () => ({
  driver: new URL("../../drivers/az.ts", import.meta.url).href,
  location: `az://${await azurite.container()}/site`,
  auth: {
    auth_mode: "key",
    azure_account_url: azurite.accountUrl,
    azure_account_name: ACCOUNT,
    azure_account_key: ACCOUNT_KEY,
  },
  environment: {},
}), {
  simultaneous: long ? 20 : 8,
  rounds: long ? 5 : 1,
  turns: long ? 8 : 3,
  select: (sentence) => long || !SLOW.test(sentence),
});
