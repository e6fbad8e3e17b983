import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { applyRun, countGone } from "../../src/manifest/apply_run.ts";
import { checkManifest } from "../../src/manifest/check_manifest.ts";
import { groupFile } from "../../src/manifest/grouping.ts";
import { openManifestForWriting } from "../../src/manifest/manifest.ts";
import { type StagedFile, Staging } from "../../src/manifest/staging.ts";

const PATHS = [
  "1_20240105_100000_60.dat",
  "1_20240105_100000_60.hea",
  "1_20240106_100000_60.dat",
  "2_20240105_100000_60.edf",
  "no record.dat",
]
  .map((name) => `${name[0]}/Waveforms/${name}`);

/** A state of the site: the content of each path, undefined where there is none. */
const states = fc.array(
  fc.array(fc.option(fc.constantFrom("a", "b", "held"), { nil: undefined }), {
    minLength: PATHS.length,
    maxLength: PATHS.length,
  }),
  { minLength: 1, maxLength: 6 },
);

function staged(path: string, content: string): StagedFile {
  if (content === "held") return { kind: "held", path };
  const record = groupFile("file", { path, folderPersonId: undefined, mapped: undefined });
  return "reason" in record
    ? { kind: "unfit", path, reason: record.reason }
    : { kind: "found", path, md5: content.repeat(32), record, submission: undefined };
}

/** Applies the states one after the other, each in the given order of files. */
function run(
  folder: string,
  history: readonly (readonly (string | undefined)[])[],
  order: (files: StagedFile[]) => StagedFile[],
  each: (rows: (sql: string) => unknown[][], state: number) => void,
): void {
  const path = join(folder, "manifest.db");
  history.forEach((contents, state) => {
    using manifest = openManifestForWriting(path);
    const { connection } = manifest;
    const staging = new Staging(connection);
    const files = contents.flatMap((content, n) =>
      content === undefined ? [] : [staged(PATHS[n], content)]
    );
    for (const file of order(files)) staging.add([file]);
    staging.finish();
    countGone(connection);
    applyRun(connection, {
      stampUs: 1000 + state,
      source: "path",
      grouping: "file",
      sessions: "record",
      journalKnown: false,
      declareGone: true,
      seconds: () => 0,
    });
    assert.deepEqual([...checkManifest(connection)], []);
    each((sql) => connection.all(sql), state);
  });
  Deno.removeSync(path);
}

Deno.test("whatever happens to a site, the manifest tells the truth about every state, in any order of files", () => {
  const folder = Deno.makeTempDirSync({ prefix: "chorus-manifest-history-" });
  try {
    fc.assert(
      fc.property(states, (history) => {
        const model = new Map<string, string>();
        const seen: unknown[][][] = [];
        run(folder, history, (files) => files, (rows, state) => {
          history[state].forEach((content, n) => {
            if (PATHS[n].includes("no record")) return;
            if (content === undefined) model.delete(PATHS[n]);
            else if (content !== "held") model.set(PATHS[n], content.repeat(32));
          });
          const active = rows(
            "SELECT Srcfile, MD5 FROM source_files WHERE Time_Invalid IS NULL ORDER BY Srcfile",
          );
          assert.deepEqual(active, [...model].sort());
          const ended = rows(
            `SELECT count(*) FROM source_files WHERE Time_Invalid = ${
              1000 + state
            } AND Time_Valid = ${1000 + state}`,
          );
          assert.deepEqual(ended, [[0]]);
          seen.push(rows("SELECT * FROM source_files"), rows("SELECT * FROM registry"));
        });
        let at = 0;
        run(folder, history, (files) => files.reverse(), (rows) => {
          assert.deepEqual(rows("SELECT * FROM source_files"), seen[at++]);
          assert.deepEqual(rows("SELECT * FROM registry"), seen[at++]);
        });
      }),
      { numRuns: 12 },
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a record has the same id in a manifest that saw all of its history and in one that is new", () => {
  const folder = Deno.makeTempDirSync({ prefix: "chorus-manifest-ids-" });
  try {
    const last = ["a", "a", "a", "b", undefined];
    const ids: unknown[] = [];
    for (const history of [[["b"], [undefined, undefined, "a"], last], [last]]) {
      run(folder, history, (files) => files, (rows, state) => {
        if (state === history.length - 1) {
          ids.push(rows("SELECT Record_id, Person_id, Date FROM registry ORDER BY 1"));
        }
      });
    }
    assert.deepEqual(ids[0], ids[1]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
