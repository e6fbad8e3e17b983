import assert from "node:assert/strict";
import { compileGlobs } from "../../src/config/glob_list.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";

Deno.test("compileGlobs matches paths at any depth, dot files included", () => {
  const excluded = compileGlobs(["**/.DS_Store", "tmp/**", "*.{bak,tmp}"]);
  for (const path of [".DS_Store", "a/b/.DS_Store", "tmp/x/y", "notes.bak", ".x.tmp"]) {
    assert(excluded(path), path);
  }
  for (const path of ["a/DS_Store", "a/tmp/x", "a/notes.bak"]) {
    assert(!excluded(path), path);
  }
});

Deno.test("compileGlobs of no globs matches nothing", () => {
  assert.equal(compileGlobs([])("anything"), false);
});

Deno.test("compileGlobs refuses globs that can match nothing or are malformed", () => {
  for (
    const [glob, what] of [
      ["", /is empty/],
      ["a\\b", /holds a backslash/],
      ["/abs/*", /begins with a slash/],
      ["!x", /begins with an exclamation mark/],
      ["[ab", /brackets that don't match/],
    ] as const
  ) {
    assert.throws(() => compileGlobs(["fine", glob]), (error) => {
      assert(isChorusError(error, "config"));
      assert.match(error.message, what);
      return true;
    }, glob);
  }
});
