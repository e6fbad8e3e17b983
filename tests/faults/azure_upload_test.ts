/**
 * The program, Azurite, and a proxy between them that does what lines and services
 * do. `CHORUS_LONG_TESTS=1` kills an upload 50 times instead of 3.
 */

import assert from "node:assert/strict";
import { pattern } from "../drivers/az_place.ts";
import { Azurite } from "../servers/azurite.ts";
import type { FaultProxy, SeenRequest } from "../servers/fault_proxy.ts";
import { AzureRun, isBlock, isCommit, isPut } from "./azure_run.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

/** Sent in three blocks. */
const LARGE = "p_1/Waveforms/long.dat";
const SMALL = "p_3/Images/3.dcm";

/** Some 60 small files and one in blocks. */
function siteFiles(small = 60): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = { [LARGE]: pattern(17_000_000, 5) };
  for (let n = 0; n < small; n++) files[`p_${n % 7}/Images/${n}.dcm`] = `content of ${n}`;
  return files;
}

const isSmall = (request: SeenRequest) => isPut(request) && request.path.endsWith(SMALL);
const isBlockList = ({ method, query }: SeenRequest) =>
  method === "GET" && query.get("comp") === "blocklist";
const always = (_: SeenRequest) => true;
const fromNth = (n: number, when = always) => {
  let seen = 0;
  return (request: SeenRequest) => when(request) && ++seen >= n;
};

/** Faults that one run gets over: everything is sent, marked and there. */
const HEALED: Record<string, (proxy: FaultProxy) => void> = {
  "flipped bytes in a small file and in a block": (proxy) => {
    proxy.inject(isSmall, { kind: "flip_request_byte", at: 3 });
    proxy.inject(isBlock, { kind: "flip_request_byte", at: 1_000_000 });
  },
  "connections cut in small files, in a block and in the commit": (proxy) => {
    proxy.inject(isPut, { kind: "cut_request", after: 5 }, 3);
    proxy.inject(isBlock, { kind: "cut_request", after: 500_000 });
    proxy.inject(isCommit, { kind: "cut_request", after: 20 });
  },
  "connections cut after small files and the commit were done, before the answers": (proxy) => {
    proxy.inject(isPut, { kind: "lose_answer" }, 3);
    proxy.inject(isCommit, { kind: "lose_answer" });
  },
  "500, 503 and 429, with and without Retry-After": (proxy) => {
    for (const status of [500, 503, 429]) {
      const headers = { "retry-after": "1" };
      proxy.inject(isPut, { kind: "answer", status });
      proxy.inject(isPut, { kind: "answer", status, headers });
      proxy.inject(isBlock, { kind: "answer", status, headers, early: true });
    }
    proxy.inject(isCommit, { kind: "answer", status: 503 });
  },
};

for (const [fault, inject] of Object.entries(HEALED)) {
  Deno.test(`an upload gets over ${fault}`, async () => {
    await using run = await AzureRun.start(azurite, siteFiles());
    inject(run.proxy);
    const { code, sent, failed, stderr } = await run.upload();
    assert.equal(run.proxy.pending, 0, "a planned fault has not happened");
    assert.deepEqual([code, sent, failed], [0, 61, []], stderr);
    assert.deepEqual(await run.requireMarkedIsThere(), []);
    await requireNothingLeft(run);
  });
}

Deno.test("an upload gets over answers that never come", async () => {
  await using run = await AzureRun.start(azurite, siteFiles(), { impatient: true });
  run.proxy.inject(isSmall, { kind: "silence" });
  run.proxy.inject(isBlock, { kind: "stop_reading" });
  run.proxy.inject(isCommit, { kind: "silence" });
  const { code, sent, stderr } = await run.upload();
  assert.equal(run.proxy.pending, 0);
  assert.deepEqual([code, sent], [0, 61], stderr);
  assert.deepEqual(await run.requireMarkedIsThere(), []);
  await requireNothingLeft(run);
});

Deno.test("a file that the service refuses fails alone, and is all that the next run sends", async () => {
  await using run = await AzureRun.start(azurite, siteFiles());
  const headers = { "x-ms-error-code": "LeaseIdMissing" };
  run.proxy.inject(isSmall, { kind: "answer", status: 412, headers });
  run.proxy.inject(isCommit, { kind: "answer", status: 412, headers });
  const first = await run.upload();
  assert.equal(run.proxy.pending, 0);
  assert.deepEqual([first.code, first.sent, first.failed], [1, 59, [LARGE, SMALL]]);
  assert.deepEqual(await run.requireMarkedIsThere(), [LARGE, SMALL]);
  const before = run.contentRequests.length;
  const second = await run.upload();
  assert.deepEqual([second.code, second.sent], [0, 2], second.stderr);
  // Its blocks are held since the first run.
  assert.equal(run.sentSince(before), 1);
  assert.deepEqual(await run.requireMarkedIsThere(), []);
});

