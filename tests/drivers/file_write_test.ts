import assert from "node:assert/strict";
import { join } from "node:path";
import { companionNames } from "../../drivers/file/own_names.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { assertKind, bodyOf, get, mustStat, noise, put } from "../contract/driver_contract.ts";
import { everyFile, openAt, openWith, systemError, withFolder } from "./file_folder.ts";

const NO_LINKS = { link: () => Promise.reject(systemError("EPERM")) };
const NO_LOCKS = { tryLock: () => Promise.reject(systemError("ENOTSUP")) };

const MOUNTS: Record<string, (folder: string) => Driver> = {
  "a disk": openAt,
  "a mount without hard links": (folder) => openWith(folder, NO_LINKS),
  "a mount without locks": (folder) => openWith(folder, NO_LOCKS),
  "a mount without either": (folder) => openWith(folder, { ...NO_LINKS, ...NO_LOCKS }),
};

const ABSENT = { condition: { ifAbsent: true } } as const;

for (const [mount, open] of Object.entries(MOUNTS)) {
  Deno.test(`on ${mount} one of many creations wins, and nothing else is left`, () =>
    withFolder(async (folder) => {
      for (const key of ["x", "a/b/x"]) {
        const contents = Array.from(
          { length: 12 },
          (_, i) => `writer ${i} `.repeat(5_000),
        );
        const results = await Promise.allSettled(
          contents.map((content) => put(open(folder), key, content, ABSENT)),
        );
        const winners = contents.filter((_, i) => results[i]?.status === "fulfilled");
        assert.equal(winners.length, 1);
        assert.equal(await get(open(folder), key), winners[0]);
        for (const result of results) {
          if (result.status === "fulfilled") continue;
          const { kind } = open(folder).classify(result.reason);
          assert.equal(kind, "already_exists", String(result.reason));
        }
      }
      assert.deepEqual(await everyFile(folder), ["a/b/x", "x"]);
    }));

  Deno.test(`on ${mount} no replacement is lost among many`, () =>
    withFolder(async (folder) => {
      await put(open(folder), "counter", "0");
      let refused = 0;
      // Each adds one as often as it takes: lost updates would show in the sum.
      await Promise.all(Array.from({ length: 6 }, async () => {
        const driver = open(folder);
        for (let added = 0; added < 5;) {
          const { etag } = await mustStat(driver, "counter");
          try {
            const count = Number(await readOnce(driver, "counter", etag));
            await put(driver, "counter", String(count + 1), {
              condition: { ifMatch: etag },
            });
            added++;
          } catch (error) {
            const { kind } = driver.classify(error);
            assert.equal(kind, "precondition_failed", String(error));
            refused++;
          }
        }
      }));
      assert.equal(await get(open(folder), "counter"), "30");
      assert.ok(refused > 0, "they did get in each other's way");
      assert.deepEqual(await everyFile(folder), ["counter"]);
    }));

  Deno.test(`on ${mount} every failure leaves the folder as it was`, () =>
    withFolder(async (folder) => {
      const driver = open(folder);
      const { etag } = await put(driver, "old", "old content");
      async function* broken() {
        yield noise(100_000);
        throw new Error("the source broke");
      }
      const size = 200_000;
      await assert.rejects(driver.write("new", broken(), { size }));
      await assert.rejects(driver.write("old", broken(), { size }));
      await assert.rejects(driver.write("old", bodyOf("short"), { size }));
      await assert.rejects(put(driver, "old", "x", ABSENT));
      await assert.rejects(
        put(driver, "old", "x", { condition: { ifMatch: `${etag}0` } }),
      );
      await assert.rejects(driver.remove("old", { ifMatch: `${etag}0` }));
      await assert.rejects(driver.remove("missing", {}));
      assert.deepEqual(await everyFile(folder), ["old"]);
      assert.equal(await get(driver, "old"), "old content");
      assert.equal((await mustStat(driver, "old")).etag, etag);
    }));
}

