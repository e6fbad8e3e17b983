import assert from "node:assert/strict";
import fc from "fast-check";
import { ChorusError, isChorusError } from "../../src/errors/chorus_error.ts";
import type { FailureKind } from "../../src/storage/driver.ts";
import { ConcurrencyLimit } from "../../src/transfer/concurrency_limit.ts";
import { MemoryBudget } from "../../src/transfer/memory_budget.ts";
import { sendAll, type SendOptions } from "../../src/transfer/send_pool.ts";
import type { SiteFiles } from "../../src/transfer/site_files.ts";
import type { SendOutcome, Transfer } from "../../src/transfer/transfer.ts";
import type { FaultRule } from "../storage/faulty_driver.ts";
import { md5Hex, Sending, someBytes, type StoreKind } from "./sending.ts";

const KINDS: readonly StoreKind[] = ["file", "shelf"];

function optionsOf(sending: Sending, more: Partial<SendOptions> = {}): SendOptions {
  return { ...sending.context, ...more };
}

async function files(sending: Sending, count: number, size = 1000): Promise<Transfer[]> {
  const transfers: Transfer[] = [];
  for (let i = 0; i < count; i++) {
    transfers.push(await sending.journaled(`p${i % 7}/Images/${i}.dcm`, someBytes(size, i + 1)));
  }
  return transfers;
}

async function collect(outcomes: AsyncIterable<SendOutcome>): Promise<SendOutcome[]> {
  return await Array.fromAsync(outcomes);
}

/** Fails when an outcome claims more than is there. */
async function checkClaims(sending: Sending, outcomes: readonly SendOutcome[]): Promise<void> {
  for (const { ok, transfer } of outcomes) {
    if (!ok) continue;
    const there = await sending.central(transfer.centralKey);
    assert.ok(there, `${transfer.path} is claimed and missing`);
    assert.equal(there.length, transfer.size);
    assert.equal(md5Hex(there), transfer.md5);
  }
}

for (const kind of KINDS) {
  Deno.test(`${kind}: every file has one result and is in its place`, async () => {
    await using sending = await Sending.start(kind);
    const transfers = await files(sending, 60);
    transfers.push(await sending.journaled("big/Images/big.dcm", someBytes(100_000)));
    let bytes = 0;
    const outcomes = await collect(
      sendAll(transfers, optionsOf(sending, { onBytes: (more) => bytes += more })),
    );
    assert.equal(outcomes.every(({ ok }) => ok), true);
    assert.deepEqual(
      new Set(outcomes.map(({ transfer }) => transfer.fileId)),
      new Set(transfers.map(({ fileId }) => fileId)),
    );
    assert.equal(outcomes.length, 61);
    assert.equal(bytes, 60 * 1000 + 100_000);
    await checkClaims(sending, outcomes);
  });

  Deno.test(`${kind}: a file that fails does not stop the others`, async () => {
    await using sending = await Sending.start(kind);
    const transfers = await files(sending, 20);
    await sending.write(transfers[3]?.path ?? "", someBytes(1000, 99));
    await sending.put(transfers[5]?.centralKey ?? "", someBytes(10));
    await Deno.remove(sending.sitePath(transfers[7]?.path ?? ""));
    const outcomes = await collect(sendAll(transfers, optionsOf(sending)));
    assert.equal(outcomes.length, 20);
    const failures = outcomes.filter((outcome) => !outcome.ok);
    assert.deepEqual(
      failures.map(({ transfer, code }) => [transfer.fileId, code]).sort(),
      [[4, "source_changed"], [6, "already_exists"], [8, "source_changed"]],
    );
    await checkClaims(sending, outcomes);
  });

  for (const failure of ["credentials", "permission", "disk_full", "not_found"] as const) {
    Deno.test(`${kind}: ${failure} ends the run, and what is done is kept`, async () => {
      await using sending = await Sending.start(kind);
      const transfers = await files(sending, 200, 10);
      sending.driver.add({
        call: "write",
        skip: 30,
        times: Infinity,
        fault: { kind: "before", failure: { kind: failure } },
      });
      const outcomes: SendOutcome[] = [];
      await assert.rejects(
        async () => {
          for await (const outcome of sendAll(transfers, optionsOf(sending))) {
            outcomes.push(outcome);
          }
        },
        (error) => isChorusError(error, failure),
      );
      assert.equal(outcomes.length, 30);
      assert.equal(outcomes.every(({ ok }) => ok), true);
      assert.ok(sending.driver.count("write") < 100, "many more were begun");
      await checkClaims(sending, outcomes);
    });
  }
}

