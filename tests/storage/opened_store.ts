/** A store on a real driver in a temporary folder, with faults in between. */

import { join } from "node:path";
import openFolder from "../../drivers/file.ts";
import openShelf from "../../testdata/drivers/shelf.ts";
import { Store, type StoreOptions } from "../../src/storage/store.ts";
import { type FaultRule, FaultyDriver } from "./faulty_driver.ts";

/** Retries without waiting. */
export const HASTY = { firstPauseMs: 0, longestPauseMs: 0, maxWaitMs: 1_000 };

/** A store, its driver, and the folder behind it. */
export interface OpenedStore extends AsyncDisposable {
  store: Store;
  driver: FaultyDriver;
  folder: string;
}

/** Opens a shelf or a plain folder with the given faults; disposing removes it. */
export async function openFaultyStore(
  rules: readonly FaultRule[] = [],
  options: Partial<StoreOptions> & { kind?: "shelf" | "file" } = {},
): Promise<OpenedStore> {
  const temporary = await Deno.makeTempDir();
  const folder = join(temporary, "test.shelf");
  const given = { auth: {}, environment: {} };
  const real = options.kind === "file"
    ? await openFolder({ location: folder, ...given })
    : await openShelf({ location: `shelf://${folder}`, ...given });
  const driver = new FaultyDriver(real, rules);
  const store = new Store(driver, {
    location: "shelf://test",
    retry: HASTY,
    ...options,
  });
  return {
    store,
    driver,
    folder,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await Deno.remove(temporary, { recursive: true });
    },
  };
}
