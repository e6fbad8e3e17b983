import assert from "node:assert/strict";
import fc from "fast-check";
import type { CentralLayout } from "../../src/layout/central_path.ts";
import { joinJournalPath } from "../../src/layout/local_path.ts";
import { compilePattern } from "../../src/layout/pattern.ts";
import {
  findConflicts,
  type PlacedRow,
  type VersionRows,
} from "../../src/transfer/find_conflicts.ts";
import { centralKeyOf } from "../../src/transfer/plan.ts";

function layouts(patterns: Record<string, string>): ReadonlyMap<string, CentralLayout> {
  return new Map(
    Object.entries(patterns).map(([modality, pattern]) => [modality, {
      modality,
      pattern: compilePattern(pattern),
      patientFirst: true,
    }]),
  );
}

function inMemory(rows: readonly PlacedRow[]): VersionRows & { rowReads: number } {
  const folders = new Map(
    rows.map(({ modality, folder }) => [`${modality}\0${folder}`, { modality, folder }]),
  );
  return {
    rowReads: 0,
    folders: () => [[...folders.values()]],
    rows() {
      this.rowReads++;
      return [rows.slice(0, 2), rows.slice(2)];
    },
  };
}

function rowsOf(...paths: [string, string][]): PlacedRow[] {
  return paths.map(([modality, path], i) => {
    const slash = path.lastIndexOf("/");
    return {
      fileId: i + 1,
      modality,
      folder: slash < 0 ? "." : path.slice(0, slash),
      name: path.slice(slash + 1),
    };
  });
}

const usual = layouts({
  Images: "{patient_id:w}/Images/{filepath}",
  Waveforms: "{patient_id:d}/Waveforms/{filepath}",
});

Deno.test("where nothing meets no row is looked at", () => {
  const version = inMemory(rowsOf(
    ["Images", "7/Images/a"],
    ["Images", "8/Images/a"],
    ["Waveforms", "7/Waveforms/a"],
    ["Waveforms", "007/Waveforms/b"],
  ));
  const single = inMemory(rowsOf(["Images", "7/Images/a"], ["Images", "8/Images/a"]));
  assert.deepEqual(findConflicts(single, { version: "v1", layouts: usual }), []);
  assert.equal(single.rowReads, 0);
  // Folders 7 and 007 meet, their files do not.
  assert.deepEqual(findConflicts(version, { version: "v1", layouts: usual }), []);
  assert.equal(version.rowReads, 1);
});

Deno.test("folders that differ in case or leading zeros meet; only equal names conflict", () => {
  const version = inMemory(rowsOf(
    ["Images", "7/Images/ct/a"],
    ["Images", "7/images/ct/a"],
    ["Images", "7/images/ct/b"],
    ["Waveforms", "7/Waveforms/x"],
    ["Waveforms", "007/Waveforms/x"],
    ["Waveforms", "07/Waveforms/x"],
    ["Waveforms", "08/Waveforms/x"],
  ));
  const conflicts = findConflicts(version, { version: "v1", layouts: usual });
  assert.deepEqual(conflicts.map(({ fileId }) => fileId).sort(), [1, 2, 4, 5, 6]);
  assert.equal(
    conflicts.find(({ fileId }) => fileId === 1)?.reason,
    '"7/Images/ct/a" (Images) and "7/images/ct/a" (Images) would both become "v1/7/Images/ct/a".',
  );
});

Deno.test("modalities whose central folders coincide are compared with each other", () => {
  const both = layouts({ OMOP: "OMOP/{filepath}", Images: "{patient_id:w}/Images/{filepath}" });
  // A patient whose id is OMOP.
  const version = inMemory(rowsOf(
    ["OMOP", "OMOP/Images/a"],
    ["Images", "OMOP/images/a"],
    ["Images", "OMOP/images/b"],
  ));
  const conflicts = findConflicts(version, { version: "v1", layouts: both });
  assert.deepEqual(conflicts.map(({ fileId }) => fileId).sort(), [1, 2]);
});

Deno.test("where the folder decides nothing, files are compared one by one", () => {
  const flat = layouts({ Images: "{patient_id:d}_{filepath}" });
  const version = inMemory(rowsOf(
    ["Images", "7_a"],
    ["Images", "07_a"],
    ["Images", "8_a"],
    ["Images", "not matching"],
  ));
  const conflicts = findConflicts(version, { version: "v1", layouts: flat });
  assert.deepEqual(conflicts.map(({ fileId }) => fileId).sort(), [1, 2]);
});

Deno.test("it can be stopped", () => {
  const version = inMemory(rowsOf(["Images", "7/Images/a"]));
  assert.throws(() =>
    findConflicts(version, {
      version: "v1",
      layouts: usual,
      signal: AbortSignal.abort(new Error("stop")),
    }), /stop/);
});

Deno.test("it finds what comparing all pairs finds, with any number of passes", () => {
  const segment = fc.constantFrom("1", "01", "a", "A", "Images", "images");
  const rows = fc.uniqueArray(
    fc.record({
      modality: fc.constantFrom("Images", "Waveforms", "Unknown"),
      path: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
    }),
    { selector: ({ modality, path }) => `${modality} ${path}`, maxLength: 40 },
  );
  const patterns = fc.constantFrom(
    { Images: "{patient_id:d}/Images/{filepath}", Waveforms: "{patient_id}/{filepath}" },
    { Images: "{filepath}", Waveforms: "a/{filepath}" },
    { Images: "{patient_id:d}/i{filepath}", Waveforms: "{patient_id:d}/{filepath}" },
  );
  fc.assert(
    fc.property(rows, patterns, fc.integer({ min: 1, max: 5 }), (found, chosen, hashesAtOnce) => {
      const of = layouts(chosen);
      const placed = rowsOf(
        ...found.map(({ modality, path }): [string, string] => [modality, path]),
      );
      const keys = placed.map(({ modality, folder, name }) => {
        const layout = of.get(modality);
        try {
          return layout && centralKeyOf(joinJournalPath(folder, name), "v1", layout);
        } catch {
          return undefined;
        }
      });
      const expected = placed
        .filter((_, i) =>
          keys[i] !== undefined && keys.some((key, j) => j !== i && key === keys[i])
        )
        .map(({ fileId }) => fileId);
      const conflicts = findConflicts(inMemory(placed), {
        version: "v1",
        layouts: of,
        hashesAtOnce,
      });
      assert.deepEqual(conflicts.map(({ fileId }) => fileId).sort((a, b) => a - b), expected);
    }),
  );
});