async function readOnce(
  driver: Driver,
  key: string,
  ifMatch: string,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of driver.read(key, { ifMatch })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

Deno.test("quick replacements of equal size never have the same ETag", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    const etags = new Set<string>();
    for (let i = 0; i < 60; i++) {
      etags.add((await put(driver, "x", String(i % 10))).etag);
      etags.add((await mustStat(driver, "x")).etag);
    }
    assert.equal(etags.size, 60);
  }));

Deno.test("a replacement is later than the file that it replaces, even one from the future", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    await put(driver, "x", "one");
    const future = Date.now() + 3_600_000;
    await Deno.utime(join(folder, "x"), future / 1000, future / 1000);
    await put(driver, "x", "two");
    assert.ok((await mustStat(driver, "x")).modifiedMs > future);
  }));

Deno.test("a temporary file that another process took is left alone", () =>
  withFolder(async (folder) => {
    const path = join(folder, companionNames("x").temporary);
    let theirs: Deno.FsFile | undefined;
    const driver = openWith(folder, {
      // Between our creation and our lock it was taken for abandoned and made anew.
      tryLock: async (file) => {
        if (theirs === undefined) {
          await Deno.remove(path);
          theirs = await Deno.open(path, { write: true, createNew: true });
          await theirs.lock(true);
        }
        return await file.tryLock(true);
      },
    });
    try {
      await put(driver, "x", "ours", ABSENT);
      await theirs?.write(new TextEncoder().encode("theirs"));
      assert.equal(await get(driver, "x"), "ours");
      assert.equal(await Deno.readTextFile(path), "theirs");
    } finally {
      theirs?.close();
    }
    assert.equal((await everyFile(folder)).length, 2);
  }));

Deno.test("what a killed writer left is hidden, and removed by the next write", () =>
  withFolder(async (folder) => {
    const script = new URL("./file_slow_writer.ts", import.meta.url).pathname;
    const writer = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script, folder, "x"],
      stdout: "piped",
    }).spawn();
    // It says so when half of the content is written.
    const reader = writer.stdout.getReader();
    await reader.read();
    const left = await everyFile(folder);
    assert.equal(left.length, 1);
    const driver = openAt(folder);
    // While it lives, others write the same object beside it.
    await put(driver, "x", "first", ABSENT);
    assert.deepEqual(await everyFile(folder), [...left, "x"].sort());
    writer.kill("SIGKILL");
    await writer.status;
    await reader.cancel();
    assert.deepEqual(await everyFile(folder), [...left, "x"].sort());
    assert.deepEqual(await listed(driver), ["x"]);
    await put(driver, "x", "second");
    assert.deepEqual(await everyFile(folder), ["x"]);
    assert.equal(await get(driver, "x"), "second");
  }));

Deno.test("a writer killed between publishing and tidying up costs no content", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    await put(driver, "x", "published");
    const { temporary } = companionNames("x");
    await Deno.link(join(folder, "x"), join(folder, temporary));
    await assert.rejects(put(driver, "x", "other", ABSENT));
    assert.equal(await get(driver, "x"), "published");
    assert.deepEqual(await everyFile(folder), ["x"]);
  }));

Deno.test("what looks like a file of the driver's own is refused as a key and not listed", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    const names = companionNames("x");
    for (const name of Object.values(names)) {
      assert.match(driver.keyProblem?.(name) ?? "none", /temporary file/);
      await Deno.writeTextFile(join(folder, name), "left");
    }
    assert.deepEqual(await listed(driver), []);
  }));

Deno.test("links that lead out of the folder are not written through", () =>
  withFolder(async (parent) => {
    const folder = join(parent, "store");
    const outside = join(parent, "outside");
    await Deno.mkdir(folder);
    await Deno.mkdir(outside);
    await Deno.writeTextFile(join(outside, "x"), "not ours");
    await Deno.symlink(outside, join(folder, "out"));
    await Deno.symlink("..", join(folder, "up"));
    const driver = openAt(folder);
    await put(driver, "inside/x", "ours");
    for (const key of ["out/new", "out/deep/new", "up/new", "up/outside/new"]) {
      await assertKind(driver, "unsupported", put(driver, key, "x"));
      await assertKind(driver, "unsupported", copy(driver, "inside/x", key));
    }
    await assertKind(driver, "unsupported", driver.remove("out/x", {}));
    assert.deepEqual(await everyFile(outside), ["x"]);
    assert.deepEqual([...Deno.readDirSync(outside)].map(({ name }) => name), ["x"]);
    assert.deepEqual(await listed(driver), ["inside/x"]);
  }));

