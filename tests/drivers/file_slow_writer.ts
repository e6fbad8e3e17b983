/** Writes half of an object, says so, and waits to be killed. */

import { openAt } from "./file_folder.ts";

const [folder = "", key = ""] = Deno.args;

async function* half() {
  yield new Uint8Array(500_000);
  await Deno.stdout.write(new TextEncoder().encode("half\n"));
  await new Promise((done) => setTimeout(done, 60_000));
  yield new Uint8Array(500_000);
}

await openAt(folder).write(key, half(), { size: 1_000_000 });
