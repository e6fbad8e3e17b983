import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Tuning } from "../../drivers/az/open_azure.ts";
import type { Driver } from "../../src/storage/driver.ts";
import { Azurite } from "../servers/azurite.ts";
import { FaultProxy, type SeenRequest } from "../servers/fault_proxy.ts";
import { bodyOf, content, failureOf, keys, md5, openWithKey, pattern, SHORT } from "./az_place.ts";

let azurite: Azurite;
Deno.test.beforeAll(async () => {
  azurite = await Azurite.start();
});
Deno.test.afterAll(() => azurite[Symbol.asyncDispose]());

const SMALL = pattern(4_000);
const LARGE = pattern(3_500_000, 2);
const PART = 1_000_000;

const isPut = (request: SeenRequest) => request.method === "PUT" && !request.query.has("comp");
const isBlock = (request: SeenRequest) => request.query.get("comp") === "block";
const isCommit = (request: SeenRequest) =>
  request.method === "PUT" && request.query.get("comp") === "blocklist";
const isBlockList = (request: SeenRequest) =>
  request.method === "GET" && request.query.get("comp") === "blocklist";
const isGet = (request: SeenRequest) => request.method === "GET" && !request.query.has("comp");
const isList = (request: SeenRequest) => request.query.get("comp") === "list";

/** One test with a proxy between driver and server, and a driver that sees the truth. */
function faultTest(
  sentence: string,
  test: (place: { driver: Driver; truth: Driver; proxy: FaultProxy }) => Promise<void>,
  tuning?: Tuning,
): void {
  Deno.test(`the az driver: ${sentence}`, async () => {
    await using proxy = await FaultProxy.start(azurite.origin);
    using driver = await openWithKey(azurite, {
      url: proxy.through(azurite.accountUrl),
      tuning,
    });
    using truth = await openWithKey(azurite, { container: driver.container });
    await test({ driver, truth, proxy });
    assert.equal(proxy.pending, 0, "a planned fault has not happened");
  });
}

function write(driver: Driver, key: string, bytes: Uint8Array) {
  return driver.write(key, bodyOf(bytes), {
    size: bytes.length,
    md5: md5(bytes),
    condition: { ifAbsent: true },
  });
}

async function begin(driver: Driver, key: string, bytes: Uint8Array) {
  assert.ok(driver.multipart);
  return await driver.multipart.begin(key, {
    size: bytes.length,
    partBytes: PART,
    md5: md5(bytes),
    metadata: { proof: "sender" },
  });
}

function part(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * PART, (index + 1) * PART);
}

async function sendParts(driver: Driver, key: string, bytes: Uint8Array) {
  const upload = await begin(driver, key, bytes);
  const count = Math.ceil(bytes.length / PART);
  for (let index = 0; index < count; index++) {
    if (upload.held.has(index)) continue;
    await upload.put(index, part(bytes, index), md5(part(bytes, index)));
  }
  return { upload, count };
}

for (const [size, bytes] of [["small", SMALL], ["streamed", LARGE]] as const) {
  faultTest(`a flipped byte of a ${size} blob is refused and leaves nothing`, async (place) => {
    place.proxy.inject(isPut, { kind: "flip_request_byte", at: 1_234 });
    const failure = await failureOf(place.driver, write(place.driver, "x", bytes));
    assert.equal(failure.kind, "digest_mismatch");
    assert.deepEqual(await keys(place.truth), []);
    await write(place.driver, "x", bytes);
    assert.ok(Buffer.from(await content(place.truth, "x")).equals(bytes));
  });

  faultTest(`a line cut within a ${size} blob leaves nothing`, async (place) => {
    place.proxy.inject(isPut, { kind: "cut_request", after: bytes.length / 2 });
    const failure = await failureOf(place.driver, write(place.driver, "x", bytes));
    assert.equal(failure.kind, "unavailable");
    assert.deepEqual(await keys(place.truth), []);
  });

  faultTest(
    `a lost answer to a ${size} blob is told apart from success by the next try`,
    async (place) => {
      place.proxy.inject(isPut, { kind: "lose_answer" });
      const failure = await failureOf(place.driver, write(place.driver, "x", bytes));
      assert.equal(failure.kind, "unavailable");
      assert.equal(place.proxy.requests.filter(isPut).length, 1, "nobody sent it again unasked");
      const again = await failureOf(place.driver, write(place.driver, "x", bytes));
      assert.equal(again.kind, "already_exists");
      const found = await place.truth.stat("x", {});
      assert.deepEqual(found?.md5, md5(bytes));
    },
  );

  for (
    const [status, headers, retryAfterMs] of [
      [500, {}, undefined],
      [503, { "retry-after": "7" }, 7_000],
      [503, { "x-ms-retry-after-ms": "250" }, 250],
      [429, { "retry-after": "2" }, 2_000],
      [408, {}, undefined],
      [502, {}, undefined],
    ] as const
  ) {
    faultTest(
      `${status} ${JSON.stringify(headers)} to a ${size} blob asks for another try`,
      async (place) => {
        place.proxy.inject(isPut, { kind: "answer", status, headers, early: status === 503 });
        const failure = await failureOf(place.driver, write(place.driver, "x", bytes));
        assert.equal(failure.kind, "unavailable");
        assert.equal(failure.retryAfterMs, retryAfterMs);
        assert.deepEqual(await keys(place.truth), []);
        await write(place.driver, "x", bytes);
        assert.deepEqual(await keys(place.truth), ["x"]);
      },
    );
  }
}

