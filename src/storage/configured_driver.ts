/** A site's own driver module: loaded by URL or path, pinned by its SHA-256 where wished. */

import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ChorusError } from "../errors/chorus_error.ts";
import { toHex } from "../hash/hex.ts";
import type { DriverFactory } from "./driver.ts";

/** A driver module as configured under `[drivers]`. */
export interface ConfiguredDriver {
  /** `https://…`, `file://…`, or a path relative to the current folder. */
  url: string;
  /** Lower-case hex over the module's bytes. */
  sha256?: string;
}

/**
 * Loads a driver module.
 *
 * With `sha256`, the module's bytes are fetched once, compared, and those very
 * bytes are run: nothing else can slip in between. What the module imports is
 * not covered, and its relative imports don't work; a pinned driver is one file.
 *
 * @throws {ChorusError} `config` when it can't be loaded, is another one, or is no driver
 */
export async function loadConfiguredDriver(
  scheme: string,
  driver: ConfiguredDriver,
): Promise<DriverFactory> {
  const url = moduleUrl(driver.url);
  const fail = (what: string, remedy: string, cause?: unknown): never => {
    throw new ChorusError(
      "config",
      `Can't use ${driver.url} as driver for "${scheme}://": ${what}`,
      { subject: `drivers.${scheme}`, remedy, cause },
    );
  };
  let target = url;
  if (driver.sha256 !== undefined) {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = await fetchModule(url);
    } catch (error) {
      return fail(messageOf(error), "Check the address.", error);
    }
    const sha256 = toHex(
      new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
    );
    if (sha256 !== driver.sha256.toLowerCase()) {
      return fail(
        `its SHA-256 is ${sha256}, the configuration pins ${driver.sha256}`,
        "Find out why it changed before you trust the new one.",
      );
    }
    const type = /\.m?js$/.test(new URL(url).pathname)
      ? "text/javascript"
      : "application/typescript";
    target = `data:${type};base64,${bytes.toBase64()}`;
  }
  let module: Record<string, unknown>;
  try {
    module = await import(target);
  } catch (error) {
    return fail(messageOf(error), "Check the address and the module.", error);
  }
  if (typeof module.default !== "function") {
    return fail(
      "it has no default export that is a function",
      "Export the driver's factory as default; docs/drivers.md shows how.",
    );
  }
  return module.default as DriverFactory;
}

/** The module's address as a URL. */
function moduleUrl(configured: string): string {
  if (/^[a-z][a-z0-9+.-]+:/i.test(configured) && !isAbsolute(configured)) {
    return configured;
  }
  return pathToFileURL(resolve(configured)).href;
}

async function fetchModule(url: string): Promise<Uint8Array<ArrayBuffer>> {
  if (url.startsWith("file:")) return await Deno.readFile(new URL(url));
  const response = await fetch(url);
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the server answered ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
