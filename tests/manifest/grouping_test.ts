import assert from "node:assert/strict";
import { groupFile, type Grouping } from "../../src/manifest/grouping.ts";
import type { MappedFile } from "../../src/manifest/mapping_file.ts";
import { recordIdOf } from "../../src/manifest/record_id.ts";

const NAME = "p_01_20240105_101500_60";
const START = "2024-01-05 10:15:00";

function group(grouping: Grouping, path: string, folderPersonId?: string, mapped?: MappedFile) {
  return groupFile(grouping, { path, folderPersonId, mapped });
}

Deno.test("by file, files that differ only in the extension are one record, in their folder", () => {
  const hea = group("file", `p_01/Waveforms/${NAME}.hea`, "p_01");
  assert.deepEqual(hea, {
    key: `p_01/Waveforms/${NAME}`,
    personId: "p_01",
    start: START,
    session: undefined,
  });
  assert.deepEqual(group("file", `p_01/Waveforms/${NAME}.dat.gz`, "p_01"), hea);
  assert.notDeepEqual(group("file", `p_01/Waveforms/icu/${NAME}.dat`, "p_01"), hea);
  assert.deepEqual(group("file", `${NAME}.dat`), { ...hea, key: NAME });
});

Deno.test("by folder, the folder is the record and its files may be named as they like if it is named well", () => {
  const segment = group("folder", `p_01/Waveforms/${NAME}/0001.dat`, "p_01");
  assert.ok("key" in segment);
  assert.deepEqual([segment.personId, segment.start], ["p_01", START]);
  assert.deepEqual(group("folder", `p_01/Waveforms/${NAME}/layout.hea`, "p_01"), segment);
  const early = group("folder", `p_01/Waveforms/night/${NAME}.dat`, "p_01");
  const late = group("folder", "p_01/Waveforms/night/p_01_20240106_000000_60.dat", "p_01");
  assert.ok("key" in early && "key" in late);
  assert.equal(early.key, late.key);
  assert.ok("reason" in group("folder", "p_01/Waveforms/night/0001.dat", "p_01"));
});

Deno.test("by mapping, the mapping says everything, and a start that it leaves out is the name's", () => {
  const mapped = {
    personId: "P9",
    session: "S1",
    record: "R1",
    start: "2024-02-01 00:00:00",
    line: 2,
  };
  const one = group("mapping", "any/where.bin", "somebody", mapped);
  assert.deepEqual(one, {
    key: '["P9","S1","R1"]',
    personId: "P9",
    start: "2024-02-01 00:00:00",
    session: "S1",
  });
  const named = group("mapping", `x/${NAME}.dat`, undefined, { ...mapped, start: undefined });
  assert.ok("start" in named && named.start === START);
  const nameless = group("mapping", "x/y.dat", undefined, { ...mapped, start: undefined });
  assert.ok("start" in nameless && nameless.start === undefined);
  const absent = group("mapping", `x/${NAME}.dat`);
  assert.ok("reason" in absent);
  assert.match(absent.reason, /mapping file doesn't have it/);
});

Deno.test("a file whose name, folder or mapping mean different persons belongs to nobody", () => {
  const misplaced = group("file", `p_02/Waveforms/${NAME}.dat`, "p_02");
  assert.ok("reason" in misplaced);
  assert.match(misplaced.reason, /"p_01".*"p_02"/);
  const mapped = { personId: "other", session: "S", record: "R", start: undefined, line: 7 };
  const contradicted = group("file", `p_01/Waveforms/${NAME}.dat`, "p_01", mapped);
  assert.ok("reason" in contradicted);
  assert.match(contradicted.reason, /"other" \(line 7\)/);
  // Leading zeros of a number mean nothing; those of a text do.
  assert.ok("key" in group("file", "123/Waveforms/00123_20240105_101500_60.dat", "123"));
  assert.ok("reason" in group("file", "p1/Waveforms/p01_20240105_101500_60.dat", "p1"));
});

Deno.test("an id follows from grouping and key alone, fits a number, and has an alternative", () => {
  assert.equal(recordIdOf("file", "a", 0), recordIdOf("file", "a", 0));
  const ids = new Set<number>();
  for (let n = 0; n < 1000; n++) {
    for (const grouping of ["file", "folder"]) {
      for (const attempt of [0, 1]) {
        const id = recordIdOf(grouping, `key ${n}`, attempt);
        assert.ok(Number.isSafeInteger(id) && id > 0);
        ids.add(id);
      }
    }
  }
  assert.equal(ids.size, 4000);
  // The ids that are out there must never change: SHA-256("file\np_01/Waveforms/…").
  assert.equal(recordIdOf("file", `p_01/Waveforms/${NAME}`, 0), KNOWN_ID);
});

/** Computed once, with another program. */
const KNOWN_ID = 153524795258845;
