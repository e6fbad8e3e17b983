import assert from "node:assert/strict";
import { ChorusError, isChorusError } from "../../src/errors/chorus_error.ts";
import type { Driver, ObjectInfo } from "../../src/storage/driver.ts";
import { Store } from "../../src/storage/store.ts";
import { ConcurrencyLimit } from "../../src/transfer/concurrency_limit.ts";
import { MemoryBudget } from "../../src/transfer/memory_budget.ts";
import { readProof } from "../../src/transfer/proof.ts";
import { RateLimit } from "../../src/transfer/rate_limit.ts";
import { type SiteFiles, storedFiles } from "../../src/transfer/site_files.ts";
import { FaultyDriver } from "../storage/faulty_driver.ts";
import { md5Hex, methodsOf, Sending, someBytes, STAMP, type StoreKind } from "./sending.ts";

const KINDS: readonly StoreKind[] = ["file", "shelf"];
const MIB = 1024 * 1024;
/** Larger than one request carries: 13 parts where there are parts. */
const LARGE = 100_000;
const KEY = "v1/7/Images/a.dcm";
const PATH = "7/Images/a.dcm";

function failsWith(code: string, message?: RegExp) {
  return (error: unknown) => {
    assert.ok(isChorusError(error), String(error));
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

for (const kind of KINDS) {
  const proof = kind === "shelf" ? "service" : "deep";

  for (const size of [0, 1, 5000, 8 * 1024]) {
    Deno.test(`${kind}: a new file of ${size} bytes is created and proven`, async () => {
      await using sending = await Sending.start(kind);
      const bytes = someBytes(size);
      const transfer = await sending.journaled(PATH, bytes);
      assert.deepEqual(await sending.send(transfer), { action: "created", proof, attempts: 1 });
      assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array(9)), transfer.md5);
    });
  }

  Deno.test(`${kind}: a large new file is created and proven`, async () => {
    await using sending = await Sending.start(kind);
    const transfer = await sending.journaled(PATH, someBytes(LARGE + 3));
    const result = await sending.send(transfer);
    assert.equal(result.action, "created");
    assert.equal(result.proof, kind === "shelf" ? "sender" : "deep");
    assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
  });

  for (const size of [5000, LARGE]) {
    Deno.test(`${kind}: what is there already with ${size} bytes is marked without sending`, async () => {
      await using sending = await Sending.start(kind);
      const bytes = someBytes(size);
      const transfer = await sending.journaled(PATH, bytes);
      const etag = await sending.put(KEY, bytes);
      const result = await sending.send(transfer);
      assert.deepEqual(result, { action: "present", proof, attempts: 0 });
      assert.equal((await sending.truth.stat(KEY))?.etag, etag);
    });

    Deno.test(`${kind}: content of an earlier row with ${size} bytes is replaced`, async () => {
      await using sending = await Sending.start(kind);
      const old = someBytes(size, 2);
      await sending.put(KEY, old);
      const transfer = await sending.journaled(PATH, someBytes(size, 3));
      sending.earlier.set(PATH, new Set([md5Hex(old)]));
      assert.equal((await sending.send(transfer)).action, "replaced");
      assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
    });

    Deno.test(`${kind}: other content with ${size} bytes is never overwritten`, async () => {
      await using sending = await Sending.start(kind);
      const foreign = someBytes(size, 4);
      const etag = await sending.put(KEY, foreign);
      const transfer = await sending.journaled(PATH, someBytes(size, 5));
      sending.earlier.set(PATH, new Set([md5Hex(someBytes(size, 6))]));
      await assert.rejects(
        sending.send(transfer),
        failsWith("already_exists", /exists and is not ours/),
      );
      assert.equal((await sending.truth.stat(KEY))?.etag, etag);
    });

    Deno.test(`${kind}: foreign content that appears while ${size} bytes are sent stays`, async () => {
      await using sending = await Sending.start(kind);
      const transfer = await sending.journaled(PATH, someBytes(size));
      const foreign = someBytes(size, 2);
      for (const call of ["write", "commit"] as const) {
        sending.driver.add({
          call,
          fault: { kind: "meanwhile", act: () => sending.put(KEY, foreign).then(() => {}) },
        });
      }
      await assert.rejects(sending.send(transfer), failsWith("already_exists", /not ours/));
      assert.deepEqual(await sending.central(KEY), foreign);
    });

    Deno.test(`${kind}: foreign content that takes the place of earlier content of ${size} bytes stays`, async () => {
      await using sending = await Sending.start(kind);
      const old = someBytes(size, 2);
      const foreign = someBytes(size, 3);
      await sending.put(KEY, old);
      const transfer = await sending.journaled(PATH, someBytes(size));
      sending.earlier.set(PATH, new Set([md5Hex(old)]));
      for (const call of ["write", "commit"] as const) {
        sending.driver.add({
          call,
          // The first conditional write of a small file only finds the old content.
          skip: size === LARGE ? 0 : 1,
          fault: { kind: "meanwhile", act: () => sending.put(KEY, foreign).then(() => {}) },
        });
      }
      await assert.rejects(sending.send(transfer), failsWith("already_exists", /not ours/));
      assert.deepEqual(await sending.central(KEY), foreign);
    });

    Deno.test(`${kind}: a lost answer to ${size} bytes is found to be our own success`, async () => {
      await using sending = await Sending.start(kind);
      const transfer = await sending.journaled(PATH, someBytes(size));
      for (const call of ["write", "commit"] as const) {
        sending.driver.add({ call, fault: { kind: "after" } });
      }
      const result = await sending.send(transfer);
      assert.equal(result.action, "created");
      assert.equal(result.attempts, 2);
      assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
    });

    Deno.test(`${kind}: a cut line in ${size} bytes is tried again`, async () => {
      await using sending = await Sending.start(kind);
      const transfer = await sending.journaled(PATH, someBytes(size));
      for (const call of ["write", "put"] as const) {
        sending.driver.add({ call, fault: { kind: "cut", after: 100 } });
      }
      assert.deepEqual((await sending.send(transfer)).attempts, 2);
      assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
    });

    for (
      const [how, change] of [
        ["has other content", (bytes: Uint8Array) => someBytes(bytes.length, 77)],
        ["has one byte flipped at its end", (bytes: Uint8Array) => {
          return flipped(bytes, bytes.length - 1);
        }],
        ["is longer", (bytes: Uint8Array) => someBytes(bytes.length + 1)],
        ["is shorter", (bytes: Uint8Array) => bytes.slice(1)],
      ] as const
    ) {
      Deno.test(`${kind}: a file of ${size} bytes that ${how} since the update is not sent`, async () => {
        await using sending = await Sending.start(kind);
        const bytes = someBytes(size);
        const transfer = await sending.journaled(PATH, bytes);
        await sending.write(PATH, change(bytes));
        await assert.rejects(
          sending.send(transfer),
          failsWith("source_changed", /changed after `journal update`/),
        );
        assert.equal(await sending.central(KEY), undefined);
      });
    }

    for (const change of ["grows", "shrinks", "is replaced"] as const) {
      Deno.test(`${kind}: a file of ${size} bytes that ${change} while it is read is not sent`, async () => {
        await using sending = await Sending.start(kind);
        const bytes = someBytes(size);
        const transfer = await sending.journaled(PATH, bytes);
        const path = sending.sitePath(PATH);
        const act = () => {
          if (change === "grows") Deno.writeFileSync(path, someBytes(10), { append: true });
          if (change === "shrinks") Deno.truncateSync(path, Math.floor(size / 2));
          if (change === "is replaced") {
            using file = Deno.openSync(path, { write: true });
            file.seekSync(size - 10, Deno.SeekMode.Start);
            file.writeSync(someBytes(10, 9));
          }
        };
        // Timestamps of this system are finer than the time this test takes, but not by much.
        await Deno.utime(path, 1_000_000, 1_000_000);
        sending.context.sites = new Map([["Images", actingBeforeRead(sending.site, act)]]);
        await assert.rejects(sending.send(transfer), failsWith("source_changed"));
        assert.equal(await sending.central(KEY), undefined);
      });
    }

    Deno.test(`${kind}: a file of ${size} bytes that is gone, or a folder, or unreadable, is a failure`, async () => {
      await using sending = await Sending.start(kind);
      const transfer = await sending.journaled(PATH, someBytes(size));
      await Deno.remove(sending.sitePath(PATH));
      await assert.rejects(
        sending.send(transfer),
        failsWith("source_changed", /no longer there/),
      );
      await Deno.mkdir(sending.sitePath(PATH));
      await assert.rejects(sending.send(transfer), failsWith("io"));
      assert.equal(await sending.central(KEY), undefined);
    });

    Deno.test(`${kind}: a cancelled transfer of ${size} bytes leaves nothing visible`, async () => {
      await using sending = await Sending.start(kind);
      const transfer = await sending.journaled(PATH, someBytes(size));
      const controller = new AbortController();
      for (const call of ["write", "put"] as const) {
        sending.driver.add({
          call,
          fault: { kind: "meanwhile", act: () => controller.abort() },
        });
      }
      await assert.rejects(
        sending.send(transfer, controller.signal),
        (error) => error instanceof DOMException && error.name === "AbortError",
      );
      assert.equal(await sending.central(KEY), undefined);
      assert.equal(sending.context.memory.usedBytes, 0);
      assert.equal(sending.context.limit.inFlight, 0);
    });
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => index === at ? byte ^ 1 : byte);
}

