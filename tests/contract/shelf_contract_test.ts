import { join } from "node:path";
import { loadConfiguredDriver } from "../../src/storage/configured_driver.ts";
import { testDriver } from "./driver_contract.ts";

// As a site would name it in its configuration, by URL.
const url = new URL("../../testdata/drivers/shelf.ts", import.meta.url).href;

testDriver("the sample driver", async () => {
  const folder = await Deno.makeTempDir();
  const { default: openShelf } = await loadConfiguredDriver("shelf", { url });
  return {
    open: async (prefix) =>
      await openShelf({
        location: `shelf://${join(folder, "test.shelf", prefix)}`,
        auth: {},
        environment: {},
      }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}, { copy: true, multipart: true, verifiesMd5: true, pagingObjects: 450 });