Deno.test("a blob replaced behind our back before it is read back is not marked, nor overwritten", async () => {
  await using run = await AzureRun.start(azurite, siteFiles(10));
  const foreign = new TextEncoder().encode("somebody else's");
  const blob = run.container.getBlockBlobClient(`site/v1/${LARGE}`);
  const act = async () => void await blob.upload(foreign, foreign.length);
  run.proxy.inject(isCommit, { kind: "meanwhile", act });
  for (const sent of [10, 0]) {
    const result = await run.upload();
    assert.deepEqual([result.code, result.sent, result.failed], [1, sent, [LARGE]]);
    assert.match(result.reasons.join(), /somebody else|not ours/);
    assert.deepEqual(await run.requireMarkedIsThere(), [LARGE]);
  }
  assert.equal(run.proxy.pending, 0);
  assert.deepEqual(new Uint8Array(await blob.downloadToBuffer()), foreign);
});

Deno.test("a file that changes while it is sent is not committed; updated, it goes", async () => {
  await using run = await AzureRun.start(azurite, siteFiles(10));
  // Opened and looked up, and not read yet.
  run.proxy.inject(isBlockList, {
    kind: "meanwhile",
    act: async () => {
      using file = await Deno.open(run.site.at("site", LARGE), { write: true });
      await file.seek(-5, Deno.SeekMode.End);
      await file.write(new Uint8Array([1, 2, 3]));
    },
  });
  const { code, sent, failed, reasons } = await run.upload();
  assert.deepEqual([code, sent, failed], [1, 10, [LARGE]]);
  assert.match(reasons.join(), /journal update/);
  assert.deepEqual(await run.requireMarkedIsThere(), [LARGE]);
  assert.equal(await run.container.getBlobClient(`site/v1/${LARGE}`).exists(), false);
  assert.equal((await run.site.run(["journal", "update", "--amend"])).code, 0);
  const again = await run.upload();
  assert.deepEqual([again.code, again.sent], [0, 1], again.stderr);
  assert.deepEqual(await run.requireMarkedIsThere(), []);
});

Deno.test("a service that goes away and stays away ends the run with 5; the next sends the rest", async () => {
  await using run = await AzureRun.start(azurite, siteFiles(), { maxWait: "2s" });
  run.proxy.inject(fromNth(30, isPut), { kind: "lose_answer" }, Infinity);
  run.proxy.inject(
    (request) => run.contentRequests.length >= 30 && !isPut(request),
    { kind: "answer", status: 503 },
    Infinity,
  );
  const first = await run.upload();
  assert.equal(first.code, 5, first.stderr);
  assert.match(first.stderr, /has not answered for/);
  const missing = await run.requireMarkedIsThere();
  assert.ok(missing.length > 0 && missing.length < 61, `${missing.length} missing`);
  run.proxy.calm();
  const second = await run.upload();
  assert.equal(second.code, 0, second.stderr);
  assert.ok(second.sent <= missing.length);
  assert.deepEqual(await run.requireMarkedIsThere(), []);
  await requireNothingLeft(run);
});

Deno.test("a permission that is taken away ends the run with 4, at once", async () => {
  await using run = await AzureRun.start(azurite, siteFiles(300));
  const headers = { "x-ms-error-code": "AuthorizationPermissionMismatch" };
  run.proxy.inject(fromNth(20, isPut), { kind: "answer", status: 403, headers }, Infinity);
  const { code, stderr } = await run.upload();
  assert.equal(code, 4, stderr);
  assert.match(stderr, /Storage Blob Data Contributor/);
  const refused = run.contentRequests.filter(({ status }) => status === 403).length;
  // What was in flight may be refused; of 280 others no one is begun any more.
  assert.ok(refused < 100, `${refused} refusals were asked for`);
  const missing = await run.requireMarkedIsThere();
  run.proxy.calm();
  const second = await run.upload();
  assert.deepEqual([second.code, second.sent], [0, missing.length], second.stderr);
});

