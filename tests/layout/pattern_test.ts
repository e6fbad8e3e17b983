import assert from "node:assert/strict";
import fc from "fast-check";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { compilePattern } from "../../src/layout/pattern.ts";

const found = (pattern: string, path: string) => {
  const match = compilePattern(pattern).match(path);
  return match && [match.personId, match.version, match.filepath];
};

Deno.test("a pattern gives the fields of the paths it matches", () => {
  const images = "{patient_id:w}/Images/{filepath}";
  const cases: [string, string, unknown[] | undefined][] = [
    [images, "00123/Images/ct/1.dcm", ["00123", undefined, "ct/1.dcm"]],
    [images, "p_01/images/O'Brien (1).dcm", [
      "p_01",
      undefined,
      "O'Brien (1).dcm",
    ]],
    [images, "José_4/IMAGES/x", ["José_4", undefined, "x"]],
    [images, "Jose\u0301/Images/x", ["Jose\u0301", undefined, "x"]],
    [images, "日本/Images/x", ["日本", undefined, "x"]],
    [images, "p 1/Images/x", undefined],
    [images, "p-1/Images/x", undefined],
    [images, "p1/Images", undefined],
    [images, "p1/Images_old/x", undefined],
    [images, "old/p1/Images/x", undefined],
    [images, "/p1/Images/x", undefined],
    [images, "p1//Images/x", undefined],
    [images, "p1/Images//x", undefined],
    [images, "p1/Images/../x", undefined],
    [images, "", undefined],
    [images, "x", undefined],
    ["OMOP/{filepath}", "OMOP/vocab/concept.csv", [
      undefined,
      undefined,
      "vocab/concept.csv",
    ]],
    ["{filepath}", "a/b", [undefined, undefined, "a/b"]],
    ["{version}/{patient_id}/Waveforms/{filepath}", "v 1/a b/waveforms/x/y", [
      "a b",
      "v 1",
      "x/y",
    ]],
    ["{version:w}/Person{patient_id:d}/Images/{filepath}", "v1/PERSON007/images/a", [
      "007",
      "v1",
      "a",
    ]],
    ["Person{patient_id:d}/{filepath}", "Person12b/a", undefined],
    ["Person{patient_id:d}/{filepath}", "Person/a", undefined],
    ["W/{patient_id:w}_{filepath}", "W/p_01_x.dat", [
      "p_01",
      undefined,
      "x.dat",
    ]],
    ["W/{patient_id}_{filepath}", "W/p_01_x.dat", [
      "p",
      undefined,
      "01_x.dat",
    ]],
    ["W/{patient_id}_{filepath}", "W/p_a/b/c", ["p", undefined, "a/b/c"]],
    ["W/{patient_id}_{filepath}", "W/p_/b", undefined],
    ["W/{filepath:w}", "W/abc", [undefined, undefined, "abc"]],
    ["W/{filepath:w}", "W/abc/d", undefined],
    ["W/{filepath:d}", "W/12", [undefined, undefined, "12"]],
    ["a.b+c/{filepath}", "A.B+C/x", [undefined, undefined, "x"]],
    ["a.b+c/{filepath}", "aXb+c/x", undefined],
    ["R\u00f6ntgen/{filepath}", "Ro\u0308ntgen/x", [
      undefined,
      undefined,
      "x",
    ]],
    ["Ro\u0308ntgen/{filepath}", "R\u00d6NTGEN/Ro\u0308.png", [
      undefined,
      undefined,
      "Ro\u0308.png",
    ]],
    ["W/{filepath}", "W/new\nline", [undefined, undefined, "new\nline"]],
  ];
  for (const [pattern, path, expected] of cases) {
    assert.deepEqual(found(pattern, path), expected, `${pattern} on ${path}`);
  }
});

Deno.test("a pattern knows which folders may lead to a match", () => {
  const cases: [string, string, boolean][] = [
    ["{patient_id:w}/Images/{filepath}", ".", true],
    ["{patient_id:w}/Images/{filepath}", "p1", true],
    ["{patient_id:w}/Images/{filepath}", "p 1", false],
    ["{patient_id:w}/Images/{filepath}", "p1/images", true],
    ["{patient_id:w}/Images/{filepath}", "p1/images/a/b", true],
    ["{patient_id:w}/Images/{filepath}", "p1/Notes", false],
    ["{patient_id:w}/Images/{filepath}", "p1/Images_old/Images", false],
    ["{filepath}", "any/where", true],
    ["{filepath:w}", ".", true],
    ["{filepath:w}", "a", false],
    ["W/{filepath:w}", "W", true],
    ["W/{filepath:w}", "W/a", false],
    ["W/IMG_{filepath}", "W/img_1/x", true],
    ["W/IMG_{filepath}", "W/IMG_", false],
    ["W/IMG_{filepath}", "W/a", false],
    ["W/{filepath}", "W/../x", false],
  ];
  for (const [pattern, folder, expected] of cases) {
    assert.equal(
      compilePattern(pattern).mayLead(folder),
      expected,
      `${pattern} on ${folder}`,
    );
  }
});

