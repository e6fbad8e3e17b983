import assert from "node:assert/strict";
import { join } from "node:path";
import { classify } from "../../drivers/file/classify.ts";
import { nameProblem } from "../../drivers/file/name_problem.ts";
import {
  assertKind,
  bodyOf,
  entriesOf,
  get,
  getBytes,
  keyOf,
  mustStat,
  noise,
  put,
} from "../contract/driver_contract.ts";
import {
  canMount,
  everyFile,
  mountSmall,
  openAt,
  run,
  systemError,
  withFolder,
} from "./file_folder.ts";

Deno.test({
  name: "a full disk is named as that, and the half file is gone",
  ignore: !canMount(),
  fn: async () => {
    await using mount = await mountSmall("size=1m");
    const driver = openAt(mount.folder);
    await put(driver, "kept", noise(100_000));
    for (const key of ["new", "kept"]) {
      await assertKind(
        driver,
        "disk_full",
        put(driver, key, noise(3_000_000)),
      );
      await assertKind(
        driver,
        "disk_full",
        driver.write(key, bodyOf(noise(3_000_000), 3_000_000), {
          size: 3_000_000,
        }),
      );
    }
    assert.deepEqual(await everyFile(mount.folder), ["kept"]);
    assert.equal((await mustStat(driver, "kept")).size, 100_000);
  },
});

Deno.test({
  name: "a file system without free names is full too, and can be emptied",
  ignore: !canMount(),
  fn: async () => {
    await using mount = await mountSmall("nr_inodes=5");
    const driver = openAt(mount.folder);
    const create = (key: string) => put(driver, key, "x", { condition: { ifAbsent: true } });
    await create("1");
    await create("2");
    await create("3");
    await assertKind(driver, "disk_full", create("4"));
    await assertKind(driver, "disk_full", put(driver, "1", "other"));
    assert.deepEqual(await everyFile(mount.folder), ["1", "2", "3"]);
    // Not even the lock of a removal finds room now.
    await Deno.writeTextFile(join(mount.folder, "full"), "");
    await driver.remove("2", {});
    await driver.remove("full", {});
    await create("4");
    assert.deepEqual(await everyFile(mount.folder), ["1", "3", "4"]);
  },
});

Deno.test({
  name: "a read-only mount is named as that",
  ignore: !canMount(),
  fn: async () => {
    await using mount = await mountSmall("size=1m");
    const driver = openAt(mount.folder);
    await put(driver, "x", "content");
    await run("mount", "-o", "remount,ro", mount.folder);
    for (
      const change of [
        () => put(driver, "y", "x"),
        () => put(driver, "a/y", "x"),
        () => put(driver, "x", "other"),
        () => driver.remove("x", {}),
      ]
    ) {
      const error = await change().then(() => undefined, (thrown) => thrown);
      const failure = classify(error);
      assert.equal(failure.kind, "permission");
      assert.match(failure.message ?? "", /read-only/);
    }
    assert.equal(await get(driver, "x"), "content");
  },
});

Deno.test("a missing root is not_found for a listing, and made by a write", () =>
  withFolder(async (folder) => {
    const driver = openAt(join(folder, "not/yet"));
    await assertKind(
      driver,
      "not_found",
      entriesOf(driver, "", { recursive: true }),
    );
    assert.equal(await driver.stat("x", {}), undefined);
    await assertKind(driver, "not_found", driver.remove("x", {}));
    await assertKind(
      driver,
      "precondition_failed",
      driver.remove("x", { ifMatch: "1" }),
    );
    await put(driver, "x", "content");
    assert.deepEqual(await everyFile(folder), ["not/yet/x"]);
  }));

Deno.test("a root that is a file is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "file"), "x");
    const driver = openAt(join(folder, "file"));
    await assertKind(driver, "unsupported", put(driver, "x", "x"));
    await assertKind(
      driver,
      "not_found",
      entriesOf(driver, "", { recursive: true }),
    );
  }));

Deno.test("a name that is too long is refused before and by the file system", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    const name = "ü".repeat(128);
    assert.match(driver.keyProblem?.(name) ?? "none", /256 bytes long/);
    await assertKind(driver, "unsupported", put(driver, name, "x"));
    const longest = "x".repeat(255);
    assert.equal(driver.keyProblem?.(longest), undefined);
    await put(driver, longest, "x", { condition: { ifAbsent: true } });
    await put(driver, longest, "other");
    await driver.remove(longest, {});
    assert.deepEqual(await everyFile(folder), []);
  }));

