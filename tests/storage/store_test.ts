import assert from "node:assert/strict";
import { type ErrorCode, isChorusError } from "../../src/errors/chorus_error.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { bytesSource, type Source, Store } from "../../src/storage/store.ts";
import { bytesOf, md5Of, noise } from "../contract/driver_contract.ts";
import { HASTY, openFaultyStore } from "./opened_store.ts";

const text = (content: string): Source => bytesSource(bytesOf(content));

/** A source that counts its readings. */
function counted(bytes: Uint8Array, chunkBytes = 64 * 1024) {
  const source = {
    size: bytes.length,
    readings: 0,
    async *open() {
      source.readings++;
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        yield bytes.slice(at, at + chunkBytes);
      }
    },
  };
  return source;
}

async function readText(store: Store, key: string): Promise<string> {
  const { bytes } = await store.readAll(key, { maxBytes: 10_000_000 });
  return new TextDecoder().decode(bytes);
}

async function keysOf(store: Store, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const entry of store.list(prefix, { recursive: true })) {
    keys.push(entry.kind === "object" ? entry.object.key : entry.key);
  }
  return keys;
}

const failsWith = (code: ErrorCode, attempts?: number) => (error: unknown) => {
  assert.ok(isChorusError(error, code), String(error));
  if (attempts !== undefined) assert.equal(error.attempts, attempts);
  return true;
};

Deno.test("a write whose line is cut is sent again from the beginning", async () => {
  for (const after of [0, 1, 65_536, 150_000, 199_999, 200_000]) {
    await using opened = await openFaultyStore([
      { call: "write", fault: { kind: "cut", after } },
    ]);
    const content = noise(200_000);
    const source = counted(content);
    const written = await opened.store.write("x", source, {
      md5: md5Of(content),
      condition: { ifAbsent: true },
    });
    assert.equal(written.attempts, 2);
    assert.equal(source.readings, 2);
    const { bytes } = await opened.store.readAll("x", { maxBytes: 200_000 });
    assert.ok(Buffer.from(bytes).equals(content));
  }
});

Deno.test("a creation whose answer is lost ends in a conflict that tells of the retry", async () => {
  await using opened = await openFaultyStore([
    { call: "write", fault: { kind: "after" } },
  ]);
  await assert.rejects(
    opened.store.write("x", text("mine"), { condition: { ifAbsent: true } }),
    failsWith("already_exists", 2),
  );
  assert.equal(await readText(opened.store, "x"), "mine");
  await assert.rejects(
    opened.store.write("x", text("again"), { condition: { ifAbsent: true } }),
    failsWith("already_exists", 1),
  );
});

Deno.test("a bit flipped on the way is refused by the service and sent again", async () => {
  await using opened = await openFaultyStore([
    { call: "write", times: 2, fault: { kind: "flip", at: 100_000 } },
  ]);
  const content = noise(200_000);
  const written = await opened.store.write("x", counted(content), {
    md5: md5Of(content),
  });
  assert.equal(written.attempts, 3);
  const { object } = await opened.store.readAll("x", { maxBytes: 200_000 });
  assert.deepEqual([...(object.md5 ?? [])], [...md5Of(content)]);
});

Deno.test("a service that holds other bytes than were sent is believed, and the object removed", async () => {
  await using opened = await openFaultyStore([
    // Without an MD5 in the request the service can't refuse, only answer.
    { call: "write", fault: { kind: "flip", at: 0 } },
  ]);
  await assert.rejects(
    opened.store.write("x", text("content")),
    failsWith("digest_mismatch"),
  );
  assert.equal(await opened.store.stat("x"), undefined);
});

Deno.test("a source with another MD5 is not tried again and never appears", async () => {
  await using opened = await openFaultyStore();
  const source = counted(noise(100_000));
  await assert.rejects(
    opened.store.write("x", source, { md5: md5Of("other") }),
    failsWith("digest_mismatch"),
  );
  assert.equal(source.readings, 1);
  assert.deepEqual(await keysOf(opened.store), []);
});

