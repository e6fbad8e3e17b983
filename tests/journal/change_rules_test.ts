import assert from "node:assert/strict";
import { conclude, decide, isTrusted } from "../../src/journal/change_rules.ts";
import type { ActiveRow } from "../../src/journal/journal_row.ts";

const A = "0cc175b9c0f1b6a831c399e269772661";
const B = "92eb5ffee6ae2fec3ad71c777531578f";
const TIME_US = 1_704_449_700_123_457;
const YEAR_US = 365 * 86_400_000_000;

function activeRow(overrides: Partial<ActiveRow> = {}): ActiveRow {
  return {
    fileId: 1,
    name: "person.csv",
    size: 10,
    mtimeUs: TIME_US,
    md5: A,
    hashedUs: TIME_US + YEAR_US,
    ...overrides,
  };
}

Deno.test("a path without an active row is hashed and added", () => {
  assert.deepEqual(decide({ size: 10, mtimeUs: TIME_US }, []), { kind: "hash", reason: "new" });
  assert.equal(conclude({ size: 10, mtimeUs: TIME_US, md5: A }, undefined), "added");
});

Deno.test("same size and same time keep the row without reading the file", () => {
  const row = activeRow();
  assert.deepEqual(decide({ size: 10, mtimeUs: TIME_US }, [row]), { kind: "keep", row });
});

Deno.test("a microsecond time and its millisecond reading are the same time", () => {
  for (const stored of [123_000, 123_001, 123_457, 123_999, 124_000]) {
    const row = activeRow({ mtimeUs: 1_704_449_700_000_000 + stored });
    const decision = decide({ size: 10, mtimeUs: 1_704_449_700_123_000 }, [row]);
    assert.equal(decision.kind, "keep", `stored ${stored}`);
  }
});

Deno.test("times more than the tolerance apart are different times", () => {
  const row = activeRow();
  for (const apart of [-1_001, 1_001]) {
    assert.deepEqual(
      decide({ size: 10, mtimeUs: TIME_US + apart }, [row]),
      { kind: "hash", reason: "changed_time", row },
    );
  }
  assert.equal(decide({ size: 10, mtimeUs: TIME_US + 900_000 }, [row], 1_000_000).kind, "keep");
});

Deno.test("same size and content under another time is a move", () => {
  const hashed = { size: 10, mtimeUs: TIME_US + 5_000, md5: A };
  assert.equal(conclude(hashed, activeRow()), "moved");
});

Deno.test("same size but other content under another time is an update", () => {
  const hashed = { size: 10, mtimeUs: TIME_US + 5_000, md5: B };
  assert.equal(conclude(hashed, activeRow()), "updated");
});

Deno.test("another size is hashed and is an update", () => {
  const row = activeRow();
  assert.deepEqual(
    decide({ size: 11, mtimeUs: TIME_US + 5_000 }, [row]),
    { kind: "hash", reason: "changed_size", row },
  );
  assert.equal(conclude({ size: 11, mtimeUs: TIME_US + 5_000, md5: B }, row), "updated");
});

Deno.test("another size under the same time is suspicious and an update", () => {
  const row = activeRow();
  assert.deepEqual(
    decide({ size: 11, mtimeUs: TIME_US }, [row]),
    { kind: "hash", reason: "suspicious", row },
  );
  assert.equal(conclude({ size: 11, mtimeUs: TIME_US, md5: B }, row), "updated");
});

Deno.test("another size is an update even where the digest were the same", () => {
  assert.equal(conclude({ size: 11, mtimeUs: TIME_US, md5: A }, activeRow()), "updated");
});

Deno.test("two active rows for a path are inconsistent, whatever is on disk", () => {
  const rows = [activeRow(), activeRow({ fileId: 2 })];
  assert.deepEqual(decide({ size: 10, mtimeUs: TIME_US }, rows), { kind: "inconsistent", rows });
});

Deno.test("a file whose time was fresh when it was hashed is hashed again", () => {
  const row = activeRow({ hashedUs: TIME_US + 10_000 });
  assert.deepEqual(
    decide({ size: 10, mtimeUs: TIME_US }, [row]),
    { kind: "hash", reason: "untrusted", row },
  );
  assert.equal(conclude({ size: 10, mtimeUs: TIME_US, md5: A }, row), "confirmed");
  assert.equal(conclude({ size: 10, mtimeUs: TIME_US, md5: B }, row), "updated");
});

Deno.test("a time with fractions of a second needs a margin of some clock ticks", () => {
  assert.equal(isTrusted({ mtimeUs: TIME_US, hashedUs: TIME_US + 50_999 }, 1_000), false);
  assert.equal(isTrusted({ mtimeUs: TIME_US, hashedUs: TIME_US + 51_000 }, 1_000), true);
});

Deno.test("a whole second may come from a coarse file system and needs two seconds", () => {
  const mtimeUs = 1_704_449_700_000_000;
  assert.equal(isTrusted({ mtimeUs, hashedUs: mtimeUs + 2_000_999 }, 1_000), false);
  assert.equal(isTrusted({ mtimeUs, hashedUs: mtimeUs + 2_001_000 }, 1_000), true);
});

Deno.test("a wider tolerance widens the margin, for what it hides", () => {
  const row = { mtimeUs: TIME_US, hashedUs: TIME_US + 1_000_000 };
  assert.equal(isTrusted(row, 1_000), true);
  assert.equal(isTrusted(row, 2_000_000), false);
});

Deno.test("a time in the future is never trusted", () => {
  assert.equal(isTrusted({ mtimeUs: TIME_US + YEAR_US, hashedUs: TIME_US }), false);
});
