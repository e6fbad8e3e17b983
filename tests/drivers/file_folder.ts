/** A file driver on a temporary folder, and everything that lies in it. */

import { join } from "node:path";
import openFolder from "../../drivers/file.ts";
import { Spelling } from "../../drivers/file/spelling.ts";
import { FileWriter } from "../../drivers/file/write_file.ts";
import type { SystemCalls } from "../../drivers/file/system_calls.ts";
import { SYSTEM_CALLS } from "../../drivers/file/system_calls.ts";
import type { Driver } from "../../src/storage/driver.ts";

/** Opens the driver as the program does. */
export function openAt(folder: string): Driver {
  return openFolder({ location: folder, auth: {}, environment: {} });
}

/** The same, on a file system that answers some calls differently. */
export function openWith(
  folder: string,
  calls: Partial<SystemCalls>,
): Driver {
  const pathOf = (key: string) => join(folder, ...key.split("/"));
  const writer = new FileWriter(folder, pathOf, new Spelling(folder), {
    ...SYSTEM_CALLS,
    ...calls,
  });
  return {
    ...openAt(folder),
    write: (key, body, options) => writer.write(key, body, options),
    copy: (from, to, options) => writer.copy(from, to, options),
    remove: (key, options) => writer.remove(key, options),
  };
}

/** Runs a test with an empty folder, removed afterwards. */
export async function withFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Every file below a folder, hidden and temporary ones too, sorted. */
export async function everyFile(folder: string, below = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(join(folder, below))) {
    const path = join(below, entry.name);
    if (entry.isDirectory) files.push(...await everyFile(folder, path));
    else files.push(path);
  }
  return files.sort();
}

/** An error of the operating system. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`injected ${code}`), { code });
}

/** True where a test may mount a file system of its own. */
export function canMount(): boolean {
  return Deno.build.os === "linux" && Deno.uid() === 0 &&
    new Deno.Command("unshare", { args: ["-m", "true"] }).outputSync().success;
}

/** A mounted memory file system of the given size, unmounted when disposed. */
export async function mountSmall(
  options: string,
): Promise<AsyncDisposable & { folder: string }> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder);
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await run("umount", folder);
      await Deno.remove(folder);
    },
  };
}

/** Runs a program; its failure is an error. */
export async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
