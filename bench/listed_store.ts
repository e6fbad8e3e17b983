/**
 * A storage driver whose container holds as many objects as its name says and
 * costs nothing to list: `listed://1000000`. With it, an update of a journal
 * of millions of rows needs no millions of files.
 */

import type { Driver, DriverOptions, ListEntry, ObjectInfo } from "../src/storage/driver.ts";
import { treePath } from "./tree.ts";

export const LISTED_BYTES = 1_000;
export const LISTED_PER_FOLDER = 1_000;
const MODIFIED_MS = Date.UTC(2024, 0, 1);

/** Time of the object with this number, milliseconds. */
export function listedModifiedMs(number: number): number {
  return MODIFIED_MS + number;
}

function object(number: number): ObjectInfo {
  return {
    key: treePath(number, LISTED_PER_FOLDER),
    size: LISTED_BYTES,
    etag: `${number}`,
    modifiedMs: listedModifiedMs(number),
  };
}

function unsupported(): never {
  throw new Error("this store can only be listed");
}

// deno-lint-ignore require-yield
async function* nothing(): AsyncGenerator<never> {
  await unsupported();
}

/** Lists objects `first` to `last`, a page at a time. */
async function* objects(first: number, last: number): AsyncGenerator<ListEntry> {
  for (let number = first; number <= last; number++) {
    yield { kind: "object", object: object(number) };
  }
  await Promise.resolve();
}

/** Lists the patients' folders. */
async function* patients(files: number): AsyncGenerator<ListEntry> {
  for (let number = 0; number < files; number += LISTED_PER_FOLDER) {
    const [patient] = treePath(number, LISTED_PER_FOLDER).split("/");
    yield { kind: "folder", key: `${patient}/` };
  }
  await Promise.resolve();
}

/** Opens `listed://NUMBER`. */
export default function openListed({ location }: DriverOptions): Driver {
  const files = Number(/^listed:\/\/(\d+)/.exec(location)?.[1]);
  return {
    limits: { maxKeyBytes: 1024, maxWriteBytes: Infinity, maxObjectBytes: Infinity },
    traits: { verifiesMd5: false, storesMd5: false, storesMetadata: false },
    classify: () => ({ kind: "io" }),
    list(prefix, { recursive }) {
      const [patient, modality] = prefix.split("/");
      if (patient === "") return recursive ? objects(0, files - 1) : patients(files);
      const first = Number(patient.slice(1)) * LISTED_PER_FOLDER;
      const last = Math.min(first + LISTED_PER_FOLDER, files) - 1;
      if (recursive || modality !== "") return objects(first, last);
      return patientFolders(patient);
    },
    stat: unsupported,
    read: nothing,
    write: unsupported,
    remove: unsupported,
  };
}

async function* patientFolders(patient: string): AsyncGenerator<ListEntry> {
  yield { kind: "folder", key: `${patient}/Images/` };
  await Promise.resolve();
}
