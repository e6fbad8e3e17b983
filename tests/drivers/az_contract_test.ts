import openContainer from "../../drivers/az.ts";
import { testDriver } from "../contract/driver_contract.ts";
import { ACCOUNT_KEY, Azurite } from "../servers/azurite.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

testDriver("the az driver", async () => {
  const container = await azurite.container();
  return {
    open: (prefix) =>
      openContainer({
        location: `az://${container}/${prefix}`,
        auth: {
          auth_mode: "key",
          azure_account_url: azurite.accountUrl,
          azure_account_key: ACCOUNT_KEY,
        },
        environment: {},
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}, { copy: true, multipart: true, verifiesMd5: true });
