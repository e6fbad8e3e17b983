import assert from "node:assert/strict";

/**
 * Runs a script that prints its peak heap, in a process that may collect when it wants to.
 *
 * @returns what it printed, bytes
 */
export async function runPeakHeap(script: URL, ...args: string[]): Promise<number> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", script.href, ...args],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
}
