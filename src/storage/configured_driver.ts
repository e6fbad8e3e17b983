/** A site's own driver module: loaded by URL or path, pinned by its SHA-256 where wished. */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ChorusError } from "../errors/chorus_error.ts";
import { toHex } from "../hash/hex.ts";
import type { DriverModule } from "./driver.ts";

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
 * From a path it is imported as it is. From the network, or with `sha256`, its
 * bytes are fetched once, compared, and those very bytes are run: nothing else
 * can slip in between, and the program's frozen lock file, which knows no remote
 * modules, is not asked. Such a driver is one file; relative imports in it don't
 * work, and `sha256` does not cover what it imports otherwise.
 *
 * @throws {ChorusError} `config` when it can't be loaded, is another one, or is no driver
 */
export async function loadConfiguredDriver(
  scheme: string,
  driver: ConfiguredDriver,
): Promise<DriverModule> {
  const url = moduleUrl(driver.url);
  const fail = (what: string, remedy: string, cause?: unknown) =>
    new ChorusError(
      "config",
      `Can't use ${driver.url} as driver for "${scheme}://": ${what}`,
      { subject: `drivers.${scheme}`, remedy, cause },
    );
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw fail("http can be changed on the way", "Use https, or a path.");
  }
  let target = url.href;
  if (url.protocol !== "file:" || driver.sha256 !== undefined) {
    let module: ModuleText;
    try {
      module = await fetchModule(url);
    } catch (error) {
      throw fail(messageOf(error), "Check the address.", error);
    }
    const sha256 = toHex(
      new Uint8Array(await crypto.subtle.digest("SHA-256", module.bytes)),
    );
    if (driver.sha256 !== undefined && sha256 !== driver.sha256.toLowerCase()) {
      throw fail(
        `its SHA-256 is ${sha256}, the configuration pins ${driver.sha256}`,
        "Find out why it changed before you trust the new one.",
      );
    }
    target = `data:${module.type};base64,${module.bytes.toBase64()}`;
  }
  let module: Record<string, unknown>;
  try {
    module = await import(target);
  } catch (error) {
    throw fail(messageOf(error), "Check the address and the module.", error);
  }
  if (typeof module.default !== "function") {
    throw fail(
      "it has no default export that is a function",
      "Export the driver's factory as default; docs/drivers.md shows how.",
    );
  }
  return module as unknown as DriverModule;
}

interface ModuleText {
  type: "text/javascript" | "application/typescript";
  bytes: Uint8Array<ArrayBuffer>;
}

/** The module's address: a URL as it is, a path relative to the current folder. */
function moduleUrl(configured: string): URL {
  const isUrl = /^(https?|file):/i.test(configured);
  return isUrl ? new URL(configured) : pathToFileURL(resolve(configured));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" ||
    /^127(\.\d+){3}$/.test(host);
}

async function fetchModule(url: URL): Promise<ModuleText> {
  const byName = /\.m?js$/.test(url.pathname);
  if (url.protocol === "file:") {
    return { type: moduleType(byName), bytes: await Deno.readFile(url) };
  }
  const response = await fetch(url);
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the server answered ${response.status}`);
  }
  const said = response.headers.get("content-type") ?? "";
  return {
    type: moduleType(byName || /javascript/.test(said)),
    bytes: new Uint8Array(await response.arrayBuffer()),
  };
}

function moduleType(isJavaScript: boolean): ModuleText["type"] {
  return isJavaScript ? "text/javascript" : "application/typescript";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
