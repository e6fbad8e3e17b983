import { join } from "node:path";
import openFolder from "../../drivers/file.ts";
import { testDriver } from "./driver_contract.ts";

testDriver("the file driver", async () => {
  const folder = await Deno.makeTempDir();
  return {
    open: async (prefix) =>
      await openFolder({
        location: join(folder, "store", prefix),
        auth: {},
        environment: {},
      }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}, { copy: true, multipart: false, verifiesMd5: false });
