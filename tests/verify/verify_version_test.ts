import assert from "node:assert/strict";
import fc from "fast-check";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import type { JournalRow } from "../../src/journal/journal_row.ts";
import { compilePattern } from "../../src/layout/pattern.ts";
import type { Driver, ObjectInfo } from "../../src/storage/driver.ts";
import { Store } from "../../src/storage/store.ts";
import type { Verified, VerifiedFile } from "../../src/verify/verified.ts";
import {
  type DeepOptions,
  type VerifyOptions,
  verifyVersion,
} from "../../src/verify/verify_version.ts";
import { FaultyDriver } from "../storage/faulty_driver.ts";
import { md5Hex, Sending, someBytes, type StoreKind } from "../transfer/sending.ts";

const KINDS: readonly StoreKind[] = ["file", "shelf"];
const ALL: DeepOptions = { share: 1 };

const layouts = new Map([
  ["Images", {
    modality: "Images",
    pattern: compilePattern("{patient_id:w}/Images/{filepath}"),
    patientFirst: true,
  }],
]);

/** A central store with a journal's rows. */
class Site {
  readonly rows: JournalRow[] = [];
  constructor(readonly sending: Sending) {}

  /** Adds a row; with `bytes` as what is uploaded, with `there` as what really is there. */
  async add(
    path: string,
    bytes: Uint8Array,
    there: Uint8Array | null = bytes,
    more: Partial<JournalRow> = {},
  ): Promise<JournalRow> {
    const slash = path.lastIndexOf("/");
    const row: JournalRow = {
      fileId: this.rows.length + 1,
      personId: null,
      folder: path.slice(0, slash),
      name: path.slice(slash + 1),
      modality: "Images",
      mtimeUs: 1,
      size: bytes.length,
      md5: md5Hex(bytes),
      validUs: 1,
      invalidUs: null,
      uploaded: "20260101000000",
      version: "v1",
      ...more,
    };
    this.rows.push(row);
    if (there !== null) await this.sending.put(`v1/${path}`, there);
    return row;
  }

  async verify(more: Partial<VerifyOptions> = {}): Promise<Map<string, string>> {
    const results = new Map<string, string>();
    for (const item of await this.items(more)) {
      results.set(item.centralKey, describe(item));
    }
    return results;
  }

  async items(more: Partial<VerifyOptions> = {}): Promise<Verified[]> {
    const { rows } = this;
    return await Array.fromAsync(verifyVersion({
      store: this.sending.store,
      version: "v1",
      layouts,
      uploadedRows: () => [
        rows.filter(({ invalidUs, uploaded }) => invalidUs === null && uploaded !== null),
      ],
      allRows: () => [rows.slice(0, 1), rows.slice(1)],
      ...more,
    }));
  }
}

function describe(item: Verified): string {
  return item.kind === "unknown" ? "unknown" : `${item.result} ${item.level}`;
}

const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => i === 3 ? byte ^ 1 : byte);

