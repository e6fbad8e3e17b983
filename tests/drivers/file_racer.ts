/** Creates the same twenty files as its competitors; prints those that it won. */

import { bytesOf } from "../contract/driver_contract.ts";
import { openAt } from "./file_folder.ts";

const [folder = "", name = ""] = Deno.args;
const driver = openAt(folder);
const content = bytesOf(name.repeat(1_000));

async function* body() {
  yield content;
}

for (let i = 0; i < 20; i++) {
  const key = i % 2 === 0 ? `f${i}` : `folder/f${i}`;
  try {
    await driver.write(key, body(), {
      size: content.length,
      condition: { ifAbsent: true },
    });
    await Deno.stdout.write(new TextEncoder().encode(`${key}\n`));
  } catch (error) {
    if (driver.classify(error).kind !== "already_exists") throw error;
  }
}
