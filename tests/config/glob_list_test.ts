import assert from "node:assert/strict";
import { checkGlobs } from "../../src/config/glob_list.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";

Deno.test("checkGlobs accepts what a shell does, folders with a slash at the end too", () => {
  assert.doesNotThrow(() =>
    checkGlobs(["**/.DS_Store", "tmp/**", "tmp/", "*.{bak,tmp}", "[0-9]?.txt", "a!b"])
  );
});

Deno.test("checkGlobs refuses globs that can match nothing or are malformed", () => {
  for (
    const [glob, what] of [
      ["", /is empty/],
      ["a\\b", /holds a backslash/],
      ["/abs/*", /begins with a slash/],
      ["!x", /begins with an exclamation mark/],
      ["[ab", /brackets that don't match/],
    ] as const
  ) {
    assert.throws(() => checkGlobs(["fine", glob]), (error) => {
      assert(isChorusError(error, "config"));
      assert.match(error.message, what);
      return true;
    }, glob);
  }
});