for (const kind of KINDS) {
  Deno.test(`${kind}: missing, truncated, flipped and unknown objects are found`, async () => {
    await using sending = await Sending.start(kind);
    const site = new Site(sending);
    const bytes = someBytes(1000);
    await site.add("1/Images/ok", bytes);
    await site.add("1/Images/empty", new Uint8Array());
    await site.add("1/Images/missing", bytes, null);
    await site.add("1/Images/short", bytes, bytes.slice(1));
    await site.add("1/Images/flipped", bytes, flipped(bytes));
    await sending.put("v1/1/Images/stranger", bytes);
    await sending.put("v2/1/Images/other version", bytes);

    const stored = kind === "shelf";
    const shallow = await site.verify();
    assert.deepEqual(Object.fromEntries(shallow), {
      "v1/1/Images/ok": stored ? "equal service" : "unproven service",
      "v1/1/Images/empty": stored ? "equal service" : "unproven service",
      "v1/1/Images/missing": "missing service",
      "v1/1/Images/short": "size_differs service",
      "v1/1/Images/flipped": stored ? "md5_differs service" : "unproven service",
      "v1/1/Images/stranger": "unknown",
    });
    const deep = await site.verify({ deep: ALL });
    assert.deepEqual(Object.fromEntries(deep), {
      "v1/1/Images/ok": "equal deep",
      "v1/1/Images/empty": "equal deep",
      "v1/1/Images/missing": "missing service",
      "v1/1/Images/short": "size_differs service",
      "v1/1/Images/flipped": "md5_differs deep",
      "v1/1/Images/stranger": "unknown",
    });
  });

  Deno.test(`${kind}: verifying changes nothing in the store`, async () => {
    await using sending = await Sending.start(kind);
    const site = new Site(sending);
    await site.add("1/Images/ok", someBytes(1000));
    await site.add("1/Images/flipped", someBytes(1000), flipped(someBytes(1000)));
    await sending.put("v1/stranger", someBytes(5));
    const before = await Array.fromAsync(sending.truth.list("", { recursive: true }));
    await site.verify({ deep: ALL });
    assert.deepEqual(await Array.fromAsync(sending.truth.list("", { recursive: true })), before);
    for (const call of ["write", "remove", "copy"] as const) {
      assert.equal(sending.driver.count(call), 0);
    }
  });
}

Deno.test("objects of invalidated or unsent rows and named ones of ours are known", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  const bytes = someBytes(10);
  await site.add("1/Images/a", bytes);
  await site.add("1/Images/old", bytes, bytes, { invalidUs: 5 });
  await site.add("1/Images/unsent", bytes, bytes, { uploaded: null });
  await sending.put("v1/journal.db", bytes);
  const results = await site.verify({ isKnown: (key) => key === "v1/journal.db" });
  assert.deepEqual(Object.fromEntries(results), { "v1/1/Images/a": "equal service" });
});

Deno.test("all rows are read only when an object needs explaining", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  await site.add("1/Images/a", someBytes(10));
  const results = await site.verify({
    allRows: () => {
      throw new Error("must not be read");
    },
  });
  assert.equal(results.size, 1);
});

Deno.test("the active row is the one that counts, not an older one with the same path", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  const now = someBytes(1000, 2);
  await site.add("1/Images/a", someBytes(1000, 1), null, { invalidUs: 5 });
  await site.add("1/Images/a", now);
  assert.deepEqual(Object.fromEntries(await site.verify()), { "v1/1/Images/a": "equal service" });
});

Deno.test("rows that share a central path, or have none, can't be verified", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  const bytes = someBytes(10);
  await site.add("1/Images/a", bytes);
  await site.add("1/images/a", someBytes(10, 2), null);
  await sending.put("v1/1/Images/a", bytes);
  await site.add("1/Bilder/a", bytes, null);
  await site.add("1/Images/b", bytes, null, { modality: "Genomes" });
  const items = await site.items();
  const byId = new Map(
    items.flatMap((item) => item.kind === "file" ? [[item.fileId, item.result]] : []),
  );
  assert.deepEqual(Object.fromEntries(byId), {
    1: "equal",
    2: "unverifiable",
    3: "unverifiable",
    4: "unverifiable",
  });
  assert.equal(items.filter((item) => item.kind === "file").length, 4);
});

Deno.test("a row whose object lies under another version is looked up there", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  const versioned = new Map([["Images", {
    modality: "Images",
    pattern: compilePattern("{version}/{patient_id:w}/{filepath}"),
    patientFirst: true,
  }]]);
  const bytes = someBytes(10);
  await site.add("v7/1/a", bytes, null);
  await site.add("v7/1/b", bytes, null);
  await sending.put("v7/1/Images/a", bytes);
  for (const deep of [undefined, ALL]) {
    const results = await site.verify({ layouts: versioned, deep });
    assert.deepEqual(Object.fromEntries(results), {
      "v7/1/Images/a": deep ? "equal deep" : "equal service",
      "v7/1/Images/b": "missing service",
    });
  }
});

