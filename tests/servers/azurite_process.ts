/**
 * Azurite as a process that ends with the test run, however that ends: it lives
 * as long as its standard input. And with one defect mended: see `atomic`.
 *
 * Where `AZURITE_BEHIND_TLS` is set, what it gets on http came over https
 * to {@linkcode TlsFront}, and it accepts tokens as it does on its own https.
 */

import process from "node:process";
import requestModule from "azurite/dist/src/blob/generated/ExpressRequestAdapter.js";
import storeModule from "azurite/dist/src/blob/persistence/LokiBlobMetadataStore.js";

// Azurite reads the arguments through Node's view of them.
if (!process.argv.includes("--blobHost")) throw new Error("Start it through azurite.ts");
void (async () => {
  for await (const _ of Deno.stdin.readable) { /* only its end matters */ }
  Deno.exit(0);
})();
atomic(storeModule.default.prototype, [
  "createBlob",
  "commitBlockList",
  "startCopyFromURL",
  "copyFromURL",
  "deleteBlob",
]);
if (process.env["AZURITE_BEHIND_TLS"]) {
  requestModule.default.prototype.getProtocol = () => "https";
}
await import("azurite/dist/src/blob/main.js");

/**
 * Azurite checks a condition and acts on it with other requests in between: of
 * eight copies to one name with `If-None-Match: *` that arrive together all win,
 * and eight blobs of that name exist. The service does both in one step, and so
 * do these methods afterwards, one after the other.
 */
function atomic(methods: Record<string, unknown>, names: readonly string[]): void {
  let last: Promise<unknown> = Promise.resolve();
  for (const name of names) {
    const method = methods[name];
    if (typeof method !== "function") throw new Error(`Azurite has no ${name} any more`);
    methods[name] = function (this: unknown, ...args: unknown[]) {
      const turn = last.then(() => method.apply(this, args));
      last = turn.catch(() => {});
      return turn;
    };
  }
}
