import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { Config, Place } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load_config.ts";
import type { JournalRow } from "../../src/journal/journal_row.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import { openStore } from "../../src/storage/registry.ts";
import { updateJournal } from "../../src/workflows/update_journal.ts";
import type { UpdateSummary } from "../../src/workflows/update_summary.ts";
import { uploadFiles } from "../../src/workflows/upload_files.ts";
import { compareWithOracle } from "../../testdata/demo/compare_with_oracle.ts";
import { applySnapshot } from "../../testdata/site/apply_snapshot.ts";
import type { SnapshotEntry } from "../../testdata/site/changes.ts";
import { generated, TemporaryFolder, treeOf } from "./generated.ts";

const OPTIONS = { seed: "oracle", patients: 10, snapshots: 3 };

/** A row as the oracle says it must be. */
interface ExpectedRow {
  path: string;
  modality: string;
  person: string | null;
  size: number | null;
  md5: string | null;
  mtimeMs: number | null;
  version: string;
  active: boolean;
}

/** Every row, active or not, that the journal must hold after the last snapshot. */
function expectedRows(entries: readonly SnapshotEntry[], mode: "append" | "full"): ExpectedRow[] {
  const rows: ExpectedRow[] = [];
  const active = new Map<string, ExpectedRow>();
  for (const entry of entries) {
    const { path, modality, person, size, md5, mtimeMs, action, snapshot } = entry;
    if (modality === null) continue;
    const old = active.get(path);
    if (action === "kept" || (action === "gone" && mode === "append")) continue;
    if (old !== undefined) old.active = false;
    active.delete(path);
    if (action === "gone") continue;
    // In append mode a file that comes back unchanged is only touched: its row never went.
    const touched = action === "touched" || old?.md5 === md5;
    const version = touched && old !== undefined ? old.version : `v${snapshot}`;
    const row = { path, modality, person, size, md5, mtimeMs, version, active: true };
    rows.push(row);
    active.set(path, row);
  }
  return rows;
}

function comparable(row: JournalRow): ExpectedRow {
  return {
    path: row.folder === "." ? row.name : `${row.folder}/${row.name}`,
    modality: row.modality,
    person: row.personId,
    size: row.size,
    md5: row.md5,
    mtimeMs: row.mtimeUs / 1000,
    version: row.version,
    active: row.invalidUs === null,
  };
}

/** `PERSON_ID` has integer affinity: SQLite keeps `00123` as 123. */
function asStored(person: string | null): string | null {
  return person !== null && /^\d+$/.test(person) ? String(Number(person)) : person;
}

function inOrder(rows: readonly ExpectedRow[]): string[] {
  return rows.map((row) => JSON.stringify({ ...row, person: asStored(row.person) })).sort();
}

/** Updates the journal and uploads, as the commands do. */
async function submit(folder: TemporaryFolder, config: Config, version: string) {
  const failures: string[] = [];
  const common = {
    modalities: config.modalities,
    dryRun: false,
    openStore: (place: Place) =>
      openStore(place, { drivers: {}, environment: {}, interactive: false }),
    now: () => new Date(),
    signal: new AbortController().signal,
    emit: (event: { kind: string; path?: string; reason?: string }) => {
      if (event.kind === "failure") failures.push(`${event.path}: ${event.reason}`);
    },
  };
  using journal = openJournal(folder.at("journal.db"), { access: "write", create: true });
  const update = await updateJournal(journal, config, {
    ...common,
    version,
    confirmDeletion: () => Promise.resolve(true),
  });
  const upload = await uploadFiles(journal, config, { ...common, checkedBy: "test" });
  assert.deepEqual(failures, []);
  return { update, upload };
}

function total(update: UpdateSummary, of: (each: UpdateSummary["modalities"][number]) => number) {
  return update.modalities.reduce((sum, each) => sum + of(each), 0);
}

