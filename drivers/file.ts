/**
 * Local folders: disks and mounted shares. Objects are plain files under the
 * folder, named as their keys.
 *
 * A file appears under its name only when it is complete and on the disk: it is
 * written beside its place under a temporary name, synced, then published by one
 * step of the file system. No MD5 and no metadata are kept.
 */

import { join, resolve } from "node:path";
import type { Driver, DriverOptions } from "../src/storage/driver.ts";
import { classify } from "./file/classify.ts";
import { listFolder } from "./file/list_folder.ts";
import { nameProblem } from "./file/name_problem.ts";
import { statFile } from "./file/object_info.ts";
import { readFile } from "./file/read_file.ts";
import { Spelling } from "./file/spelling.ts";
import { FileWriter } from "./file/write_file.ts";

/** Room in a path for the temporary and lock names beside a file, bytes. */
const NAME_ROOM = 64;

/** Opens a local folder; it is created by the first write. */
export default function openFolder({ location }: DriverOptions): Driver {
  const root = resolve(location);
  const windows = Deno.build.os === "windows";
  const pathOf = (key: string) => join(root, ...key.split("/"));
  const spelling = new Spelling(root);
  const writer = new FileWriter(root, pathOf, spelling);
  const longestPath = windows ? 32_000 : 4_095;
  return {
    limits: {
      maxKeyBytes: longestPath - new TextEncoder().encode(root).length -
        NAME_ROOM,
      maxWriteBytes: Infinity,
      maxObjectBytes: Infinity,
    },
    traits: { verifiesMd5: false, storesMd5: false, storesMetadata: false },
    keyProblem: (key) => nameProblem(key, windows),
    classify,

    list: (prefix, options) => listFolder(root, prefix, options),

    stat: (key) => statFile(key, pathOf(key), spelling),
    read: (key, options) => readFile(pathOf(key), options),
    write: (key, body, options) => writer.write(key, body, options),
    copy: (from, to, options) => writer.copy(from, to, options),
    remove: (key, options) => writer.remove(key, options),
  };
}
