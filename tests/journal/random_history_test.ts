import assert from "node:assert/strict";
import fc from "fast-check";
import { conclude, decide } from "../../src/journal/change_rules.ts";
import type { Journal } from "../../src/journal/journal.ts";
import type { JournalChange, JournalRow } from "../../src/journal/journal_row.ts";
import { allRows, md5Of, NOW_US, OLD_US, TemporaryFolder, writable } from "./journal_files.ts";

/** A file of the imagined tree. */
interface File {
  size: number;
  mtimeUs: number;
  content: number;
}

/** Path to file; the modality is the path's first letter. */
type Tree = ReadonlyMap<string, File>;

const PATHS = ["I/a", "I/b", "I/deep/a", "O/a", "O/b"];

/** One thing that happens to the tree between two updates. */
const event = fc.record({
  path: fc.constantFrom(...PATHS),
  what: fc.constantFrom("write", "touch", "remove", "resize"),
});

/** One submission: what happens, how it is journaled, and whether it is uploaded. */
const submission = fc.record({
  events: fc.array(event, { maxLength: 6 }),
  full: fc.boolean(),
  amend: fc.boolean(),
  upload: fc.boolean(),
  pageSize: fc.integer({ min: 1, max: 4 }),
});

/** A clock for the tree and the journal: every event is hours after the one before. */
class Clock {
  #hours = 0;
  next(): number {
    return OLD_US + ++this.#hours * 3_600_000_000;
  }
}

function happen(
  tree: Map<string, File>,
  clock: Clock,
  { path, what }: { path: string; what: string },
) {
  const before = tree.get(path);
  const mtimeUs = clock.next();
  if (what === "remove") tree.delete(path);
  else if (what === "touch" && before) tree.set(path, { ...before, mtimeUs });
  else if (what === "resize" && before) {
    tree.set(path, { size: before.size + 1, mtimeUs, content: mtimeUs });
  } else tree.set(path, { size: before?.size ?? 10, mtimeUs, content: mtimeUs });
}

/** An update as the workflow does it, over the imagined tree. Gives the number of changes. */
function update(
  journal: Journal,
  tree: Tree,
  version: string,
  options: { full: boolean; pageSize: number; nowUs: number },
): number {
  const changes: JournalChange[] = [];
  let written = 0;
  const flush = () => {
    journal.writePage(changes.splice(0), options.nowUs);
  };
  const write = (change: JournalChange) => {
    written++;
    if (changes.push(change) === options.pageSize) flush();
  };
  const seen = journal.trackSeenRows();
  for (const [path, file] of tree) {
    const { modality, folder, name } = split(path);
    const rows = journal.activeRows(modality, folder, [name]).filter((row) => row.name === name);
    for (const { fileId } of rows) seen.add(fileId);
    const decision = decide(file, rows);
    assert.notEqual(decision.kind, "inconsistent");
    if (decision.kind !== "hash") continue;
    const [old] = rows;
    const md5 = md5Of(file.content);
    const kind = conclude({ ...file, md5 }, old);
    const row = {
      name,
      personId: undefined,
      size: file.size,
      mtimeUs: file.mtimeUs,
      md5,
      version,
      hashedUs: options.nowUs,
      hashSeconds: 0,
    };
    if (kind === "added") write({ kind, modality, folder, file: row });
    else if (kind !== "confirmed" && old) write({ kind, modality, folder, file: row, old });
  }
  flush();
  if (options.full) {
    for (const modality of ["I", "O"]) {
      for (const page of journal.unseenActive(modality, seen)) {
        for (const { fileId } of page) write({ kind: "deleted", fileId });
        flush();
      }
    }
  }
  return written;
}

function split(path: string): { modality: string; folder: string; name: string } {
  const at = path.lastIndexOf("/");
  return { modality: path.slice(0, 1), folder: path.slice(0, at), name: path.slice(at + 1) };
}

/** Path to content and size, as the journal says it was at a moment. */
function stateAt(rows: readonly JournalRow[], momentUs: number): Map<string, string> {
  return new Map(
    rows.filter((row) =>
      row.validUs <= momentUs && (row.invalidUs === null || row.invalidUs > momentUs)
    ).map((row) => [`${row.folder}/${row.name}`, `${row.md5} ${row.size} ${row.mtimeUs}`]),
  );
}

function stateOf(tree: Tree): Map<string, string> {
  return new Map(
    [...tree].map(([path, file]) => [path, `${md5Of(file.content)} ${file.size} ${file.mtimeUs}`]),
  );
}

