import assert from "node:assert/strict";
import {
  combinedSign,
  toVerification,
  type Verified,
  type VerifiedFile,
  VerifyTally,
} from "../../src/verify/verified.ts";

const file: VerifiedFile = {
  kind: "file",
  fileId: 7,
  centralKey: "v1/7/Images/a",
  size: 10,
  result: "equal",
  level: "service",
  remembered: false,
  reason: undefined,
};
const stranger: Verified = { kind: "unknown", centralKey: "v1/x", size: 3 };

Deno.test("every result has its sign", () => {
  const signs = (
    [
      "equal",
      "size_differs",
      "md5_differs",
      "missing",
      "md5_absent",
      "unproven",
      "unverifiable",
    ] as const
  ).map((result) => combinedSign({ ...file, result }));
  assert.deepEqual(signs, ["=", "*", "*", "-", "!", "!", "!"]);
  assert.equal(combinedSign(stranger), "+");
});

Deno.test("unknown and unproven files fail nothing, unless it is strict", () => {
  const tally = new VerifyTally();
  for (const item of [file, stranger, { ...file, result: "unproven" } as const]) tally.add(item);
  assert.deepEqual([tally.files, tally.equal, tally.equalBytes, tally.unknown, tally.unproven], [
    2,
    1,
    10,
    1,
    1,
  ]);
  assert.equal(tally.failed(false), false);
  assert.equal(tally.failed(true), true);
  for (
    const result of [
      "missing",
      "size_differs",
      "md5_differs",
      "md5_absent",
      "unverifiable",
    ] as const
  ) {
    const bad = new VerifyTally();
    bad.add({ ...file, result });
    assert.equal(bad.failed(false), true, result);
    assert.equal(bad.files, 1);
  }
});

Deno.test("only what was found out now is remembered", () => {
  assert.deepEqual(toVerification(file, 5, "me"), {
    fileId: 7,
    checkedUs: 5,
    level: "service",
    result: "equal",
    checkedBy: "me",
  });
  assert.equal(toVerification({ ...file, remembered: true }, 5, "me"), undefined);
  assert.equal(toVerification(stranger, 5, "me"), undefined);
  assert.equal(
    toVerification({ ...file, result: "unverifiable", level: undefined }, 5, "me"),
    undefined,
  );
  assert.equal(toVerification({ ...file, result: "missing" }, 5, "me")?.result, "missing");
});
