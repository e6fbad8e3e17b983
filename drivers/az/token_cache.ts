/** The file in which a sign-in is kept, in the Microsoft library's own format. */

import { dirname, join } from "node:path";
import type { ICachePlugin } from "@azure/msal-node";
import { AzureFailure } from "./azure_error.ts";

/**
 * The person's cache file, below the configuration folder of the platform.
 *
 * @returns undefined when the environment names no such folder
 */
export function tokenCachePath(
  environment: Readonly<Record<string, string>>,
  windows: boolean = Deno.build.os === "windows",
): string | undefined {
  const { XDG_CONFIG_HOME, HOME, APPDATA } = environment;
  const folder = XDG_CONFIG_HOME || (windows ? APPDATA : HOME && join(HOME, ".config"));
  return folder ? join(folder, "chorus-upload", "azure_sign_in.json") : undefined;
}

/**
 * Reads and writes the cache around every use, so that a sign-in in another
 * terminal is seen. The file is only ever readable by its owner, and replaced
 * as a whole.
 */
export class TokenCacheFile implements ICachePlugin {
  readonly path: string;
  /** Why the last write failed; a run goes on without it, a sign-in must not. */
  writeError: unknown;

  constructor(path: string) {
    this.path = path;
  }

  async beforeCacheAccess(
    context: Parameters<ICachePlugin["beforeCacheAccess"]>[0],
  ): Promise<void> {
    const text = await this.#read();
    if (text === undefined) return;
    try {
      JSON.parse(text);
    } catch (cause) {
      throw new AzureFailure("credentials", `the kept sign-in in ${this.path} is damaged`, {
        remedy: "Run `chorus-upload logout`, then `chorus-upload login`.",
        cause,
      });
    }
    context.tokenCache.deserialize(text);
  }

  async afterCacheAccess(
    context: Parameters<ICachePlugin["afterCacheAccess"]>[0],
  ): Promise<void> {
    if (!context.cacheHasChanged) return;
    try {
      await this.#write(context.tokenCache.serialize());
      this.writeError = undefined;
    } catch (error) {
      this.writeError = error;
    }
  }

  /** Deletes the file; false when there was none. */
  async remove(): Promise<boolean> {
    try {
      await Deno.remove(this.path);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** True when something is kept. */
  async exists(): Promise<boolean> {
    return await this.#read() !== undefined;
  }

  async #read(): Promise<string | undefined> {
    try {
      const text = await Deno.readTextFile(this.path);
      return text === "" ? undefined : text;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return undefined;
      }
      throw error;
    }
  }

  async #write(text: string): Promise<void> {
    await Deno.mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const beside = `${this.path}.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.writeTextFile(beside, text, { mode: 0o600, createNew: true });
      await Deno.rename(beside, this.path);
    } catch (error) {
      await Deno.remove(beside).catch(() => {});
      throw error;
    }
  }
}