/** The driver, with changed object infos. */
function showing(
  driver: Driver,
  change: (object: ObjectInfo, from: "stat" | "list") => ObjectInfo,
): Driver {
  return {
    ...driver,
    stat: async (key, options) => {
      const object = await driver.stat(key, options);
      return object && change(object, "stat");
    },
    async *list(prefix, options) {
      for await (const entry of driver.list(prefix, options)) {
        yield entry.kind === "object"
          ? { kind: "object", object: change(entry.object, "list") }
          : entry;
      }
    },
  };
}

Deno.test("from 32 MiB on only our metadata prove a stored MD5; a listing without them is asked for", async () => {
  // Sizes are pretended: nothing is read.
  const size = 40 * 1024 * 1024;
  await using sending = await Sending.start("shelf", {
    wrap: (driver) =>
      showing(driver, (object, from) => {
        const { metadata: _, ...bare } = object;
        return { ...(from === "list" ? bare : object), size };
      }),
  });
  const site = new Site(sending);
  const bytes = someBytes(10);
  const md5 = md5Hex(bytes);
  await site.add("1/Images/theirs", bytes, bytes, { size });
  await site.add("1/Images/ours", bytes, null, { size });
  await sending.put("v1/1/Images/ours", bytes, {
    chorus_md5: md5,
    chorus_size: String(size),
    chorus_proof: "sender",
  });
  const results = await site.verify();
  assert.deepEqual(Object.fromEntries(results), {
    "v1/1/Images/theirs": "unproven service",
    "v1/1/Images/ours": "equal sender",
  });
  assert.equal(sending.driver.count("stat"), 2);
});

Deno.test("an MD5 that is absent where the store keeps them is said, and reading settles it", async () => {
  await using sending = await Sending.start("shelf", {
    wrap: (driver) => showing(driver, ({ md5: _, ...object }) => object),
  });
  const site = new Site(sending);
  await site.add("1/Images/a", someBytes(10));
  assert.deepEqual([...await site.verify()], [["v1/1/Images/a", "md5_absent service"]]);
  assert.deepEqual([...await site.verify({ deep: ALL })], [["v1/1/Images/a", "equal deep"]]);
});

Deno.test("a sample reads its share and compares the rest by what is listed", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  for (let i = 0; i < 20; i++) await site.add(`1/Images/${i}`, someBytes(10, i + 1));
  let call = 0;
  const results = await site.verify({ deep: { share: 0.25, random: () => (call++ % 4) / 4 } });
  const values = [...results.values()];
  assert.equal(values.filter((value) => value === "equal deep").length, 5);
  assert.equal(values.filter((value) => value === "equal service").length, 15);
  assert.equal(sending.driver.count("read"), 5);
});

Deno.test("content proven before is not read again, unless the object is newer or looks wrong", async () => {
  await using sending = await Sending.start("shelf", {
    wrap: (driver) => showing(driver, (object) => ({ ...object, modifiedMs: 1_000_000 })),
  });
  const site = new Site(sending);
  const hour = 3_600_000_000;
  const modifiedUs = 1_000_000_000;
  const provenUs = new Map<number, number>();
  const row = async (name: string, proven: number | undefined, there?: Uint8Array) => {
    const { fileId } = await site.add(`1/Images/${name}`, someBytes(10), there);
    if (proven !== undefined) provenUs.set(fileId, proven);
  };
  await row("never", undefined);
  await row("long after", modifiedUs + hour);
  await row("before", modifiedUs - hour);
  await row("just after", modifiedUs + 1_000_000);
  await row("looks wrong", modifiedUs + hour, flipped(someBytes(10)));
  const items = await site.items({
    deep: { share: 1, provenUs: (fileId) => provenUs.get(fileId) },
  });
  const files = items as VerifiedFile[];
  assert.deepEqual(
    Object.fromEntries(files.map((file) => [file.centralKey.slice(12), describe(file)])),
    {
      never: "equal deep",
      "long after": "equal deep",
      before: "equal deep",
      "just after": "equal deep",
      "looks wrong": "md5_differs deep",
    },
  );
  assert.deepEqual(
    files.filter(({ remembered }) => remembered).map(({ centralKey }) => centralKey),
    ["v1/1/Images/long after"],
  );
  assert.equal(sending.driver.count("read"), 4);
});

