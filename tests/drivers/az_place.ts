/** Containers of a test's own, and drivers on them. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { openAzure, type Tuning } from "../../drivers/az/open_azure.ts";
import type { Driver, DriverOptions, Failure } from "../../src/storage/driver.ts";
import { ACCOUNT_KEY, type Azurite } from "../servers/azurite.ts";

/** Times short enough for tests of what never answers. */
export const SHORT: Tuning = {
  limits: { connectMs: 5_000, idleMs: 1_000, answerMs: 1_000 },
};

/** A driver with the account's key, by default straight to the server. */
export async function openWithKey(
  azurite: Azurite,
  options: { container?: string; url?: string; tuning?: Tuning } = {},
): Promise<Driver & Disposable & { container: string }> {
  const container = options.container ?? await azurite.container();
  const driver = await openAzure({
    location: `az://${container}/site`,
    auth: {
      auth_mode: "key",
      azure_account_url: options.url ?? azurite.accountUrl,
      azure_account_name: "devstoreaccount1",
      azure_account_key: ACCOUNT_KEY,
    },
    environment: {},
  }, options.tuning);
  return { ...driver, container, [Symbol.dispose]: () => void driver.close?.() };
}

/** What opening fails with; throws when it succeeds. */
export async function openingFailure(
  options: DriverOptions,
  tuning?: Tuning,
): Promise<Failure> {
  let driver: Driver;
  try {
    driver = await openAzure(options, tuning);
  } catch (error) {
    if (error instanceof Error && "failure" in error) return error.failure as Failure;
    throw error;
  }
  await driver.close?.();
  throw new Error("It opened");
}

/** What a promise's error means to the driver; throws when there is none. */
export async function failureOf(driver: Driver, promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    return driver.classify(error);
  }
  throw new Error("It succeeded");
}

/** MD5, 16 bytes. */
export function md5(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("md5").update(bytes).digest());
}

/** Bytes that differ from place to place and are the same each time. */
export function pattern(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, state = seed; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A body in chunks. */
export async function* bodyOf(bytes: Uint8Array, chunk = 256 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
}

/** Everything that a listing gives, as keys. */
export async function keys(driver: Driver): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of driver.list("", { recursive: true })) {
    if (entry.kind === "object") found.push(entry.object.key);
  }
  return found;
}

/** The whole object. */
export async function content(driver: Driver, key: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of driver.read(key, {})) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