faultTest("a Retry-After that is a date becomes a duration", async ({ driver, proxy }) => {
  const date = new Date(Date.now() + 60_000).toUTCString();
  proxy.inject(isPut, { kind: "answer", status: 503, headers: { "retry-after": date } });
  const { retryAfterMs = 0 } = await failureOf(driver, write(driver, "x", SMALL));
  assert.ok(retryAfterMs > 30_000 && retryAfterMs <= 60_000, String(retryAfterMs));
});

faultTest("an answer that never comes is given up", async ({ driver, truth, proxy }) => {
  proxy.inject(isPut, { kind: "silence" });
  assert.equal((await failureOf(driver, write(driver, "x", SMALL))).kind, "unavailable");
  proxy.inject(isGet, { kind: "silence" });
  assert.equal((await failureOf(driver, content(driver, "x"))).kind, "unavailable");
  assert.deepEqual(await keys(truth), []);
}, SHORT);

faultTest("a server that stops reading is given up", async ({ driver, proxy }) => {
  const bytes = pattern(30_000_000);
  proxy.inject(isPut, { kind: "stop_reading" });
  assert.equal((await failureOf(driver, write(driver, "x", bytes))).kind, "unavailable");
  proxy.inject(isBlock, { kind: "stop_reading" });
  const upload = await begin(driver, "y", bytes);
  assert.equal((await failureOf(driver, upload.put(0, bytes, md5(bytes)))).kind, "unavailable");
}, SHORT);

faultTest("a download cut short is an error, never an early end", async (place) => {
  await write(place.truth, "x", LARGE);
  for (const kind of ["cut_answer", "stall_answer"] as const) {
    place.proxy.inject(isGet, { kind, after: 1_000_000 });
    let received = 0;
    const failure = await failureOf(
      place.driver,
      (async () => {
        for await (const chunk of place.driver.read("x", {})) received += chunk.length;
      })(),
    );
    assert.equal(failure.kind, "unavailable");
    assert.ok(received <= 1_000_000);
  }
}, SHORT);

faultTest("a slow reader is not taken for a dead line", async ({ driver, truth }) => {
  await write(truth, "x", LARGE);
  const chunks: Uint8Array[] = [];
  for await (const chunk of driver.read("x", {})) {
    if (chunks.length === 0) await new Promise((resolve) => setTimeout(resolve, 2_500));
    chunks.push(chunk);
  }
  assert.ok(Buffer.concat(chunks).equals(LARGE));
}, SHORT);

faultTest("a source slower than the limits is waited for", async ({ driver, truth }) => {
  async function* slow() {
    yield LARGE.subarray(0, 2_000_000);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    yield LARGE.subarray(2_000_000);
  }
  await driver.write("x", slow(), { size: LARGE.length, md5: md5(LARGE) });
  assert.ok(Buffer.from(await content(truth, "x")).equals(LARGE));
}, SHORT);

faultTest("a flipped byte of a block is refused; the block sent again is good", async (place) => {
  const { driver, truth, proxy } = place;
  const upload = await begin(driver, "big", LARGE);
  proxy.inject(isBlock, { kind: "flip_request_byte", at: 500_000 });
  const put = (index: number) => upload.put(index, part(LARGE, index), md5(part(LARGE, index)));
  assert.equal((await failureOf(driver, put(0))).kind, "digest_mismatch");
  for (const index of [0, 1, 2, 3]) await put(index);
  await upload.commit(4, { ifAbsent: true });
  assert.ok(Buffer.from(await content(truth, "big")).equals(LARGE));
});

