import assert from "node:assert/strict";
import { join } from "node:path";
import { openStore } from "../../src/storage/registry.ts";
import { bytesSource } from "../../src/storage/store.ts";
import { bytesOf } from "./driver_contract.ts";

const SHELF = new URL("../../testdata/drivers/shelf.ts", import.meta.url).href;
const ADDING = new URL("./adding_process.ts", import.meta.url).pathname;

/** The first two of them are killed after so many additions. */
const PROCESSES = 6;
const KILL_AFTER = [5, 12];
const TIMES = 25;

for (
  const [name, path] of [
    ["the file driver", (folder: string) => join(folder, "store")],
    ["the sample driver", (folder: string) => `shelf://${folder}/x.shelf`],
  ] as const
) {
  Deno.test(`with ${name} no update is lost among processes, though some are killed`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await using store = await openStore({ path: path(folder), auth: {} }, {
        drivers: { shelf: { url: SHELF } },
        environment: {},
      });
      await store.write("counter", bytesSource(bytesOf("0")));
      const added = await Promise.all(
        Array.from({ length: PROCESSES }, (_, i) => addIn(path(folder), KILL_AFTER[i])),
      );
      const { bytes } = await store.readAll("counter", { maxBytes: 100 });
      const count = Number(new TextDecoder().decode(bytes));
      const told = added.reduce((sum, times) => sum + times, 0);
      // A process may die between its success and saying so.
      assert.ok(
        count >= told && count <= told + KILL_AFTER.length,
        `${count} in the store, ${told} told`,
      );
      assert.ok(told >= (PROCESSES - KILL_AFTER.length) * TIMES);
      const keys: string[] = [];
      for await (const entry of store.list("", { recursive: true })) {
        keys.push(entry.kind === "object" ? entry.object.key : entry.key);
      }
      assert.deepEqual(keys, ["counter"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Runs one process; how many additions it told of. */
async function addIn(
  path: string,
  killAfter: number | undefined,
): Promise<number> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ADDING, path, SHELF, String(TIMES)],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(process.stderr).text();
  let told = 0;
  for await (const chunk of process.stdout) {
    told += chunk.filter((byte) => byte === 0x2b).length;
    if (killAfter !== undefined && told >= killAfter) kill(process);
  }
  const { success } = await process.status;
  assert.ok(success || killAfter !== undefined, await errors);
  await errors;
  return told;
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
