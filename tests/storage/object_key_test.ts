import assert from "node:assert/strict";
import fc from "fast-check";
import { keyProblem, prefixProblem } from "../../src/storage/object_key.ts";
import { ODD_NAMES } from "../contract/odd_names.ts";

Deno.test("names that sites have are keys", () => {
  for (const name of ODD_NAMES) assert.equal(keyProblem(name), undefined, name);
});

Deno.test("what is no key says why", () => {
  const problems: Record<string, RegExp> = {
    "": /empty/,
    "/a": /begins with a slash/,
    "a/": /ends with a slash/,
    "a//b": /two slashes/,
    ".": /"\."/,
    "..": /"\.\."/,
    "a/../b": /"\.\."/,
    "a/./b": /"\."/,
    "a\\b": /backslash/,
    "..\\b": /backslash/,
    "a\nb": /control character/,
    "a\u0000": /control character/,
    "\u007f": /control character/,
    "a\ud800": /Unicode/,
  };
  for (const [key, problem] of Object.entries(problems)) {
    assert.match(keyProblem(key) ?? "none", problem, JSON.stringify(key));
  }
});

Deno.test("the length counts in UTF-8 bytes", () => {
  assert.equal(keyProblem("ü".repeat(5), { maxKeyBytes: 10 }), undefined);
  assert.match(
    keyProblem("ü".repeat(5) + "x", { maxKeyBytes: 10 }) ?? "none",
    /11 bytes long, 10 are allowed/,
  );
});

Deno.test("a prefix is nothing, or a key with a slash behind it", () => {
  for (const prefix of ["", "a/", "a/b c/", ".../"]) {
    assert.equal(prefixProblem(prefix), undefined, prefix);
  }
  for (const prefix of ["a", "/", "../", "a//", "a/../", "a\\/"]) {
    assert.notEqual(prefixProblem(prefix), undefined, prefix);
  }
});

Deno.test("no key leads out of the folder that it is joined to", () => {
  const segment = fc.oneof(
    fc.constantFrom("..", ".", "", "...", "..a", "a..", "~", "C:", "%2e%2e"),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
      const key = segments.join("/");
      if (keyProblem(key) !== undefined) return;
      const url = new URL(
        `file:///root/folder/${key.split("/").map(encodeURIComponent).join("/")}`,
      );
      assert.ok(url.pathname.startsWith("/root/folder/"), key);
      assert.equal(url.pathname.split("/").length, key.split("/").length + 3);
    }),
    { numRuns: 500 },
  );
});