faultTest(
  "a line cut within a block leaves nothing to see, and the rest resumes",
  async (place) => {
    const { driver, truth, proxy } = place;
    proxy.inject((request) => isBlock(request) && request.path.endsWith("big"), {
      kind: "cut_request",
      after: 300_000,
    });
    const upload = await begin(driver, "big", LARGE);
    const failure = await failureOf(driver, upload.put(0, part(LARGE, 0), md5(part(LARGE, 0))));
    assert.equal(failure.kind, "unavailable");
    await upload.put(2, part(LARGE, 2), md5(part(LARGE, 2)));
    assert.deepEqual(await keys(truth), []);
    const again = await sendParts(driver, "big", LARGE);
    assert.deepEqual([...again.upload.held.keys()], [2]);
    await again.upload.commit(again.count, { ifAbsent: true });
    assert.ok(Buffer.from(await content(truth, "big")).equals(LARGE));
    assert.equal((await truth.stat("big", {}))?.metadata?.proof, "sender");
  },
);

faultTest("a commit cut on its way makes nothing visible and can be made again", async (place) => {
  const { driver, truth, proxy } = place;
  const { upload, count } = await sendParts(driver, "big", LARGE);
  proxy.inject(isCommit, { kind: "cut_request", after: 20 });
  const commit = () => upload.commit(count, { ifAbsent: true });
  assert.equal((await failureOf(driver, commit())).kind, "unavailable");
  assert.deepEqual(await keys(truth), []);
  const { etag } = await commit();
  assert.equal((await truth.stat("big", {}))?.etag, etag);
});

faultTest("a commit whose answer is lost is recognised as our own", async (place) => {
  const { driver, truth, proxy } = place;
  const { upload, count } = await sendParts(driver, "big", LARGE);
  proxy.inject(isCommit, { kind: "lose_answer" });
  const commit = () => upload.commit(count, { ifAbsent: true });
  assert.equal((await failureOf(driver, commit())).kind, "unavailable");
  assert.equal(proxy.requests.filter(isCommit).length, 1, "nobody sent it again unasked");
  const { etag } = await commit();
  assert.equal((await truth.stat("big", {}))?.etag, etag);
});

faultTest("a commit that lost against somebody else's is no success of ours", async (place) => {
  const { driver, truth, proxy } = place;
  const { upload, count } = await sendParts(driver, "big", LARGE);
  proxy.inject(isCommit, { kind: "answer", status: 500 });
  const commit = () => upload.commit(count, { ifAbsent: true });
  assert.equal((await failureOf(driver, commit())).kind, "unavailable");
  await truth.write("big", bodyOf(SMALL), { size: SMALL.length });
  assert.equal((await failureOf(driver, commit())).kind, "already_exists");
  assert.ok(Buffer.from(await content(truth, "big")).equals(SMALL));
});

faultTest("a list of blocks that is cut short proves nothing until it is read", async (place) => {
  const { driver, truth, proxy } = place;
  const { upload, count } = await sendParts(driver, "big", LARGE);
  proxy.inject(isBlockList, { kind: "cut_answer", after: 60 });
  const commit = () => upload.commit(count, { ifAbsent: true });
  assert.equal((await failureOf(driver, commit())).kind, "unavailable");
  const { etag } = await commit();
  assert.equal((await truth.stat("big", {}))?.etag, etag);
  assert.equal(proxy.requests.filter(isCommit).length, 1);
});

faultTest("a blob replaced between commit and read-back is noticed", async (place) => {
  const { driver, truth, proxy } = place;
  const { upload, count } = await sendParts(driver, "big", LARGE);
  proxy.inject(isCommit, {
    kind: "meanwhile",
    act: async () => {
      await truth.write("big", bodyOf(SMALL), { size: SMALL.length });
    },
  });
  const failure = await failureOf(driver, upload.commit(count, { ifAbsent: true }));
  assert.equal(failure.kind, "precondition_failed");
});

faultTest("committed blocks that are not those sent are a mismatch", async (place) => {
  const { driver, proxy } = place;
  const { upload, count } = await sendParts(driver, "big", LARGE);
  for (
    const edit of [
      (xml: string) => xml.replace("<Size>1000000</Size>", "<Size>1000001</Size>"),
      (xml: string) => xml.replace(/<Block>.*?<\/Block>/, ""),
      (xml: string) => xml.replace(/(<Block>.*?<\/Block>)(<Block>.*?<\/Block>)/, "$2$1"),
    ]
  ) {
    proxy.inject(isBlockList, { kind: "edit_answer", edit });
    const failure = await failureOf(driver, upload.commit(count, { ifAbsent: true }));
    assert.equal(failure.kind, "digest_mismatch");
  }
});