Deno.test("the last chunk does not leave before the digest is proven", async () => {
  const content = noise(300);
  for (const chunkBytes of [100, 299, 300, 1_000]) {
    let received = 0;
    const driver = recorder(async (_key, body) => {
      for await (const chunk of body) received += chunk.length;
      return { etag: "1" };
    });
    const store = new Store(driver, { location: "test://", retry: HASTY });
    await assert.rejects(
      store.write("x", counted(content, chunkBytes), { md5: md5Of("other") }),
      failsWith("digest_mismatch"),
    );
    assert.ok(received < 300, `${received} bytes left`);
  }
});

Deno.test("a source that is longer or shorter than it says never appears", async () => {
  await using opened = await openFaultyStore();
  for (const size of [0, 99_999, 100_001]) {
    const source = { size, open: counted(noise(100_000)).open };
    await assert.rejects(
      opened.store.write("x", source),
      failsWith("digest_mismatch"),
    );
  }
  assert.deepEqual(await keysOf(opened.store), []);
});

Deno.test("a source that can't be read fails with its own error, once", async () => {
  await using opened = await openFaultyStore();
  let readings = 0;
  const source: Source = {
    size: 10,
    // deno-lint-ignore require-yield -- it breaks before it gives anything
    async *open() {
      readings++;
      throw new Deno.errors.PermissionDenied("no");
    },
  };
  await assert.rejects(
    opened.store.write("x", source),
    (error) =>
      isChorusError(error, "io") &&
      error.cause instanceof Deno.errors.PermissionDenied,
  );
  assert.equal(readings, 1);
});

Deno.test("a driver that answers without reading the body is not believed", async () => {
  const driver = recorder(() => Promise.resolve({ etag: "1" }));
  const store = new Store(driver, { location: "test://", retry: HASTY });
  await assert.rejects(store.write("x", text("content")), failsWith("io"));
});

Deno.test("a write that is cancelled throws the reason and leaves nothing", async () => {
  await using opened = await openFaultyStore([
    { call: "write", fault: { kind: "hang" } },
  ]);
  const stop = new AbortController();
  const write = opened.store.write("x", text("content"), {
    signal: stop.signal,
  });
  stop.abort("SIGINT");
  await assert.rejects(
    write,
    (error) => isChorusError(error, "cancelled") && error.cause === "SIGINT",
  );
  assert.deepEqual(await keysOf(opened.store), []);
});

Deno.test("reading goes on where the line was cut, on the same object", async () => {
  const content = noise(3_000_000);
  for (const after of [0, 1, 1_048_576, 2_000_000, 2_999_999]) {
    for (const kind of ["cut", "truncate"] as const) {
      await using opened = await openFaultyStore([
        { call: "read", times: 2, fault: { kind, after } },
      ]);
      await opened.store.write("x", counted(content));
      const chunks: Uint8Array[] = [];
      for await (const chunk of opened.store.read("x")) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(content), `${kind} ${after}`);
      assert.ok(opened.driver.count("read") > 1);
    }
  }
});

Deno.test("reading does not go on with another object", async () => {
  await using opened = await openFaultyStore([
    { call: "read", fault: { kind: "cut", after: 1_500_000 } },
    {
      call: "read",
      skip: 1,
      fault: {
        kind: "meanwhile",
        act: async () => {
          await opened.store.write("x", bytesSource(noise(3_000_000, 2)));
        },
      },
    },
  ]);
  await opened.store.write("x", bytesSource(noise(3_000_000, 1)));
  const read = async () => {
    for await (const _ of opened.store.read("x"));
  };
  await assert.rejects(read(), failsWith("precondition_failed"));
});