/** A site whose files change between their opening and the first read. */
function actingBeforeRead(site: SiteFiles, act: () => void): SiteFiles {
  return {
    away: false,
    async open(path, signal) {
      const file = await site.open(path, signal);
      let done = false;
      return {
        size: file.size,
        read: (into) => {
          if (!done) act();
          done = true;
          return file.read(into);
        },
        rewind: () => file.rewind(),
        checkUnchanged: () => file.checkUnchanged(),
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
  };
}

for (const size of [5000, LARGE]) {
  Deno.test(`file: wrong bytes on the disk of ${size} bytes are found by reading back and removed`, async () => {
    await using sending = await Sending.start("file");
    const transfer = await sending.journaled(PATH, someBytes(size));
    sending.driver.add({ call: "write", fault: { kind: "flip", at: 77 } });
    await assert.rejects(
      sending.send(transfer),
      failsWith("digest_mismatch", /read back .* removed again/),
    );
    assert.equal(await sending.central(KEY), undefined);
    assert.equal((await sending.send(transfer)).action, "created");
  });

  Deno.test(`file: an object of ${size} bytes that is replaced before it is read back is not proven`, async () => {
    await using sending = await Sending.start("file");
    const transfer = await sending.journaled(PATH, someBytes(size));
    const foreign = someBytes(size, 2);
    sending.driver.add({
      call: "read",
      fault: {
        kind: "meanwhile",
        act: async () => {
          await sending.truth.remove(KEY);
          await sending.put(KEY, foreign);
        },
      },
    });
    await assert.rejects(sending.send(transfer), failsWith("io", /changed or removed/));
    assert.deepEqual(await sending.central(KEY), foreign);
  });
}

Deno.test("shelf: a byte flipped on the way is refused by the service and sent again", async () => {
  for (const [size, call] of [[5000, "write"], [LARGE, "put"]] as const) {
    await using sending = await Sending.start("shelf");
    const transfer = await sending.journaled(PATH, someBytes(size));
    sending.driver.add({ call, fault: { kind: "flip", at: 77 } });
    assert.equal((await sending.send(transfer)).attempts, 2);
    assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
  }
});

Deno.test("the proof stands in the metadata of what was sent", async () => {
  for (const [size, level] of [[5000, "service"], [LARGE, "sender"]] as const) {
    await using sending = await Sending.start("shelf");
    const transfer = await sending.journaled(PATH, someBytes(size));
    await sending.send(transfer);
    const object = await sending.truth.stat(KEY);
    assert.deepEqual(readProof(object?.metadata), {
      md5: transfer.md5,
      size,
      level,
      version: "v1",
      stamp: STAMP,
    });
  }
});

/** The driver, but its objects show an MD5 that somebody stamped on them unchecked. */
function stamping(md5: string): (driver: Driver) => Driver {
  return (driver) => ({
    ...driver,
    async stat(key, options) {
      const object = await driver.stat(key, options);
      return object && { ...object, md5: Uint8Array.from(Uint8Array.fromHex(md5)) } as ObjectInfo;
    },
  });
}

Deno.test("an MD5 that the predecessor stamped on 32 MiB or more is not believed", async () => {
  const wanted = someBytes(33 * MIB);
  const other = flipped(wanted, 20 * MIB);
  await using sending = await Sending.start("shelf", { wrap: stamping(md5Hex(wanted)) });
  const transfer = await sending.journaled(PATH, wanted);
  await sending.put(KEY, other);
  await assert.rejects(sending.send(transfer), failsWith("already_exists", /not ours/));
  await sending.truth.remove(KEY);
  await sending.put(KEY, wanted);
  assert.deepEqual(await sending.send(transfer), { action: "present", proof: "deep", attempts: 0 });
});

Deno.test("an MD5 that contradicts our own metadata is not believed", async () => {
  const wanted = someBytes(5000);
  const other = someBytes(5000, 2);
  await using sending = await Sending.start("shelf", { wrap: stamping(md5Hex(wanted)) });
  const transfer = await sending.journaled(PATH, wanted);
  await sending.put(KEY, other, {
    chorus_md5: md5Hex(other),
    chorus_size: "5000",
    chorus_proof: "service",
  });
  await assert.rejects(sending.send(transfer), failsWith("already_exists", /not ours/));
});

Deno.test("an interrupted large file goes on with the parts that are held", async () => {
  await using sending = await Sending.start("shelf");
  sending.context.limit = new ConcurrencyLimit({ max: 1 });
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  sending.driver.add({
    call: "put",
    skip: 5,
    fault: { kind: "before", failure: { kind: "permission" } },
  });
  await assert.rejects(sending.send(transfer), failsWith("permission"));
  assert.equal(await sending.central(KEY), undefined);
  assert.notEqual(sending.tokens.get(KEY), undefined);
  sending.driver.calls.length = 0;
  const through: number[] = [];
  sending.context.onBytes = (bytes) => through.push(bytes);
  assert.deepEqual(await sending.send(transfer), {
    action: "created",
    proof: "sender",
    attempts: 1,
  });
  assert.equal(sending.driver.count("put"), 8);
  assert.equal(through.reduce((sum, bytes) => sum + bytes, 0), LARGE);
  assert.equal(sending.tokens.get(KEY), undefined);
  assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
});

Deno.test("held parts of other content are sent again", async () => {
  await using sending = await Sending.start("shelf");
  sending.context.limit = new ConcurrencyLimit({ max: 1 });
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  const lying = new FaultyDriver(sending.driver);
  const { multipart } = lying;
  assert.ok(multipart);
  const driver: Driver = {
    ...methodsOf(lying),
    multipart: {
      ...multipart,
      async begin(key, options) {
        const upload = await multipart.begin(key, options);
        const held = new Map([[0, new Uint8Array(16)], [99, new Uint8Array(16)]]);
        return { ...upload, held };
      },
    },
  };
  sending.context.store = new Store(driver, { location: "central" });
  assert.equal((await sending.send(transfer)).action, "created");
  assert.equal(sending.driver.count("put"), 13);
  assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
});

Deno.test("an empty file whose write did nothing is not taken for sent", async () => {
  const idle = (driver: Driver): Driver => ({
    ...driver,
    async write(_key, body) {
      await Array.fromAsync(body);
      return { etag: '"nothing"' };
    },
  });
  await using sending = await Sending.start("shelf", { wrap: idle });
  const transfer = await sending.journaled(PATH, new Uint8Array());
  await assert.rejects(sending.send(transfer), failsWith("io", /removed by somebody else/));
});

Deno.test("a commit that finds other parts than were sent leaves no object with our proof", async () => {
  await using sending = await Sending.start("shelf");
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  sending.driver.add({
    call: "commit",
    times: Infinity,
    fault: { kind: "after", failure: { kind: "digest_mismatch" } },
  });
  // The object is there, whole: only reading it may prove that.
  const result = await sending.send(transfer);
  assert.deepEqual([result.action, result.proof], ["created", "deep"]);
});

Deno.test("a commit without an answer whose object is wrong is removed and made again", async () => {
  await using sending = await Sending.start("shelf");
  const bytes = someBytes(LARGE);
  const transfer = await sending.journaled(PATH, bytes);
  sending.driver.add({
    call: "commit",
    fault: {
      kind: "meanwhile",
      // As if the service had joined the wrong parts under our metadata, and the answer got lost.
      act: async () => {
        await sending.put(KEY, flipped(bytes, 70_000), {
          chorus_md5: transfer.md5,
          chorus_size: String(LARGE),
          chorus_proof: "sender",
          chorus_version: "v1",
          chorus_stamp: STAMP,
        });
      },
    },
  });
  assert.deepEqual(await sending.send(transfer), {
    action: "created",
    proof: "sender",
    attempts: 1,
  });
  assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
});

Deno.test("a file that changes while its parts are sent leaves no parts behind", async () => {
  await using sending = await Sending.start("shelf");
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  sending.driver.add({
    call: "put",
    skip: 2,
    fault: {
      kind: "meanwhile",
      act: () => sending.write(PATH, someBytes(LARGE, 3)),
    },
  });
  sending.context.memory = new MemoryBudget(8 * 1024);
  await assert.rejects(sending.send(transfer), failsWith("source_changed"));
  assert.equal(await sending.central(KEY), undefined);
  assert.equal(sending.tokens.get(KEY), undefined);
});

Deno.test("many parts never hold more than the memory budget", async () => {
  await using sending = await Sending.start("shelf");
  sending.context.memory = new MemoryBudget(3 * 8 * 1024);
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  assert.equal((await sending.send(transfer)).action, "created");
  assert.equal(sending.context.memory.peakBytes, 3 * 8 * 1024);
  assert.equal(sending.context.memory.usedBytes, 0);
  assert.ok(sending.context.limit.peak <= 3);
});

Deno.test("a file that no part size fits is refused before anything is sent", async () => {
  await using sending = await Sending.start("shelf");
  const transfer = await sending.journaled(PATH, someBytes(10));
  const huge = { ...transfer, size: 64 * MIB * 10_000 + 1 };
  await Deno.truncate(sending.sitePath(PATH), 10);
  sending.context.sites = new Map([["Images", pretending(huge.size)]]);
  await assert.rejects(sending.send(huge), failsWith("unsupported"));
  assert.equal(sending.driver.count("begin"), 0);
});

function pretending(size: number): SiteFiles {
  return {
    away: false,
    open: () =>
      Promise.resolve({
        size,
        read: () => Promise.resolve(0),
        rewind: () => Promise.resolve(),
        checkUnchanged: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}

Deno.test("a site in a store is sent as a folder is, and its changes are noticed", async () => {
  for (const size of [5000, LARGE]) {
    await using sending = await Sending.start("shelf");
    const bytes = someBytes(size);
    const transfer = await sending.journaled(PATH, bytes);
    await using source = await Sending.start("shelf");
    await source.put(PATH, bytes);
    sending.context.sites = new Map([["Images", storedFiles(source.store)]]);
    source.driver.add({ call: "read", fault: { kind: "cut", after: 100 } });
    assert.equal((await sending.send(transfer)).action, "created");
    assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);

    await sending.truth.remove(KEY);
    source.driver.add({
      call: "read",
      fault: {
        kind: "meanwhile",
        act: async () => {
          await source.put(PATH, someBytes(size, 2));
        },
      },
    });
    await assert.rejects(sending.send(transfer), failsWith("source_changed"));
    await source.truth.remove(PATH);
    await assert.rejects(sending.send(transfer), failsWith("source_changed", /no longer there/));
    assert.equal(await sending.central(KEY), undefined);
  }
});

Deno.test("a modality without a place is a configuration error", async () => {
  await using sending = await Sending.start("shelf");
  const transfer = await sending.journaled(PATH, someBytes(10));
  await assert.rejects(sending.send({ ...transfer, modality: "Genomes" }), failsWith("config"));
});

/** Notes what passes, and never waits. */
function countingRate(): { rate: RateLimit; taken: () => number; largest: () => number } {
  const clock = { now: () => 0, minuteOfDay: () => 0, sleep: () => Promise.resolve() };
  const rate = new RateLimit([{ fromMinute: 0, bytesPerSecond: 4_000 }], clock);
  const sizes: number[] = [];
  rate.take = (bytes) => {
    sizes.push(bytes);
    return Promise.resolve();
  };
  return {
    rate,
    taken: () => sizes.reduce((sum, bytes) => sum + bytes, 0),
    largest: () => Math.max(...sizes),
  };
}

Deno.test("a rate limit counts every byte, in slices below the block size where the driver can", async () => {
  for (const kind of KINDS) {
    for (const size of [5000, LARGE]) {
      await using sending = await Sending.start(kind);
      const { rate, taken, largest } = countingRate();
      sending.context.rate = rate;
      const transfer = await sending.journaled(PATH, someBytes(size));
      assert.equal((await sending.send(transfer)).action, "created");
      assert.equal(taken(), size);
      if (kind === "file" || size === 5000) assert.ok(largest() <= 1024, `${largest()}`);
      assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);
    }
  }
});

Deno.test("a driver that paces its parts is given the pace, and nothing is counted twice", async () => {
  await using sending = await Sending.start("shelf");
  const { rate, taken, largest } = countingRate();
  sending.context.rate = rate;
  const { multipart } = sending.driver;
  assert.ok(multipart);
  const driver: Driver = {
    ...methodsOf(sending.driver),
    multipart: {
      ...multipart,
      paces: true,
      async begin(key, options) {
        const upload = await multipart.begin(key, options);
        return {
          token: upload.token,
          held: upload.held,
          async put(index, bytes, md5, signal) {
            assert.ok(options.pace);
            const slices = await Array.fromAsync(options.pace(bytes, signal));
            assert.equal(slices.reduce((sum, { length }) => sum + length, 0), bytes.length);
            await upload.put(index, bytes, md5, signal);
          },
          commit: (count, condition, signal) => upload.commit(count, condition, signal),
          abort: () => upload.abort(),
        };
      },
    },
  };
  sending.context.store = new Store(driver, { location: "central" });
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  assert.equal((await sending.send(transfer)).action, "created");
  assert.equal(taken(), LARGE);
  assert.ok(largest() <= 1024);
});

Deno.test("a large file is not read when something foreign is in its place", async () => {
  await using sending = await Sending.start("shelf");
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  await sending.put(KEY, someBytes(LARGE, 2));
  let opened = 0;
  const site = sending.site;
  const counting: SiteFiles = {
    away: false,
    open(path, signal) {
      opened++;
      return site.open(path, signal);
    },
  };
  sending.context.sites = new Map([["Images", counting]]);
  await assert.rejects(sending.send(transfer), failsWith("already_exists"));
  assert.equal(opened, 0);
  assert.equal(sending.driver.count("begin"), 0);
});

Deno.test("an object whose size is another one is not downloaded when no earlier row could be it", async () => {
  await using sending = await Sending.start("file");
  const transfer = await sending.journaled(PATH, someBytes(5000));
  await sending.put(KEY, someBytes(5001));
  await assert.rejects(sending.send(transfer), failsWith("already_exists"));
  assert.equal(sending.driver.count("read"), 0);
});

Deno.test("a transfer that fails waits for its other parts before it lets their memory go", async () => {
  await using sending = await Sending.start("shelf");
  const { multipart } = sending.driver;
  assert.ok(multipart);
  let reading = 0;
  const driver: Driver = {
    ...methodsOf(sending.driver),
    multipart: {
      ...multipart,
      async begin(key, options) {
        const upload = await multipart.begin(key, options);
        return {
          token: upload.token,
          held: upload.held,
          async put(index) {
            if (index === 3) throw new Error("broken");
            reading++;
            // Deaf to its signal, as a request may be whose bytes are on their way.
            await new Promise((resolve) => setTimeout(resolve, 20));
            reading--;
          },
          commit: (count, condition, signal) => upload.commit(count, condition, signal),
          abort: () => upload.abort(),
        };
      },
    },
  };
  sending.context.store = new Store(driver, { location: "central" });
  const transfer = await sending.journaled(PATH, someBytes(LARGE));
  await assert.rejects(sending.send(transfer), failsWith("io"));
  assert.equal(reading, 0);
  assert.equal(sending.context.memory.usedBytes, 0);
});

Deno.test("parts of several slices, read ahead, are whole; a read that fails ahead fails the file alone", async () => {
  await using sending = await Sending.start("shelf");
  sending.context.sizes = { oneRequestBytes: 1000, partBytes: 3 * MIB };
  // Another file is being hashed, so that slices wait for their turn.
  using _other = sending.context.hashing.begin();
  const transfer = await sending.journaled(PATH, someBytes(7 * MIB + 5));
  assert.equal((await sending.send(transfer)).proof, "sender");
  assert.equal(md5Hex(await sending.central(KEY) ?? new Uint8Array()), transfer.md5);

  await sending.truth.remove(KEY);
  let reads = 0;
  const { site } = sending;
  const failing: SiteFiles = {
    away: false,
    async open(path, signal) {
      const file = await site.open(path, signal);
      return {
        size: file.size,
        read: (into) => {
          if (++reads < 3) return file.read(into);
          return Promise.reject(new ChorusError("io", "the disk is broken"));
        },
        rewind: () => file.rewind(),
        checkUnchanged: () => file.checkUnchanged(),
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
  };
  sending.context.sites = new Map([["Images", failing]]);
  await assert.rejects(sending.send(transfer), failsWith("io", /disk is broken/));
  assert.equal(await sending.central(KEY), undefined);
  assert.equal(sending.context.memory.usedBytes, 0);
});