Deno.test("a service that stays away ends the run with exit instead of a failure per file", async () => {
  await using sending = await Sending.start("shelf");
  const transfers = await files(sending, 200, 10);
  sending.driver.add({
    call: "write",
    skip: 10,
    times: Infinity,
    fault: { kind: "before", failure: { kind: "unavailable" } },
  });
  const outcomes: SendOutcome[] = [];
  await assert.rejects(
    async () => {
      for await (const outcome of sendAll(transfers, optionsOf(sending))) outcomes.push(outcome);
    },
    (error) => isChorusError(error, "unavailable"),
  );
  assert.equal(outcomes.filter(({ ok }) => ok).length, 10);
  assert.ok(outcomes.length < 60);
});

Deno.test("a site's store that stays away ends the run too", async () => {
  await using sending = await Sending.start("shelf");
  const transfers = await files(sending, 50, 10);
  const site: SiteFiles = {
    away: true,
    open: () => Promise.reject(sendingError("unavailable")),
  };
  await assert.rejects(
    collect(sendAll(transfers, optionsOf(sending, { sites: new Map([["Images", site]]) }))),
    (error) => isChorusError(error, "unavailable"),
  );
});

function sendingError(kind: FailureKind): Error {
  return new ChorusError(kind, "injected");
}

Deno.test("cancelling gives what was finished, then the reason, and leaves no claim open", async () => {
  for (const kind of KINDS) {
    await using sending = await Sending.start(kind);
    const transfers = await files(sending, 100, 10);
    const controller = new AbortController();
    const reason = new DOMException("stopped by the person", "AbortError");
    const outcomes: SendOutcome[] = [];
    await assert.rejects(
      async () => {
        const options = optionsOf(sending, { signal: controller.signal });
        for await (const outcome of sendAll(transfers, options)) {
          outcomes.push(outcome);
          if (outcomes.length === 10) controller.abort(reason);
        }
      },
      (error) => error === reason,
    );
    assert.ok(outcomes.length >= 10 && outcomes.length < 100);
    assert.equal(outcomes.every(({ ok }) => ok), true);
    await checkClaims(sending, outcomes);
    assert.equal(sending.context.memory.usedBytes, 0);
    assert.equal(sending.context.limit.inFlight, 0);
  }
});

Deno.test("a caller that stops reading ends the work under way", async () => {
  await using sending = await Sending.start("shelf");
  const transfers = await files(sending, 100, 10);
  for await (const outcome of sendAll(transfers, optionsOf(sending))) {
    assert.equal(outcome.ok, true);
    break;
  }
  assert.equal(sending.context.limit.inFlight, 0);
  assert.equal(sending.context.memory.usedBytes, 0);
  assert.ok(sending.driver.count("write") < 100);
});

Deno.test("an error of the plan is thrown after the results", async () => {
  await using sending = await Sending.start("shelf");
  const transfers = await files(sending, 5, 10);
  const outcomes: SendOutcome[] = [];
  await assert.rejects(async () => {
    const plan = function* () {
      yield* transfers;
      throw new Error("journal gone");
    };
    for await (const outcome of sendAll(plan(), optionsOf(sending))) outcomes.push(outcome);
  }, /journal gone/);
  assert.equal(outcomes.length, 5);
});

Deno.test("num_threads caps requests, and the budget caps bytes", async () => {
  await using sending = await Sending.start("shelf");
  const transfers = await files(sending, 40, 4000);
  transfers.push(
    await sending.journaled("x/Images/big1", someBytes(60_000, 1)),
    await sending.journaled("x/Images/big2", someBytes(60_000, 2)),
  );
  const limit = new ConcurrencyLimit({ max: 3 });
  const memory = new MemoryBudget(20_000);
  const outcomes = await collect(sendAll(transfers, optionsOf(sending, { limit, memory })));
  assert.equal(outcomes.every(({ ok }) => ok), true);
  assert.equal(limit.peak, 3);
  assert.ok(memory.peakBytes <= 20_000 && memory.peakBytes > 12_000, String(memory.peakBytes));
});