Deno.test("verification sees through truncated downloads, and finds what was changed behind our back", async () => {
  await using run = await AzureRun.start(azurite, siteFiles(10));
  assert.equal((await run.upload()).code, 0);
  const isGet = (request: SeenRequest) =>
    request.method === "GET" && !request.query.has("comp") && request.path.includes("/v1/");
  run.proxy.inject(isGet, { kind: "cut_answer", after: 4 }, 2);
  const deep = await run.site.json(["file", "verify", "--deep"]);
  assert.equal(run.proxy.pending, 0);
  assert.equal(deep.code, 0, deep.stderr);
  assert.equal(deep.value.verify.tally.equal, 11);

  const changed = run.container.getBlockBlobClient(`site/v1/${SMALL}`);
  await changed.upload("CONTENT of 3", 12);
  await run.container.getBlobClient("site/v1/p_4/Images/4.dcm").delete();
  // The right MD5 in the header, and other content: only --deep can tell.
  const lying = run.container.getBlockBlobClient("site/v1/p_5/Images/5.dcm");
  const { contentMD5, metadata } = await lying.getProperties();
  await lying.stageBlock(btoa("x"), "CONTENT of 5", 12);
  await lying.commitBlockList([btoa("x")], {
    blobHTTPHeaders: { blobContentMD5: contentMD5 },
    metadata,
  });
  const combined = run.site.at("combined");
  const shallow = await run.site.run(["file", "verify", "--combined", combined]);
  assert.equal(shallow.code, 1, shallow.stderr);
  const lines = (await Deno.readTextFile(combined)).trim().split("\n");
  assert.ok(
    lines.some((line) => line.startsWith("*") && line.includes("/3.dcm")),
    lines.join("\n"),
  );
  assert.ok(
    lines.some((line) => line.startsWith("-") && line.includes("/4.dcm")),
    lines.join("\n"),
  );
  const again = await run.site.json(["file", "verify", "--deep"]);
  assert.equal(again.code, 1);
  assert.equal(again.value.verify.tally.equal, 8, JSON.stringify(again.value.verify));
});

Deno.test("kill -9 at any moment of an upload: nothing is marked that is not there, the next run sends the rest", async () => {
  const kills = Deno.env.get("CHORUS_LONG_TESTS") ? 50 : 3;
  await using run = await AzureRun.start(azurite, siteFiles(300));
  for (let n = 0; n < kills; n++) {
    const process = run.site.start(["file", "upload"]);
    const kill = async () => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      process.kill("SIGKILL");
    };
    const moment = 1 + Math.floor(Math.random() * Math.max(5, 300 / kills));
    let seen = 0;
    run.proxy.inject(() => ++seen === moment, { kind: "meanwhile", act: kill });
    const { signal, stderr, code } = await process.output();
    run.proxy.calm();
    if (signal === "SIGKILL") {
      await run.requireMarkedIsThere(false);
      continue;
    }
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.ok(n > 0, "no kill came in time");
  }
  const missing = await run.requireMarkedIsThere();
  const last = await run.upload();
  assert.deepEqual([last.code, last.failed], [0, []], last.stderr);
  assert.ok(last.sent <= missing.length);
  assert.deepEqual(await run.requireMarkedIsThere(), []);
  await requireNothingLeft(run);
});

Deno.test("kill -9 in the middle of a large file: the next run sends only the missing blocks", async () => {
  const blocks = 6;
  const files = { [LARGE]: pattern(blocks * 8 * 1024 * 1024 - 5_000, 9) };
  await using run = await AzureRun.start(azurite, files, { threads: 2 });
  const process = run.site.start(["file", "upload"]);
  const act = () => Promise.resolve(process.kill("SIGKILL"));
  run.proxy.inject(fromNth(3, isBlock), { kind: "meanwhile", act });
  assert.equal((await process.output()).signal, "SIGKILL");
  // What has left the dead process whole is still on its way to the server.
  while (
    run.proxy.requests.some((request) =>
      isBlock(request) && request.status === undefined &&
      request.bytes === Number(request.headers["content-length"])
    )
  ) await new Promise((resolve) => setTimeout(resolve, 20));
  const blob = run.container.getBlockBlobClient(`site/v1/${LARGE}`);
  const held = (await blob.getBlockList("uncommitted")).uncommittedBlocks?.length ?? 0;
  assert.ok(held > 0 && held < blocks, `${held} blocks were held`);
  const before = run.contentRequests.length;
  const { code, sent, stderr } = await run.upload();
  assert.deepEqual([code, sent], [0, 1], stderr);
  assert.equal(run.sentSince(before), blocks - held);
  assert.deepEqual(await run.requireMarkedIsThere(), []);
});

Deno.test("--max-rate is kept from second to second, below the size of a block too", async () => {
  const files = { [LARGE]: pattern(9_000_000, 3) };
  await using run = await AzureRun.start(azurite, files);
  const seconds: number[] = [];
  const startMs = Date.now();
  let before = 0;
  const timer = setInterval(() => {
    const through = run.proxy.requests.reduce((sum, { bytes }) => sum + bytes, 0);
    seconds.push(through - before);
    before = through;
  }, 1000);
  const { code } = await run.upload("--max-rate", "3M");
  clearInterval(timer);
  assert.equal(code, 0);
  // 9 MB at 3 MB/s, less the quarter of a second that may run ahead.
  assert.ok(Date.now() - startMs > 2500, `${Date.now() - startMs} ms`);
  // A block sent at once would be 8 MiB in one second; a busy machine may delay the timer.
  assert.ok(Math.max(...seconds) < 6_500_000, `bytes in each second: ${seconds}`);
});

/** Another upload finds nothing to do and sends nothing. */
async function requireNothingLeft(run: AzureRun): Promise<void> {
  const before = run.contentRequests.length;
  const { code, sent } = await run.upload();
  assert.deepEqual([code, sent], [0, 0]);
  assert.equal(run.contentRequests.length, before);
}
