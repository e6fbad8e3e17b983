import assert from "node:assert/strict";
import fc from "fast-check";
import type { ActiveRow } from "../../src/journal/journal_row.ts";
import { rowsByFile } from "../../src/workflows/rows_by_file.ts";

/** Names of which some sort otherwise in UTF-16 than in UTF-8, and some are one's beginning. */
const NAMES = ["a", "a.dcm", "aa", "b", "B", "\u{1f600}", "\ufffd", "é", "e\u0301", "0"];

function row(name: string, fileId: number): ActiveRow {
  return { fileId, name, size: 1, mtimeUs: 1, md5: "", hashedUs: 1 };
}

Deno.test("each file gets exactly the rows of its name, whatever order both come in", () => {
  const names = fc.array(fc.constantFrom(...NAMES), { maxLength: 14 });
  const sorted = fc.boolean();
  fc.assert(
    fc.property(
      names,
      fc.uniqueArray(fc.constantFrom(...NAMES)),
      sorted,
      (inJournal, found, sort) => {
        if (sort) {
          inJournal.sort();
          found.sort();
        }
        const rows = inJournal.map(row);
        const files = found.map((name) => ({ name }));
        assert.deepEqual(
          rowsByFile(rows, files).map((each) => [each ?? []].flat().map(({ fileId }) => fileId)),
          found.map((name) =>
            rows.filter((each) => each.name === name).map(({ fileId }) => fileId)
          ),
        );
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("one row is no array, several are one", () => {
  const [one, two, other] = [row("a", 1), row("a", 2), row("b", 3)];
  assert.deepEqual(rowsByFile([one, two, other], [{ name: "a" }, { name: "b" }, { name: "c" }]), [
    [one, two],
    other,
    undefined,
  ]);
});