Deno.test("files are read from the plan only as fast as they are begun", async () => {
  await using sending = await Sending.start("shelf");
  const transfers = await files(sending, 300, 10);
  let given = 0;
  const plan = function* () {
    for (const transfer of transfers) {
      given++;
      yield transfer;
    }
  };
  const limit = new ConcurrencyLimit({ max: 4 });
  let ahead = 0;
  let taken = 0;
  for await (const _ of sendAll(plan(), optionsOf(sending, { limit }))) {
    taken++;
    ahead = Math.max(ahead, given - taken);
  }
  assert.equal(taken, 300);
  assert.ok(ahead <= 40, `${ahead} were read ahead`);
});

Deno.test("memory in use does not grow with the number of files", async () => {
  const script = new URL("./memory_of_pool.ts", import.meta.url);
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--v8-flags=--expose-gc", script.href, "100000"],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  assert.equal(success, true);
  const { early, late } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(late - early < 2 * 2 ** 20, `${early} bytes at 20,000 files, ${late} at 100,000`);
});

const faultRule = fc.record({
  call: fc.constantFrom("stat", "read", "write", "begin", "put", "commit"),
  skip: fc.nat(6),
  times: fc.integer({ min: 1, max: 3 }),
  fault: fc.oneof(
    fc.record({ kind: fc.constant("before") }),
    fc.record({
      kind: fc.constantFrom("before", "after"),
      failure: fc.record({
        kind: fc.constantFrom("unavailable", "io", "digest_mismatch", "precondition_failed"),
      }),
    }),
    fc.record({ kind: fc.constant("after") }),
    fc.record({ kind: fc.constant("cut"), after: fc.nat(3000) }),
    fc.record({ kind: fc.constant("flip"), at: fc.nat(3000) }),
  ),
}) as fc.Arbitrary<FaultRule>;

const situation = fc.record({
  size: fc.constantFrom(0, 1, 900, 20_000),
  there: fc.constantFrom("nothing", "equal", "earlier", "foreign"),
  source: fc.constantFrom("same", "same", "same", "changed", "gone"),
});

for (const kind of KINDS) {
  Deno.test(`${kind}: whatever fails, no result claims what is not there and nothing foreign is lost`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(situation, { minLength: 1, maxLength: 6 }),
        fc.array(faultRule, { maxLength: 5 }),
        async (situations, rules) => {
          await using sending = await Sending.start(kind);
          const transfers: Transfer[] = [];
          const foreign = new Map<string, string>();
          for (const [i, { size, there, source }] of situations.entries()) {
            const bytes = someBytes(size, i + 1);
            const transfer = await sending.journaled(`p/Images/${i}`, bytes);
            transfers.push(transfer);
            const old = someBytes(size + 5, i + 100);
            if (there === "equal") await sending.put(transfer.centralKey, bytes);
            if (there === "earlier") {
              await sending.put(transfer.centralKey, old);
              sending.earlier.set(transfer.path, new Set([md5Hex(old)]));
            }
            if (there === "foreign") {
              await sending.put(transfer.centralKey, old);
              foreign.set(transfer.centralKey, md5Hex(old));
            }
            if (source === "changed") await sending.write(transfer.path, someBytes(size + 1, 50));
            if (source === "gone") await Deno.remove(sending.sitePath(transfer.path));
          }
          for (const rule of rules) sending.driver.add(rule);
          const outcomes: SendOutcome[] = [];
          try {
            for await (const outcome of sendAll(transfers, optionsOf(sending))) {
              outcomes.push(outcome);
            }
          } catch (error) {
            assert.ok(isChorusError(error), String(error));
          }
          await checkClaims(sending, outcomes);
          for (const [key, md5] of foreign) {
            assert.equal(md5Hex(await sending.central(key) ?? new Uint8Array()), md5);
          }
          assert.equal(sending.context.memory.usedBytes, 0);
          assert.equal(sending.context.limit.inFlight, 0);
        },
      ),
      { numRuns: 40 },
    );
  });
}