Deno.test("over random histories the journal tells the truth about every moment", () => {
  fc.assert(
    fc.property(fc.array(submission, { minLength: 1, maxLength: 5 }), (submissions) => {
      using folder = new TemporaryFolder();
      using journal = writable(folder.at("journal.db"));
      const clock = new Clock();
      const tree = new Map<string, File>();
      /** What must be active: the tree, and in append mode also what was once there. */
      const believed = new Map<string, string>();
      const moments: { atUs: number; believed: Map<string, string> }[] = [];
      let version = "";
      for (const [number, { events, full, amend, upload, pageSize }] of submissions.entries()) {
        for (const each of events) happen(tree, clock, each);
        version = amend && version !== "" ? version : `v${number}`;
        const nowUs = clock.next();
        update(journal, tree, version, { full, pageSize, nowUs });
        if (full) believed.clear();
        for (const [path, state] of stateOf(tree)) believed.set(path, state);
        moments.push({ atUs: nowUs, believed: new Map(believed) });

        const changes = update(journal, tree, version, { full, pageSize, nowUs: clock.next() });
        assert.equal(changes, 0, "a second update right after changes nothing");
        if (upload) markAll(journal, `2026010100000${number}`);
      }
      const rows = allRows(journal);
      for (const { atUs, believed } of moments) {
        assert.deepEqual(sorted(stateAt(rows, atUs)), sorted(believed));
      }
      assertChains(rows);
      assertSummary(journal, rows);
      assert.deepEqual(journal.integrityCheck(), []);
    }),
    { numRuns: 60 },
  );
});

Deno.test("over random histories append never ends a row but for another of its path", () => {
  fc.assert(
    fc.property(fc.array(submission, { minLength: 1, maxLength: 4 }), (submissions) => {
      using folder = new TemporaryFolder();
      using journal = writable(folder.at("journal.db"));
      const clock = new Clock();
      const tree = new Map<string, File>();
      for (const [number, { events, pageSize }] of submissions.entries()) {
        for (const each of events) happen(tree, clock, each);
        update(journal, tree, `v${number}`, { full: false, pageSize, nowUs: clock.next() });
      }
      const rows = allRows(journal);
      const active = new Set(rows.filter((row) => row.invalidUs === null).map(pathOf));
      for (const row of rows) {
        assert.ok(active.has(pathOf(row)), `${pathOf(row)} has no active row`);
      }
    }),
    { numRuns: 40 },
  );
});

function markAll(journal: Journal, stamp: string): void {
  for (const page of journal.rows({ active: true, uploaded: false })) {
    journal.markUploaded(
      page.map(({ fileId }) => ({ fileId, level: "service" as const })),
      { stamp, checkedUs: NOW_US, checkedBy: "test" },
    );
  }
}

function pathOf(row: JournalRow): string {
  return `${row.modality} ${row.folder}/${row.name}`;
}

/** Rows of a path follow each other without overlap; what was uploaded stays so while it is the same. */
function assertChains(rows: readonly JournalRow[]): void {
  for (const [path, chain] of Map.groupBy(rows, pathOf)) {
    for (const [at, row] of chain.entries()) {
      const next = chain[at + 1];
      if (next === undefined) continue;
      assert.ok(row.invalidUs !== null && row.invalidUs <= next.validUs, `${path} overlaps`);
      const moved = next.validUs === row.invalidUs && next.md5 === row.md5 &&
        next.size === row.size;
      if (!moved) continue;
      assert.equal(next.version, row.version, `${path} changed its version by a touch`);
      if (row.uploaded !== null) assert.equal(next.uploaded, row.uploaded);
    }
  }
}

/** The summary counts what counting the rows one by one gives. */
function assertSummary(journal: Journal, rows: readonly JournalRow[]): void {
  const expected = [...Map.groupBy(rows, (row) => row.version)].map(([version, ofVersion]) => {
    const active = ofVersion.filter((row) => row.invalidUs === null);
    return {
      version,
      rows: ofVersion.length,
      files: new Set(ofVersion.map(pathOf)).size,
      active: active.length,
      toUpload: active.filter((row) => row.uploaded === null).length,
    };
  });
  assert.deepEqual(
    journal.summary().map(({ version, rows, files, active, toUpload }) => ({
      version,
      rows,
      files,
      active,
      toUpload,
    })),
    expected,
  );
}

function sorted(state: ReadonlyMap<string, string>): [string, string][] {
  return [...state].sort();
}
