import assert from "node:assert/strict";
import { join } from "node:path";
import { backUpJournal } from "../../src/checkout/backup_journal.ts";
import type { WorkflowEvent } from "../../src/workflows/workflow_event.ts";
import { addVersion, Bench, openPlace, versionsOf } from "./lock_bench.ts";

const folder = Deno.makeTempDirSync({ prefix: "backup-" });
let count = 0;

globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function freshBench(): Bench {
  return new Bench({
    driver: new URL("../../testdata/drivers/shelf.ts", import.meta.url).href,
    location: `shelf://${folder}/${++count}.shelf/central`,
    auth: {},
    environment: {},
  });
}

Deno.test("a backup lies under each submission's version, and is renewed", async () => {
  await using bench = freshBench();
  const ada = await bench.machine("ada");
  const options = { journal: ada.workingCopy, central: ada.store, emit: ada.context().emit };
  addVersion(ada.workingCopy, "v1");
  assert.deepEqual(await backUpJournal({ ...options, versions: ["v1"] }), ["v1"]);
  addVersion(ada.workingCopy, "v2");
  assert.deepEqual(await backUpJournal({ ...options, versions: ["v1", "v2"] }), ["v1", "v2"]);
  for (const version of ["v1", "v2"]) {
    const { bytes } = await ada.store.readAll(`${version}/journal.db`, { maxBytes: 1 << 20 });
    const path = join(bench.folder, "backup.db");
    Deno.writeFileSync(path, bytes);
    assert.deepEqual(versionsOf(path), ["v1", "v2"]);
  }
  assert.deepEqual(ada.events, []);
  assert.deepEqual(ada.files(), ["journal.db"]);
});

Deno.test("a backup that fails is a warning, and the others are made", async () => {
  await using bench = freshBench();
  const { machine: ada, faults } = await bench.faultyMachine("ada");
  addVersion(ada.workingCopy, "v1");
  faults.add({
    call: "write",
    key: "v1/journal.db",
    fault: { kind: "before", failure: { kind: "permission", message: "not allowed" } },
  });
  const options = { journal: ada.workingCopy, central: ada.store, emit: ada.context().emit };
  assert.deepEqual(await backUpJournal({ ...options, versions: ["v1", "v2"] }), ["v2"]);
  assert.deepEqual(ada.events.map(({ kind }) => kind), ["warning"]);
  assert.match(message(ada.events[0]), /central\/v1\/journal\.db could not be written/);
  assert.deepEqual(ada.files(), ["journal.db"]);
});

Deno.test("a journal that can't be copied is a warning", async () => {
  await using bench = freshBench();
  const ada = await bench.machine("ada");
  Deno.writeTextFileSync(ada.workingCopy, "no database".repeat(1000));
  const emit = ada.context().emit;
  const done = await backUpJournal({
    journal: ada.workingCopy,
    central: ada.store,
    versions: ["v1"],
    emit,
  });
  assert.deepEqual(done, []);
  assert.match(message(ada.events[0]), /could not be written/);
  assert.equal(await ada.store.stat("v1/journal.db"), undefined);
});

Deno.test("a stopped backup ends with the signal's reason", async () => {
  await using bench = freshBench();
  addVersion(join(bench.folder, "journal.db"), "v1");
  await using central = await openPlace(bench.place);
  const signal = AbortSignal.abort(new DOMException("stopped", "AbortError"));
  await assert.rejects(
    backUpJournal({
      journal: join(bench.folder, "journal.db"),
      central,
      versions: ["v1"],
      emit: () => assert.fail("emitted"),
      signal,
    }),
    /stopped/,
  );
});

function message(event: WorkflowEvent | undefined): string {
  return event !== undefined && "message" in event ? event.message : "";
}
