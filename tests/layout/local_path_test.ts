import assert from "node:assert/strict";
import fc from "fast-check";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import {
  absoluteRoot,
  joinJournalPath,
  pathSyntax,
  rootKey,
  splitJournalPath,
  toJournalPath,
  toLocalPath,
} from "../../src/layout/local_path.ts";

Deno.test("Windows roots come with drive letters, either slash, and as shares", () => {
  const root = (path: string) => absoluteRoot(path, "C:\\work", "windows");
  assert.equal(root("D:/chorus data/site"), "D:\\chorus data\\site");
  assert.equal(root("E:\\monitors\\export\\"), "E:\\monitors\\export");
  assert.equal(root("\\\\fileserver\\pacs\\deid"), "\\\\fileserver\\pacs\\deid");
  assert.equal(root("//fileserver/pacs/"), "\\\\fileserver\\pacs");
  assert.equal(root("D:"), "D:\\");
  assert.equal(root("D:\\"), "D:\\");
  assert.equal(root("data/site"), "C:\\work\\data\\site");
  assert.equal(root("."), "C:\\work");
  assert.equal(root("\\data"), "C:\\data");
});

Deno.test("POSIX roots keep backslashes and colons as they are", () => {
  assert.equal(absoluteRoot("data/", "/work", "posix"), "/work/data");
  assert.equal(absoluteRoot("/a:b\\c", "/work", "posix"), "/a:b\\c");
  assert.equal(absoluteRoot("/", "/work", "posix"), "/");
});

Deno.test("two spellings of one root are one on Windows only", () => {
  assert.equal(rootKey("D:\\Site", "windows"), rootKey("d:\\site", "windows"));
  assert.notEqual(rootKey("/Site", "posix"), rootKey("/site", "posix"));
});

Deno.test("a journal path becomes the system's own", () => {
  const local = toLocalPath;
  assert.equal(local("D:\\site", "p1/Images/a b", "windows"), "D:\\site\\p1\\Images\\a b");
  assert.equal(local("D:\\", "p1", "windows"), "D:\\p1");
  assert.equal(local("\\\\srv\\x", "p1/a", "windows"), "\\\\srv\\x\\p1\\a");
  assert.equal(local("D:\\site", ".", "windows"), "D:\\site");
  assert.equal(local("/site", "p1/a\\b:c", "posix"), "/site/p1/a\\b:c");
  assert.equal(local("/", "p1", "posix"), "/p1");
  assert.equal(local("/site", ".hidden/..a/b..", "posix"), "/site/.hidden/..a/b..");
});

Deno.test("a journal path that would leave the root or can't be a name is refused", () => {
  for (const path of ["", "..", "a/../b", "a/./b", "a//b", "/a", "a/", "a\0b"]) {
    for (const syntax of ["posix", "windows"] as const) {
      assert.throws(
        () => toLocalPath("/site", path, syntax),
        (error) => isChorusError(error, "unsupported"),
        JSON.stringify(path),
      );
    }
  }
  for (const path of ["a\\..\\b", "C:/x", "a:stream"]) {
    assert.throws(
      () => toLocalPath("D:\\site", path, "windows"),
      (error) => isChorusError(error, "unsupported"),
      path,
    );
  }
});

Deno.test("a local path becomes a journal path, or nothing when it lies elsewhere", () => {
  const journal = toJournalPath;
  assert.equal(journal("D:\\Site", "d:/site/P1\\Images\\a", "windows"), "P1/Images/a");
  assert.equal(journal("D:\\", "D:\\p1\\a", "windows"), "p1/a");
  assert.equal(journal("\\\\Srv\\Pacs", "//srv/pacs/p1/a", "windows"), "p1/a");
  assert.equal(journal("D:\\site", "D:\\SITE\\", "windows"), ".");
  assert.equal(journal("D:\\site", "D:\\site2\\a", "windows"), undefined);
  assert.equal(journal("D:\\site", "E:\\site\\a", "windows"), undefined);
  assert.equal(journal("D:\\site", "D:\\site\\..\\a", "windows"), undefined);
  assert.equal(journal("/site", "/site/p1/a\\b", "posix"), "p1/a\\b");
  assert.equal(journal("/site", "/Site/p1", "posix"), undefined);
  assert.equal(journal("/", "/p1", "posix"), "p1");
});

Deno.test("journal paths survive the way to the system's form and back", () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9 _é()&$-][a-zA-Z0-9 ._é()&$-]{0,8}$/)
    .filter((text) => !text.endsWith(".") && !text.endsWith(" "));
  const path = fc.array(name, { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join("/"));
  const roots = [
    ["/site", "posix"],
    ["/", "posix"],
    ["D:\\site", "windows"],
    ["D:\\", "windows"],
    ["\\\\srv\\share", "windows"],
  ] as const;
  fc.assert(fc.property(path, fc.constantFrom(...roots), (p, [root, syntax]) => {
    assert.equal(toJournalPath(root, toLocalPath(root, p, syntax), syntax), p);
    const { folder, name } = splitJournalPath(p);
    assert.equal(joinJournalPath(folder, name), p);
  }));
});

Deno.test("the path syntax follows from the operating system's name", () => {
  assert.equal(pathSyntax("windows"), "windows");
  assert.equal(pathSyntax("linux"), "posix");
  assert.equal(pathSyntax("darwin"), "posix");
});
