import assert from "node:assert/strict";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { Store } from "../../src/storage/store.ts";
import { MemoryBudget } from "../../src/transfer/memory_budget.ts";
import { PartReader } from "../../src/transfer/part_reader.ts";
import type { SiteFile } from "../../src/transfer/site_files.ts";
import type { Transfer } from "../../src/transfer/transfer.ts";
import { md5Hex, methodsOf, Sending, someBytes } from "./sending.ts";

const MIB = 1024 * 1024;
const PART = 1000;

/** A file in memory that counts its reads and can be made to wait or fail. */
class CountedFile implements SiteFile {
  reads = 0;
  #at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly before: (read: number) => Promise<void> | void = () => {},
  ) {}

  get size(): number {
    return this.bytes.length;
  }

  async read(into: Uint8Array): Promise<number> {
    await this.before(++this.reads);
    const piece = this.bytes.subarray(this.#at, this.#at + into.length);
    into.set(piece);
    this.#at += piece.length;
    return piece.length;
  }

  rewind(): Promise<void> {
    this.#at = 0;
    return Promise.resolve();
  }

  checkUnchanged(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function readerOf(file: SiteFile, size: number, memory: MemoryBudget, signal?: AbortSignal) {
  const transfer = { path: "7/a.dcm", size } as Transfer;
  signal ??= new AbortController().signal;
  return new PartReader({ transfer, file, partBytes: PART, memory, signal });
}

async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

Deno.test("the parts come in order, each read once, as many together as asked for", async () => {
  const bytes = someBytes(7 * PART + 5);
  for (const most of [1, 2, 3]) {
    const file = new CountedFile(bytes);
    const memory = new MemoryBudget(10 * PART);
    await using reader = readerOf(file, bytes.length, memory);
    const got: number[] = [];
    for (let parts; (parts = await reader.take(most)).length > 0;) {
      assert.ok(parts.length <= most);
      for (const { index, lease } of parts) {
        assert.deepEqual(lease.bytes, bytes.subarray(index * PART, (index + 1) * PART));
        got.push(index);
        lease[Symbol.dispose]();
      }
    }
    assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.equal(file.reads, 8);
    assert.equal(memory.usedBytes, 0);
  }
});

Deno.test("only a few parts are read ahead, and what nobody takes is given back", async () => {
  const file = new CountedFile(someBytes(20 * PART));
  const memory = new MemoryBudget(100 * PART);
  {
    await using _reader = readerOf(file, 20 * PART, memory);
    await settled();
    assert.equal(file.reads, 3);
    assert.equal(memory.usedBytes, 3 * PART);
  }
  assert.equal(memory.usedBytes, 0);
});

Deno.test("where memory is short, what is read is handed out and not kept for more", async () => {
  const bytes = someBytes(5 * PART);
  const memory = new MemoryBudget(2 * PART);
  using _other = await memory.lease(PART);
  await using reader = readerOf(new CountedFile(bytes), bytes.length, memory);
  for (let index = 0; index < 5; index++) {
    const [part, ...more] = await reader.take(3);
    assert.deepEqual(more, []);
    assert.equal(part.index, index);
    part.lease[Symbol.dispose]();
  }
  assert.deepEqual(await reader.take(3), []);
});

Deno.test("a file that is shorter than journaled fails, also after parts that were whole", async () => {
  const memory = new MemoryBudget(100 * PART);
  {
    await using reader = readerOf(new CountedFile(someBytes(2 * PART + 5)), 9 * PART, memory);
    await assert.rejects(async () => {
      for (;;) {
        for (const { lease } of await reader.take(1)) lease[Symbol.dispose]();
      }
    }, (error) => isChorusError(error, "source_changed"));
  }
  assert.equal(memory.usedBytes, 0);
});

Deno.test("closing waits for the read under way before its buffer goes to somebody else", async () => {
  const reading = Promise.withResolvers<void>();
  const file = new CountedFile(
    someBytes(9 * PART),
    (read) => read === 2 ? reading.promise : undefined,
  );
  const memory = new MemoryBudget(100 * PART);
  const reader = readerOf(file, 9 * PART, memory);
  await settled();
  let closed = false;
  const closing = reader[Symbol.asyncDispose]().then(() => closed = true);
  await settled();
  assert.equal(closed, false);
  assert.ok(memory.usedBytes >= PART, "its buffer is still out");
  reading.resolve();
  await closing;
  assert.equal(memory.usedBytes, 0);
  assert.equal(file.reads, 2);
});

Deno.test("a reader that waits for memory ends with its signal", async () => {
  const memory = new MemoryBudget(PART);
  using _other = await memory.lease(PART);
  const controller = new AbortController();
  await using reader = readerOf(
    new CountedFile(someBytes(2 * PART)),
    2 * PART,
    memory,
    controller.signal,
  );
  const taking = assert.rejects(reader.take(1), /enough/);
  controller.abort(new Error("enough"));
  await taking;
});

/** A store that has a part as soon as it is offered. */
function quickStore(real: Driver): Store {
  const { multipart } = real;
  assert.ok(multipart);
  const quick: Driver = {
    ...methodsOf(real),
    multipart: {
      ...multipart,
      async begin(key, options) {
        const upload = await multipart.begin(key, options);
        const puts: Promise<void>[] = [];
        return {
          token: upload.token,
          held: upload.held,
          put(index, bytes, md5) {
            puts.push(upload.put(index, bytes.slice(), md5));
            return Promise.resolve();
          },
          async commit(count, condition, signal) {
            await Promise.all(puts);
            return await upload.commit(count, condition, signal);
          },
          abort: () => upload.abort(),
        };
      },
    },
  };
  return new Store(quick, { location: "central" });
}

for (const others of [0, 1]) {
  Deno.test(`a buffer is not used again before the file's own MD5 has it (${others} other files)`, async () => {
    await using sending = await Sending.start("shelf");
    sending.context.sizes = { oneRequestBytes: 1000, partBytes: 2 * MIB };
    sending.context.store = quickStore(sending.driver);
    // Little memory: what is given back too early is read into at once.
    sending.context.memory = new MemoryBudget(8 * MIB);
    using _other = others > 0 ? sending.context.hashing.begin() : undefined;
    const transfer = await sending.journaled("7/Images/a.dcm", someBytes(25 * MIB + 5));
    assert.equal((await sending.send(transfer)).proof, "sender");
    const found = await sending.central(transfer.centralKey);
    assert.equal(md5Hex(found ?? new Uint8Array()), transfer.md5);
    assert.equal(sending.context.memory.usedBytes, 0);
  });
}