Deno.test("a malformed pattern is a configuration error that quotes it and says why", () => {
  const cases: [string, RegExp][] = [
    ["", /empty/],
    ["a\\{filepath}", /backslash/],
    ["/a/{filepath}", /begins with a slash/],
    ["a//{filepath}", /empty folder name/],
    ["../{filepath}", /"\.\."/],
    ["a/./{filepath}", /"\."/],
    ["{person}/{filepath}", /unknown field "\{person\}"/],
    ["{}/{filepath}", /unknown field "\{\}"/],
    ["{patient_id:x}/{filepath}", /limit is unknown/],
    ["{patient_id:w:w}/{filepath}", /limit is unknown/],
    ["{patient_id/{filepath}", /"\{" without/],
    ["{patient_id", /"\{" without/],
    ["a}/{filepath}", /"\}" without/],
    ["{patient_id}/{patient_id}/{filepath}", /\{patient_id\} twice/],
    ["{patient_id:w}{filepath}", /side by side/],
    ["{filepath}.dcm", /after \{filepath\}/],
    ["{filepath}/", /after \{filepath\}/],
    ["OMOP/person.csv", /no \{filepath\}/],
    ["a\0/{filepath}", /NUL/],
  ];
  for (const [pattern, reason] of cases) {
    assert.throws(() => compilePattern(pattern), (error) => {
      assert.ok(isChorusError(error, "config"), pattern);
      assert.match(error.message, reason);
      assert.ok(error.message.includes(pattern));
      return true;
    });
  }
});

const limit = fc.constantFrom("", ":w", ":d");
const literal = fc.constantFrom("Images", "a.b", "Person", "x_", "é");
const segment = (field: string) =>
  fc.oneof(
    literal,
    limit.map((l) => `{${field}${l}}`),
    fc.tuple(literal, limit).map(([text, l]) => `${text}{${field}${l}}`),
    fc.tuple(limit, literal).map(([l, text]) => `{${field}${l}}${text}`),
  );
const patterns = fc.tuple(
  fc.option(segment("patient_id"), { nil: undefined }),
  fc.option(segment("version"), { nil: undefined }),
  fc.option(literal, { nil: undefined }),
  fc.constantFrom("{filepath}", "IMG_{filepath}", "{filepath:w}"),
).map((parts) => parts.filter((part) => part !== undefined).join("/"));
const names = fc.oneof(
  fc.constantFrom("Images", "IMAGES", "a.b", "Person", "Person7", "7", "x_7"),
  fc.constantFrom("7x_", "IMG_", "IMG_1", "e\u0301", "É7", "-", "a b", "x"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 })
    .filter((name) => !/[/\0]/.test(name) && name !== "." && name !== ".."),
);
const paths = fc.array(names, { minLength: 1, maxLength: 6 });

Deno.test("every folder above a match may lead to it", () => {
  fc.assert(
    fc.property(patterns, paths, (source, parts) => {
      const pattern = compilePattern(source);
      if (pattern.match(parts.join("/")) === undefined) return;
      assert.ok(pattern.mayLead("."));
      for (let depth = 1; depth < parts.length; depth++) {
        assert.ok(pattern.mayLead(parts.slice(0, depth).join("/")));
      }
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("below a folder that may lead to a match there can be one", () => {
  fc.assert(
    fc.property(patterns, paths, (source, parts) => {
      const pattern = compilePattern(source);
      const folder = parts.join("/");
      if (!pattern.mayLead(folder)) return;
      // The pattern's own segments, fields filled in, complete the folder's path.
      const own = source.split("/")
        .map((text) => text.replace(/\{[^}]*\}/g, "7"));
      const completed = [...parts, ...own.slice(parts.length)];
      if (own.length <= parts.length) completed.push("7");
      assert.ok(
        pattern.match(completed.join("/")),
        `${source} on ${completed.join("/")}`,
      );
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("judging a folder and then a name is the same as judging the path", () => {
  fc.assert(
    fc.property(patterns, paths, (source, parts) => {
      const name = parts[parts.length - 1];
      const folder = parts.slice(0, -1).join("/") || ".";
      const inFolder = compilePattern(source).folder(folder);
      const match = compilePattern(source).match(parts.join("/"));
      assert.deepEqual(inFolder?.matchName(name), match);
      if (inFolder?.everyName) assert.ok(match);
    }),
    { numRuns: 3_000 },
  );
});