Deno.test("a range is read, and one that is not there is refused", async () => {
  await using opened = await openFaultyStore();
  await opened.store.write("x", text("0123456789"));
  const part = async (offset: number, length?: number) => {
    const chunks: Uint8Array[] = [];
    for await (
      const chunk of opened.store.read("x", {
        offset,
        ...(length === undefined ? {} : { length }),
      })
    ) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  assert.equal(await part(3, 4), "3456");
  assert.equal(await part(7), "789");
  assert.equal(await part(10), "");
  assert.equal(await part(0, 0), "");
  await assert.rejects(part(8, 3), failsWith("unsupported"));
});

Deno.test("readAll refuses what is larger than allowed and what is missing", async () => {
  await using opened = await openFaultyStore();
  await opened.store.write("x", text("12345"));
  const { bytes } = await opened.store.readAll("x", { maxBytes: 5 });
  assert.equal(bytes.length, 5);
  await assert.rejects(
    opened.store.readAll("x", { maxBytes: 4 }),
    failsWith("unsupported"),
  );
  await assert.rejects(
    opened.store.readAll("y", { maxBytes: 4 }),
    failsWith("not_found"),
  );
});

Deno.test("a listing that breaks off goes on at the last mark, without repeating", async () => {
  await using opened = await openFaultyStore([
    // 200 objects and a mark make a page; the second page breaks at its start.
    { call: "list", fault: { kind: "cut", after: 201 } },
  ]);
  const keys = Array.from({ length: 250 }, (_, i) => String(1000 + i));
  await Promise.all(keys.map((key) => opened.store.write(key, text("x"))));
  assert.deepEqual(await keysOf(opened.store), keys);
  assert.equal(opened.driver.count("list"), 2);
});

Deno.test("a listing that breaks off within a page is an error, not a gap", async () => {
  await using opened = await openFaultyStore([
    { call: "list", fault: { kind: "cut", after: 3 } },
  ]);
  for (const key of ["a", "b", "c", "d"]) {
    await opened.store.write(key, text("x"));
  }
  await assert.rejects(keysOf(opened.store), failsWith("unavailable"));
});

Deno.test("a listing that gives a key from elsewhere is an error", async () => {
  const driver = recorder(() => Promise.resolve({ etag: "1" }));
  driver.list = async function* () {
    yield {
      kind: "object",
      object: { key: "other/x", size: 1, etag: "1", modifiedMs: 0 },
    };
  };
  const store = new Store(driver, { location: "test://" });
  await assert.rejects(keysOf(store, "a/"), failsWith("io"));
});

Deno.test("a removal whose answer is lost is a removal", async () => {
  await using opened = await openFaultyStore([
    { call: "remove", fault: { kind: "after" } },
  ]);
  await opened.store.write("x", text("content"));
  assert.deepEqual(await opened.store.remove("x"), { attempts: 2 });
  await assert.rejects(opened.store.remove("x"), failsWith("not_found", 1));
});

Deno.test("a conditional removal whose answer is lost tells of the retry", async () => {
  await using opened = await openFaultyStore([
    { call: "remove", fault: { kind: "after" } },
  ]);
  const { etag } = await opened.store.write("x", text("content"));
  await assert.rejects(
    opened.store.remove("x", { ifMatch: etag }),
    failsWith("precondition_failed", 2),
  );
  assert.equal(await opened.store.stat("x"), undefined);
});

Deno.test("a copy is repeated, with its conditions", async () => {
  await using opened = await openFaultyStore([
    { call: "copy", fault: { kind: "before" } },
  ]);
  const { etag } = await opened.store.write("x", text("content"));
  assert.equal(opened.store.canCopy, true);
  const { attempts } = await opened.store.copy("x", "y", {
    sourceIfMatch: etag,
    condition: { ifAbsent: true },
  });
  assert.equal(attempts, 2);
  assert.equal(await readText(opened.store, "y"), "content");
});

Deno.test("parts are repeated, and a commit whose answer is lost tells of the retry", async () => {
  await using opened = await openFaultyStore([
    { call: "put", fault: { kind: "before" } },
    { call: "put", skip: 1, fault: { kind: "flip", at: 7 } },
    { call: "put", skip: 2, fault: { kind: "after" } },
    { call: "begin", fault: { kind: "before" } },
    { call: "commit", fault: { kind: "after" } },
  ]);
  const { multipart } = opened.store;
  assert.ok(multipart);
  const content = noise(30_000);
  const upload = await multipart.begin("x", {
    size: 30_000,
    partBytes: 10_000,
    md5: md5Of(content),
  });
  let tries = 0;
  for (const index of [0, 1, 2]) {
    const part = content.slice(index * 10_000, (index + 1) * 10_000);
    tries += (await upload.put(index, part, md5Of(part))).attempts;
  }
  assert.equal(tries, 6);
  await assert.rejects(
    upload.commit(3, { ifAbsent: true }),
    failsWith("already_exists", 2),
  );
  const { bytes } = await opened.store.readAll("x", { maxBytes: 30_000 });
  assert.ok(Buffer.from(bytes).equals(content));
});

Deno.test("bytes are counted as they go, repeated ones too", async () => {
  const bytes = { sent: 0, received: 0 };
  await using opened = await openFaultyStore([
    { call: "write", fault: { kind: "cut", after: 65_536 } },
  ], { onBytes: (count, direction) => bytes[direction] += count });
  await opened.store.write("x", counted(noise(100_000)));
  for await (const _ of opened.store.read("x"));
  assert.ok(bytes.sent >= 100_000 + 65_536, String(bytes.sent));
  assert.equal(bytes.received, 100_000);
});

Deno.test("keys that no store can hold are refused before the driver sees them", async () => {
  await using opened = await openFaultyStore();
  const { store, driver } = opened;
  for (const key of ["", "/x", "x/", "a//b", "../x", "a/./b", "a\\b", "a\nb"]) {
    await assert.rejects(store.write(key, text("x")), failsWith("unsupported"));
    await assert.rejects(store.stat(key), failsWith("unsupported"));
    await assert.rejects(store.remove(key), failsWith("unsupported"));
    await assert.rejects(store.copy("x", key), failsWith("unsupported"));
    await assert.rejects(store.copy(key, "x"), failsWith("unsupported"));
    await assert.rejects(
      store.readAll(key, { maxBytes: 1 }),
      failsWith("unsupported"),
    );
    await assert.rejects(
      store.multipart?.begin(key, {
        size: 1,
        partBytes: 1,
        md5: md5Of("x"),
      }) ?? Promise.resolve(),
      failsWith("unsupported"),
    );
  }
  await assert.rejects(keysOf(store, "../"), failsWith("unsupported"));
  await assert.rejects(keysOf(store, "a"), failsWith("unsupported"));
  assert.deepEqual(driver.calls, []);
});

Deno.test("errors name the action, the key and the place, and carry remedy and cause", async () => {
  await using opened = await openFaultyStore([
    {
      call: "stat",
      fault: {
        kind: "before",
        failure: { kind: "permission", message: "the role is missing" },
      },
    },
  ]);
  await assert.rejects(opened.store.stat("a/b"), (error) => {
    assert.ok(isChorusError(error, "permission"));
    assert.equal(
      error.message,
      `Can't look up "a/b" in shelf://test: the role is missing`,
    );
    assert.equal(error.subject, "a/b");
    assert.ok(error.remedy);
    assert.ok(error.cause instanceof Error);
    return true;
  });
});

Deno.test("a service that stays away is given up, and the store says so", async () => {
  const told: string[] = [];
  await using opened = await openFaultyStore([
    { call: "stat", times: 1e9, fault: { kind: "before" } },
  ], {
    retry: { firstPauseMs: 1, longestPauseMs: 5, maxWaitMs: 30 },
    onWaiting: ({ message }) => told.push(message),
  });
  await assert.rejects(opened.store.stat("x"), failsWith("unavailable"));
  assert.equal(opened.store.serviceAway, true);
  assert.equal(told.length, 1);
  await opened.store.write("x", text("x"));
  assert.equal(opened.store.serviceAway, false);
});

/** A driver that only writes, as told. */
function recorder(write: Driver["write"]): Driver {
  const no = () => Promise.reject(new Error("not part of this test"));
  return {
    limits: {
      maxKeyBytes: Infinity,
      maxWriteBytes: Infinity,
      maxObjectBytes: Infinity,
    },
    traits: { verifiesMd5: false, storesMd5: false, storesMetadata: false },
    list: async function* () {},
    stat: no,
    read: async function* () {},
    write,
    remove: no,
    classify: () => ({ kind: "io" }),
  };
}