/** Brings the site through its first snapshots, with a submission after each. */
async function submitAll(
  folder: TemporaryFolder,
  mode: "append" | "full",
  snapshots: number,
): Promise<SnapshotEntry[]> {
  const entries = await generated(folder, OPTIONS);
  await Deno.mkdir(folder.at("site"));
  const { config } = await parseConfig(
    `[journal]
journaling_mode = "${mode}"
[journal.source]
path = '${folder.at("journal.db")}'
[central_path]
path = '${folder.at("central")}'
[site_path.default]
path = '${folder.at("site")}'
`,
    { file: "config.toml", environment: {} },
  );
  for (let snapshot = 1; snapshot <= snapshots; snapshot++) {
    applySnapshot(folder.at("site"), OPTIONS, snapshot);
    const { update, upload } = await submit(folder, config, `v${snapshot}`);
    const count = (action: string) =>
      entries.filter((each) =>
        each.snapshot === snapshot && each.action === action && each.modality !== null
      ).length;
    assert.equal(total(update, (each) => each.updated), count("changed"));
    if (mode === "full") {
      assert.deepEqual(
        [
          total(update, (each) => each.added),
          total(update, (each) => each.moved),
          total(update, (each) => each.deleted),
          total(update, (each) => each.kept),
          upload.modalities.reduce((sum, each) => sum + each.created, 0),
        ],
        [
          count("added"),
          count("touched"),
          count("gone"),
          count("kept"),
          count("added") + count("changed"),
        ],
      );
    }
    assert.equal(update.unmatched.files, 2);
  }
  return entries;
}

for (const mode of ["append", "full"] as const) {
  Deno.test(`three submissions in mode ${mode} leave exactly the rows and objects of changes.json`, async () => {
    await using folder = new TemporaryFolder();
    const entries = await submitAll(folder, mode, OPTIONS.snapshots);
    const expected = expectedRows(entries, mode);
    using journal = openJournal(folder.at("journal.db"), { access: "read" });
    const rows = [...journal.rows()].flat();
    assert.deepEqual(inOrder(rows.map(comparable)), inOrder(expected));
    // Each row that was ever new was sent; a touched one carries the old one's stamp.
    assert.deepEqual(rows.filter(({ uploaded }) => uploaded === null), []);

    const objects = (await treeOf(folder.at("central"))).filter((path) =>
      !/^v\d\/journal\.db$/.test(path)
    );
    const contents = new Map(expected.map((row) => [`${row.version}/${row.path}`, row.md5]));
    assert.deepEqual(objects, [...contents.keys()].sort());
    for (const [path, md5] of contents) {
      const bytes = await Deno.readFile(folder.at("central", path));
      assert.equal(createHash("md5").update(bytes).digest("hex"), md5, path);
    }
  });
}

Deno.test("the demo's comparison holds, and notices a damaged object, a surplus one, a wrong row", async () => {
  await using folder = new TemporaryFolder();
  const entries = await submitAll(folder, "full", 2);
  const broken = async () =>
    (await compareWithOracle({
      changes: folder.at("out/changes.json"),
      central: folder.at("central"),
      journal: folder.at("journal.db"),
      versions: ["v1", "v2"],
    })).flatMap(({ holds, statement }) => holds ? [] : [statement]);
  assert.deepEqual(await broken(), []);

  const added = entries.find((each) =>
    each.snapshot === 2 && each.action === "added" && each.modality !== null
  );
  assert.ok(added);
  const object = folder.at("central", "v2", ...added.path.split("/"));
  const bytes = await Deno.readFile(object);
  await Deno.writeFile(object, bytes.map((byte, index) => index === 0 ? byte ^ 1 : byte));
  assert.equal((await broken()).length, 2);
  await Deno.writeFile(object, bytes);

  await Deno.writeTextFile(`${object}.copy`, "");
  assert.deepEqual(await broken(), ["1 objects are there in excess"]);
  await Deno.remove(`${object}.copy`);

  using journal = new DatabaseSync(folder.at("journal.db"));
  // The added file's own row: one that was changed or touched would break more findings than one.
  const slash = added.path.lastIndexOf("/");
  const change = (set: string) =>
    journal.prepare(`UPDATE journal_v2 SET ${set} WHERE FILENAME = ? AND TIME_INVALID_us IS NULL
      AND SRC_PATH_ID = (SELECT id FROM srcpaths WHERE SRC_PATH = ?)`)
      .run(added.path.slice(slash + 1), added.path.slice(0, slash));
  change("SIZE = SIZE + 1");
  assert.equal((await broken()).length, 1);
  change("SIZE = SIZE - 1, UPLOAD_DT_ID = NULL");
  assert.equal((await broken()).length, 1);
  change("UPLOAD_DT_ID = 1, TIME_INVALID_us = 1");
  assert.ok((await broken()).length >= 3);
});