Deno.test("a file that becomes shorter while it is read is an error", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    await put(driver, "x", noise(3_000_000));
    const read = async () => {
      for await (const _ of driver.read("x", {})) {
        await Deno.truncate(join(folder, "x"), 1_500_000);
      }
    };
    await assertKind(driver, "io", read());
  }));

Deno.test("a file changed in place while it is read on condition is an error", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    const { etag } = await put(driver, "x", noise(3_000_000));
    const read = async () => {
      for await (const _ of driver.read("x", { ifMatch: etag })) {
        await Deno.utime(join(folder, "x"), 1, 1);
      }
    };
    await assertKind(driver, "precondition_failed", read());
    await assertKind(
      driver,
      "precondition_failed",
      getBytes(driver, "x", { ifMatch: etag }),
    );
  }));

Deno.test("a listing passes over what is no object", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    await put(driver, "a/x", "content");
    await Deno.symlink("nowhere", join(folder, "a/dangling"));
    await Deno.symlink("..", join(folder, "a/loop"));
    await Deno.symlink("x", join(folder, "a/link"));
    await run("mkfifo", join(folder, "a/pipe"));
    const keys = (await entriesOf(driver, "", { recursive: true })).map(keyOf);
    assert.deepEqual(keys.sort(), ["a/link", "a/x"]);
    assert.equal(await driver.stat("a/pipe", {}), undefined);
  }));

Deno.test("without Deno's permission the error says which flags are missing", () =>
  withFolder(async (folder) => {
    const script = `
      import { openAt } from ${JSON.stringify(new URL("./file_folder.ts", import.meta.url).href)};
      const driver = openAt(${JSON.stringify(folder)});
      try {
        await driver.write("x", (async function* () {})(), { size: 0 });
      } catch (error) {
        console.log(JSON.stringify(driver.classify(error)));
      }
    `;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-read",
        `data:application/typescript,${encodeURIComponent(script)}`,
      ],
    }).output();
    const failure = JSON.parse(new TextDecoder().decode(stdout));
    assert.equal(failure.kind, "permission");
    assert.match(failure.remedy, /--allow-write/);
  }));

Deno.test("errors of the operating system keep their meaning", () => {
  const meanings: Record<string, string> = {
    ENOENT: "not_found",
    EEXIST: "already_exists",
    EACCES: "permission",
    EPERM: "permission",
    EROFS: "permission",
    ENOSPC: "disk_full",
    EDQUOT: "disk_full",
    ENAMETOOLONG: "unsupported",
    EILSEQ: "unsupported",
    ESTALE: "unavailable",
    ETIMEDOUT: "unavailable",
    EHOSTDOWN: "unavailable",
    EIO: "io",
    EXYZ: "io",
  };
  for (const [code, kind] of Object.entries(meanings)) {
    assert.equal(classify(systemError(code)).kind, kind, code);
  }
  assert.equal(classify(new Deno.errors.NotFound("x")).kind, "not_found");
  assert.equal(classify(new Error("x")).kind, "io");
  assert.equal(classify("x").kind, "io");
  assert.equal(classify(undefined).kind, "io");
});

Deno.test("names that Windows can't hold are refused there, and only there", () => {
  const refused = [
    "a:b",
    "what?",
    "a*b",
    "<x>",
    "a|b",
    'quo"te',
    "dot.",
    "space ",
    "folder./x",
    "con",
    "CON",
    "aux.txt",
    "a/NUL/b",
    "com1",
    "LPT9.dat",
    "com¹.x",
    "conin$",
  ];
  for (const name of refused) {
    assert.notEqual(nameProblem(name, true), undefined, name);
    assert.equal(nameProblem(name, false), undefined, name);
  }
  for (
    const name of [
      "console.log",
      "com10",
      "common",
      "a.b",
      ".hidden",
      "nul_x",
      "aux_1.txt",
      "José_4/café",
      "ü".repeat(255),
    ]
  ) {
    assert.equal(nameProblem(name, true), undefined, name);
  }
});
