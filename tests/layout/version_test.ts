import assert from "node:assert/strict";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { checkVersion, isVersion, newVersion, stampUtc } from "../../src/layout/version.ts";

Deno.test("a version is 1 to 64 letters, digits and . _ - that begins and ends well", () => {
  for (
    const good of ["1", "a", "20250101000000", "v1.2_b-3", "a".repeat(64), "a-"]
  ) assert.ok(isVersion(good), good);
  for (
    const bad of [
      "",
      ".a",
      "-a",
      "_a",
      "a.",
      "a b",
      "a/b",
      "a\\b",
      "..",
      "é",
      "a\n",
      "a".repeat(65),
    ]
  ) assert.ok(!isVersion(bad), bad);
});

Deno.test("a wrong version is a usage error that quotes it", () => {
  assert.equal(checkVersion("v1"), "v1");
  assert.throws(
    () => checkVersion("v 1"),
    (error) => isChorusError(error, "usage") && /"v 1"/.test(error.message),
  );
});

Deno.test("a new version is the local date and time", () => {
  assert.equal(newVersion(new Date(2025, 0, 2, 3, 4, 5)), "20250102030405");
});

Deno.test("an upload stamp is the date and time in UTC", () => {
  assert.equal(
    stampUtc(new Date(Date.UTC(2025, 0, 2, 3, 4, 5, 678))),
    "20250102030405",
  );
});
