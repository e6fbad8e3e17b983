import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type LocalState,
  readLocalState,
  statePathOf,
  writeLocalState,
} from "../../src/checkout/local_state.ts";
import { fails } from "./lock_suite.ts";

Deno.test("what is remembered is read back, and only the owner may read it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "journal.db");
    assert.equal(await readLocalState(path), undefined);
    const state: LocalState = {
      source: "az://container/journal.db",
      checkOut: { lockId: "id", phase: "held", since: "2025-03-01T00:00:00Z", sourceMd5: null },
      returned: [{ journalMd5: "0".repeat(32), workingMd5: "1".repeat(32) }],
      agreed: { workingMd5: null, journalMd5: "a".repeat(32), at: "2025-03-01T00:00:00Z" },
    };
    await writeLocalState(path, { source: "older" });
    await writeLocalState(path, state);
    assert.deepEqual(await readLocalState(path), state);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [
      "journal.db.checkout.json",
    ]);
    if (Deno.build.os !== "windows") {
      assert.equal((Deno.statSync(statePathOf(path)).mode ?? 0) & 0o777, 0o600);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a state file that is none of ours is an error, not an empty memory", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "journal.db");
    for (const text of ["", "{", "[]", '{"format":2,"source":"x"}', '{"format":1}']) {
      Deno.writeTextFileSync(statePathOf(path), text);
      await assert.rejects(readLocalState(path), fails("io", /not a state file/));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
