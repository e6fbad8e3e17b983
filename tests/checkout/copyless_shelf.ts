/** The sample driver as a poorer store would be: no server-side copy, no stored MD5, small writes. */

import openShelf from "../../testdata/drivers/shelf.ts";
import type { Driver, DriverOptions, ObjectInfo } from "../../src/storage/driver.ts";

/** Opens a shelf; `keep_metadata = "no"` among the credentials takes the metadata away too. */
export default async function openCopylessShelf(options: DriverOptions): Promise<Driver> {
  const shelf = await openShelf(options);
  const storesMetadata = options.auth.keep_metadata !== "no";
  const poorer = ({ md5: _, metadata, ...rest }: ObjectInfo): ObjectInfo =>
    storesMetadata ? { ...rest, metadata } : rest;
  return {
    limits: shelf.limits,
    traits: { verifiesMd5: false, storesMd5: false, storesMetadata },
    classify: shelf.classify,
    list: shelf.list,
    stat: async (key, options) => {
      const object = await shelf.stat(key, options);
      return object === undefined ? undefined : poorer(object);
    },
    read: shelf.read,
    write: async (key, body, options) => {
      const { etag } = await shelf.write(key, body, options);
      return { etag };
    },
    remove: shelf.remove,
  };
}