Deno.test("an object that is replaced or removed while it is read can't be verified", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  await site.add("1/Images/replaced", someBytes(10));
  await site.add("1/Images/removed", someBytes(10));
  sending.driver.add({
    call: "read",
    key: "v1/1/Images/replaced",
    fault: {
      kind: "meanwhile",
      act: async () => {
        await sending.put("v1/1/Images/replaced", someBytes(10));
      },
    },
  });
  sending.driver.add({
    call: "read",
    key: "v1/1/Images/removed",
    fault: {
      kind: "meanwhile",
      act: () => sending.truth.remove("v1/1/Images/removed").then(() => {}),
    },
  });
  const items = await site.items({ deep: ALL }) as VerifiedFile[];
  assert.deepEqual(items.map(({ result }) => result), ["unverifiable", "unverifiable"]);
  assert.match(items[0]?.reason ?? "", /replaced or removed/);
});

Deno.test("a download that is cut goes on where it broke; one that lies is found", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  await site.add("1/Images/cut", someBytes(100_000));
  await site.add("1/Images/truncated", someBytes(100_000));
  await site.add("1/Images/flipped", someBytes(100_000));
  const key = (name: string) => `v1/1/Images/${name}`;
  sending.driver.add({ call: "read", key: key("cut"), fault: { kind: "cut", after: 500 } });
  sending.driver.add({
    call: "read",
    key: key("truncated"),
    fault: { kind: "truncate", after: 500 },
  });
  sending.driver.add({ call: "read", key: key("flipped"), fault: { kind: "flip", at: 500 } });
  assert.deepEqual(Object.fromEntries(await site.verify({ deep: ALL })), {
    [key("cut")]: "equal deep",
    [key("truncated")]: "equal deep",
    [key("flipped")]: "md5_differs deep",
  });
});

for (const failure of ["permission", "credentials", "unavailable"] as const) {
  Deno.test(`${failure} while reading ends the run: it says nothing about files`, async () => {
    await using sending = await Sending.start("shelf");
    const site = new Site(sending);
    for (let i = 0; i < 5; i++) await site.add(`1/Images/${i}`, someBytes(10, i + 1));
    sending.driver.add({
      call: "read",
      times: Infinity,
      fault: { kind: "before", failure: { kind: failure } },
    });
    await assert.rejects(site.items({ deep: ALL }), (error) => isChorusError(error, failure));
  });

  Deno.test(`${failure} while listing ends the run, and nothing counts as missing`, async () => {
    await using sending = await Sending.start("shelf");
    const site = new Site(sending);
    for (let i = 0; i < 5; i++) await site.add(`1/Images/${i}`, someBytes(10, i + 1));
    sending.driver.add({
      call: "list",
      times: Infinity,
      fault: { kind: "cut", after: 2, failure: { kind: failure } },
    });
    const items: Verified[] = [];
    await assert.rejects(async () => {
      const rows = () => [site.rows];
      const options = { store: sending.store, version: "v1", layouts };
      for await (
        const item of verifyVersion({ ...options, uploadedRows: rows, allRows: rows })
      ) items.push(item);
    }, (error) => isChorusError(error, failure));
    assert.equal(items.some((item) => item.kind === "file" && item.result === "missing"), false);
  });
}

