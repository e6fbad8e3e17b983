import assert from "node:assert/strict";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import {
  isLocal,
  joinKey,
  joinLocation,
  lastPartOf,
  parseLocation,
  schemeOf,
  splitLocation,
} from "../../src/storage/location.ts";

const isConfigError = (error: unknown) => isChorusError(error, "config");

Deno.test("the scheme picks the driver; every local path is file", () => {
  const schemes: Record<string, string> = {
    "az://c/p": "az",
    "AZ://c": "az",
    "s3://bucket": "s3",
    "shelf:///srv/x": "shelf",
    "my-store+v2://x": "my-store+v2",
    "file:///data": "file",
    "/data": "file",
    "data": "file",
    "./az:/x": "file",
    "../x": "file",
    "C:\\x": "file",
    "D:/x": "file",
    "C://x": "file",
    "\\\\server\\share\\x": "file",
    "//server/share": "file",
  };
  for (const [path, scheme] of Object.entries(schemes)) {
    assert.equal(schemeOf(path), scheme, path);
    assert.equal(isLocal(path), scheme === "file", path);
    assert.equal(parseLocation(path).scheme, scheme, path);
  }
});

Deno.test("a container and a prefix are taken apart", () => {
  const parts = (path: string) => {
    const location = parseLocation(path);
    assert.ok("container" in location);
    return [location.container, location.prefix];
  };
  assert.deepEqual(parts("az://emory-temp/"), ["emory-temp", ""]);
  assert.deepEqual(parts("az://emory-temp"), ["emory-temp", ""]);
  assert.deepEqual(parts("az://c/p/q/"), ["c", "p/q"]);
  assert.deepEqual(parts("az://c//p"), ["c", "p"]);
  assert.deepEqual(parts("az://c/p q/ü#1?x=%20"), ["c", "p q/ü#1?x=%20"]);
  assert.deepEqual(parts("shelf:///srv/data"), ["", "srv/data"]);
});

Deno.test("a file URL becomes a path of the operating system", () => {
  const path = (url: string, windows: boolean) => {
    const location = parseLocation(url, windows);
    assert.ok("path" in location);
    return location.path;
  };
  assert.equal(path("file:///data/a%20b", false), "/data/a b");
  assert.equal(path("file://localhost/data", false), "/data");
  assert.equal(path("file:///C:/data/x", true), "C:\\data\\x");
  assert.equal(path("file://server/share/x", true), "\\\\server\\share\\x");
  assert.throws(() => path("file://server/share", false), isConfigError);
  assert.throws(() => path("file:///100%", false), isConfigError);
});

Deno.test("local paths are left as they are", () => {
  for (const path of ["/data/100%", "data", "C:\\x\\y", "\\\\s\\share", "a b"]) {
    assert.deepEqual(parseLocation(path), { scheme: "file", path });
  }
});

Deno.test("a scheme without two slashes and an empty path are errors", () => {
  for (const path of ["az:c/p", "s3:/bucket", "gs:x", "file:/data", ""]) {
    assert.throws(() => parseLocation(path), isConfigError, path);
  }
});

Deno.test("a cloud path that a URL would lead elsewhere is an error", () => {
  for (const path of ["az://c/../d", "az://c/a/./b", "s3://b/..", "az://c/p/../journal.db"]) {
    assert.throws(() => parseLocation(path), isConfigError, path);
  }
  assert.deepEqual(parseLocation("az://c/..a/.b/c."), {
    scheme: "az",
    container: "c",
    prefix: "..a/.b/c.",
  });
});

Deno.test("a path splits into the place and the name in it", () => {
  const cases: [string, string, string, boolean?][] = [
    ["az://c/journal.db", "az://c", "journal.db"],
    ["az://c/p/q/journal.db", "az://c/p/q", "journal.db"],
    ["az://c/p/journal.db/", "az://c/p", "journal.db"],
    ["shelf:///srv/x.shelf/j.db", "shelf:///srv/x.shelf", "j.db"],
    ["/data/journal.db", "/data", "journal.db"],
    ["/journal.db", "/", "journal.db"],
    ["journal.db", ".", "journal.db"],
    ["a/b/", "a", "b"],
    ["a\\b", ".", "a\\b", false],
    ["a\\b", "a", "b", true],
    ["C:\\data\\journal.db", "C:\\data", "journal.db"],
    ["C:\\journal.db", "C:\\", "journal.db"],
    ["D:/data/journal.db", "D:/data", "journal.db"],
    ["\\\\server\\share\\j.db", "\\\\server\\share\\", "j.db"],
    ["file:///data/j%20j.db", "/data", "j j.db", false],
  ];
  for (const [path, parent, name, windows] of cases) {
    assert.deepEqual(splitLocation(path, windows), { parent, name }, path);
    assert.equal(lastPartOf(path, windows), name);
  }
});

Deno.test("a path without a last part is an error", () => {
  for (const path of ["az://c", "az://c/", "/", ".", "..", "C:\\", "C:", "a/.."]) {
    assert.throws(() => splitLocation(path), isConfigError, path);
  }
});

Deno.test("parts are added to paths of every kind", () => {
  assert.equal(joinLocation("az://c", "a", "b"), "az://c/a/b");
  assert.equal(joinLocation("az://c/p/", "/a/"), "az://c/p/a");
  assert.equal(joinLocation("shelf:///srv", "a"), "shelf:///srv/a");
  assert.equal(joinLocation("/data/", "a", "b"), "/data/a/b");
  assert.equal(joinLocation("C:\\data", "a"), "C:\\data\\a");
});

Deno.test("joining and splitting a path are inverse", () => {
  for (const parent of ["az://c", "az://c/p/q", "/data", "C:\\data"]) {
    const path = joinLocation(parent, "journal.db");
    assert.deepEqual(splitLocation(path), { parent, name: "journal.db" });
  }
});

Deno.test("key parts are joined with one slash each", () => {
  assert.equal(joinKey("a", "b"), "a/b");
  assert.equal(joinKey("2024", "/p/", "", "x.dat"), "2024/p/x.dat");
  assert.equal(joinKey("a"), "a");
  assert.equal(joinKey("", "a", "b"), "a/b");
});