faultTest("a listing cut short is an error, never a short listing", async (place) => {
  const { driver, truth, proxy } = place;
  for (const key of ["a", "b", "c"]) await write(truth, key, SMALL);
  for (const after of [10, 400, 900]) {
    proxy.inject(isList, { kind: "cut_answer", after });
    assert.equal((await failureOf(driver, keys(driver))).kind, "unavailable");
  }
  assert.deepEqual(await keys(driver), ["a", "b", "c"]);
});

faultTest(
  "a 404 from something that is not Azure is no missing blob",
  async ({ driver, proxy }) => {
    const isHead = (request: SeenRequest) => request.method === "HEAD";
    proxy.inject(isHead, { kind: "answer", status: 404 });
    assert.equal((await failureOf(driver, driver.stat("x", {}))).kind, "io");
    proxy.inject(isHead, {
      kind: "answer",
      status: 404,
      headers: { "x-ms-error-code": "ContainerNotFound" },
    });
    assert.equal((await failureOf(driver, driver.stat("x", {}))).kind, "not_found");
    assert.equal(await driver.stat("x", {}), undefined);
  },
);

faultTest("an answer to another range than asked for is refused", async (place) => {
  const { driver, truth, proxy } = place;
  await write(truth, "x", SMALL);
  const headers = { "x-ms-request-id": "1" };
  proxy.inject(isGet, { kind: "answer", status: 200, headers, body: "the whole blob" });
  const read = async () => {
    for await (const _ of driver.read("x", { offset: 100, length: 10 })) { /* discard */ }
  };
  assert.equal((await failureOf(driver, read())).kind, "io");
  await read();
});

faultTest(
  "a copy whose answer is lost leaves exactly its copy",
  async ({ driver, truth, proxy }) => {
    await write(truth, "x", SMALL);
    assert.ok(driver.copy);
    proxy.inject((request) => "x-ms-copy-source" in request.headers, { kind: "lose_answer" });
    const copy = () =>
      driver.copy?.("x", "x.locked", {
        condition: { ifAbsent: true },
        metadata: { holder: "us" },
      }) ??
        Promise.reject(new Error("no copy"));
    assert.equal((await failureOf(driver, copy())).kind, "unavailable");
    assert.equal((await failureOf(driver, copy())).kind, "already_exists");
    assert.equal((await truth.stat("x.locked", {}))?.metadata?.holder, "us");
  },
);

faultTest("a page that a proxy shows as a success is believed in nothing", async (place) => {
  const { driver, truth, proxy } = place;
  await write(driver, "there", SMALL);
  const requests: Record<string, () => Promise<unknown>> = {
    "a write": () => write(driver, "x", SMALL),
    "an empty write": () => write(driver, "x", new Uint8Array()),
    "a block": async () => (await begin(driver, "x", LARGE)).put(0, LARGE, md5(LARGE)),
    "a look-up": () => driver.stat("there", {}),
    "a read": () => Array.fromAsync(driver.read("there", {})),
    "a listing": () => Array.fromAsync(driver.list("", { recursive: true })),
    "a removal": () => driver.remove("there", {}),
  };
  for (const [what, request] of Object.entries(requests)) {
    const match = (seen: SeenRequest) => what !== "a block" || isBlock(seen);
    const headers = { etag: '"page"', "content-type": "text/html" };
    proxy.inject(match, { kind: "answer", status: 200, headers, body: "<html>Blocked</html>" });
    const failure = await failureOf(driver, request());
    assert.equal(failure.kind, "unavailable", what);
    assert.match(
      failure.message ?? "",
      /something else than Azure Blob answered \(200, text/,
      what,
    );
    assert.match(failure.remedy ?? "", /HTTPS_PROXY/);
  }
  assert.deepEqual(await keys(truth), ["there"]);
});

faultTest(
  "an answer that belongs to another request is not taken for this one's",
  async (place) => {
    const { driver, truth, proxy } = place;
    const empty = new Uint8Array();
    proxy.inject(isPut, {
      kind: "answer",
      status: 201,
      headers: {
        etag: '"0x1"',
        "content-md5": Buffer.from(md5(empty)).toString("base64"),
        "x-ms-request-id": "1",
        "x-ms-client-request-id": "another",
      },
    });
    const failure = await failureOf(driver, write(driver, "x", empty));
    assert.deepEqual([failure.kind, await keys(truth)], ["unavailable", []]);
    await write(driver, "x", empty);
    assert.deepEqual(await keys(truth), ["x"]);
  },
);

Deno.test("the az driver: a service that nobody serves is worth waiting for", async () => {
  using driver = await openWithKey(azurite, { url: "http://127.0.0.1:9/devstoreaccount1" });
  assert.equal((await failureOf(driver, driver.stat("x", {}))).kind, "unavailable");
});