Deno.test("it can be stopped while listing and while reading", async () => {
  for (const call of ["list", "read"] as const) {
    await using sending = await Sending.start("shelf");
    const site = new Site(sending);
    for (let i = 0; i < 5; i++) await site.add(`1/Images/${i}`, someBytes(10, i + 1));
    const controller = new AbortController();
    const reason = new DOMException("stop", "AbortError");
    sending.driver.add({
      call,
      fault: { kind: "meanwhile", act: () => controller.abort(reason) },
    });
    await assert.rejects(
      site.items({ deep: ALL, signal: controller.signal }),
      (error) => error === reason,
    );
  }
});

Deno.test("a listing in any order is matched alike", async () => {
  await using sending = await Sending.start("shelf");
  const site = new Site(sending);
  const names = ["a", "B", "é", "e\u0301", "日本", "\u{1F600}", "\uFF5E", "a b", "a!", "a0", "a/b"];
  for (const [i, name] of names.entries()) {
    await site.add(`1/Images/x${name}`, someBytes(10, i + 1));
  }
  const objects = (await Array.fromAsync(sending.truth.list("v1/", { recursive: true })))
    .sort(() => Math.random() - 0.5);
  const driver = new FaultyDriver(sending.driver);
  const store = new Store({
    limits: driver.limits,
    traits: driver.traits,
    stat: (key, options) => driver.stat(key, options),
    read: (key, options) => driver.read(key, options),
    write: (key, body, options) => driver.write(key, body, options),
    remove: (key, options) => driver.remove(key, options),
    classify: (error) => driver.classify(error),
    async *list() {
      yield* objects;
    },
  }, { location: "central" });
  const results = await site.verify({ store });
  assert.equal(results.size, names.length);
  assert.deepEqual(new Set(results.values()), new Set(["equal service"]));
});

Deno.test("memory in use does not grow with the number of files", async () => {
  const script = new URL("./memory_of_verify.ts", import.meta.url);
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--v8-flags=--expose-gc", script.href],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  assert.equal(success, true);
  const { early, late } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(late - early < 2 * 2 ** 20, `${early} bytes with 10,000 files, ${late} with 60,000`);
});

const change = fc.constantFrom(
  "none",
  "none",
  "removed",
  "truncated",
  "flipped",
  "replaced with a lie",
);

for (const kind of KINDS) {
  for (const deep of [undefined, ALL]) {
    Deno.test(`${kind}, ${deep ? "deep" : "listed"}: nothing is called equal that is not there with that size and MD5`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), change), { maxLength: 8 }),
          async (files) => {
            await using sending = await Sending.start(kind);
            const site = new Site(sending);
            await sending.put("v0/x", someBytes(1));
            for (const [i, [size, how]] of files.entries()) {
              const bytes = someBytes(size, i + 1);
              const path = `1/Images/${i}`;
              const lie = {
                chorus_md5: md5Hex(bytes),
                chorus_size: String(size),
                chorus_proof: "sender",
              };
              await site.add(path, bytes);
              const key = `v1/${path}`;
              if (how === "removed") await sending.truth.remove(key);
              if (how === "truncated") await sending.put(key, bytes.slice(1));
              if (how === "flipped") await sending.put(key, flipped(bytes));
              if (how === "replaced with a lie") await sending.put(key, flipped(bytes), lie);
            }
            const items = await site.items({ deep });
            assert.equal(items.length, files.length);
            for (const item of items) {
              assert.ok(item.kind === "file");
              const there = await sending.central(item.centralKey);
              const row = site.rows[item.fileId - 1];
              const same = there !== undefined && row !== undefined &&
                there.length === row.size && md5Hex(there) === row.md5;
              if (item.result === "equal") assert.equal(same, true);
              if (same) {
                const expected = deep || kind === "shelf" ? "equal" : "unproven";
                assert.equal(item.result, expected);
              }
            }
          },
        ),
        { numRuns: 25 },
      );
    });
  }
}
