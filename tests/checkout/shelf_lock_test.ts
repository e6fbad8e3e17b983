/** The lock's promises, on the sample driver. */

import { lockSuite } from "./lock_suite.ts";

const folder = Deno.makeTempDirSync({ prefix: "lock-shelf-" });
let count = 0;

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

lockSuite("shelf", () =>
  Promise.resolve({
    driver: new URL("../../testdata/drivers/shelf.ts", import.meta.url).href,
    location: `shelf://${folder}/${++count}.shelf/site`,
    auth: {},
    environment: {},
  }));