Deno.test("a link within the folder, and a linked folder itself, can be written through", () =>
  withFolder(async (parent) => {
    await Deno.mkdir(join(parent, "real/a"), { recursive: true });
    await Deno.symlink("real", join(parent, "store"));
    await Deno.symlink("a", join(parent, "real/b"));
    const driver = openAt(join(parent, "store"));
    await put(driver, "b/x", "content");
    assert.equal(await get(driver, "a/x"), "content");
    await driver.remove("b/x", {});
    assert.deepEqual(await listed(driver), []);
  }));

Deno.test("writing replaces a link, not what it leads to", () =>
  withFolder(async (parent) => {
    const folder = join(parent, "store");
    await Deno.mkdir(folder);
    await Deno.writeTextFile(join(parent, "victim"), "not ours");
    await Deno.symlink("../victim", join(folder, "link"));
    await Deno.symlink("../nowhere", join(folder, "dangling"));
    const driver = openAt(folder);
    await assertKind(driver, "already_exists", put(driver, "link", "x", ABSENT));
    await assertKind(
      driver,
      "already_exists",
      put(driver, "dangling", "x", ABSENT),
    );
    await put(driver, "link", "new");
    assert.equal(await get(driver, "link"), "new");
    await driver.remove("link", {});
    assert.equal(
      await Deno.readTextFile(join(parent, "victim")),
      "not ours",
    );
    assert.deepEqual(await everyFile(parent), ["store/dangling", "victim"]);
  }));

Deno.test("a file where a folder is needed, and the reverse, are refused", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    await put(driver, "file", "x");
    await put(driver, "folder/x", "x");
    await assertKind(driver, "unsupported", put(driver, "file/below", "x"));
    await assertKind(driver, "unsupported", put(driver, "folder", "x"));
    // Not `already_exists`: whoever looked what is there would be told that nothing is.
    await assertKind(driver, "unsupported", put(driver, "folder", "x", ABSENT));
    await assertKind(driver, "not_found", driver.remove("folder", {}));
    assert.deepEqual(await everyFile(folder), ["file", "folder/x"]);
  }));

Deno.test("a folder that is removed meanwhile is made again", () =>
  withFolder(async (folder) => {
    const driver = openAt(folder);
    await put(driver, "a/b/x", "one");
    await Deno.remove(join(folder, "a"), { recursive: true });
    await put(driver, "a/b/x", "two");
    assert.equal(await get(driver, "a/b/x"), "two");
  }));

Deno.test("many processes that create the same files win each file once", () =>
  withFolder(async (folder) => {
    const script = new URL("./file_racer.ts", import.meta.url).pathname;
    const racers = Array.from({ length: 5 }, (_, i) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", script, folder, `racer ${i}`],
      }).output());
    const wins = new Map<string, string>();
    for (const [i, { success, stdout, stderr }] of (await Promise.all(racers)).entries()) {
      assert.ok(success, new TextDecoder().decode(stderr));
      for (const key of new TextDecoder().decode(stdout).trim().split("\n")) {
        if (key === "") continue;
        assert.equal(wins.get(key), undefined, `${key} was won twice`);
        wins.set(key, `racer ${i}`);
      }
    }
    const files = await everyFile(folder);
    assert.equal(files.length, 20);
    assert.deepEqual([...wins.keys()].sort(), files);
    for (const [key, winner] of wins) {
      assert.equal(await get(openAt(folder), key), winner.repeat(1_000));
    }
  }));

async function listed(driver: Driver): Promise<string[]> {
  const keys: string[] = [];
  for await (const entry of driver.list("", { recursive: true })) {
    if (entry.kind === "object") keys.push(entry.object.key);
  }
  return keys.sort();
}

async function copy(driver: Driver, from: string, to: string): Promise<void> {
  assert.ok(driver.copy);
  await driver.copy(from, to, {});
}
