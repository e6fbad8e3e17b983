import assert from "node:assert/strict";
import { join } from "node:path";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { ReceiptFile, receiptOf } from "../../src/transfer/receipt.ts";
import type { Transfer } from "../../src/transfer/transfer.ts";

const transfer: Transfer = {
  fileId: 1,
  modality: "Images",
  version: "v1",
  folder: "7/Images",
  name: 'a "b"\n.dcm',
  path: '7/Images/a "b"\n.dcm',
  centralKey: 'v1/7/Images/a "b"\n.dcm',
  size: 5,
  md5: "0123456789abcdef0123456789abcdef",
};

Deno.test("receipts are one line of JSON each, added to what is there, readable by the owner only", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "receipts.ndjson");
    for (const stamp of ["20260101000000", "20260102000000"]) {
      await using file = await ReceiptFile.open(path);
      await file.write([]);
      await file.write([
        receiptOf({
          ok: true,
          transfer,
          action: "created",
          proof: "service",
          attempts: 2,
          seconds: 1.23456,
        }, stamp),
        receiptOf({
          ok: false,
          transfer,
          code: "already_exists",
          reason: "not ours",
          remedy: undefined,
          attempts: 1,
          seconds: 0,
        }, stamp),
      ]);
    }
    const lines = (await Deno.readTextFile(path)).split("\n");
    assert.equal(lines.pop(), "");
    assert.equal(lines.length, 4);
    assert.deepEqual(JSON.parse(lines[0] ?? ""), {
      path: transfer.path,
      modality: "Images",
      version: "v1",
      central_path: transfer.centralKey,
      size: 5,
      md5: transfer.md5,
      result: "created",
      proof: "service",
      attempts: 2,
      seconds: 1.235,
      stamp: "20260101000000",
    });
    const failed = JSON.parse(lines[3] ?? "");
    assert.deepEqual([failed.result, failed.proof, failed.reason], ["failed", null, "not ours"]);
    if (Deno.build.os !== "windows") {
      assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const present = receiptOf({
  ok: true,
  transfer,
  action: "present",
  proof: "deep",
  attempts: 0,
  seconds: 0,
}, "20260101000000");

Deno.test("a receipt that a crash cut off spoils none of those that follow", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "receipts.ndjson");
    await Deno.writeTextFile(path, '{"path":"whole"}\n{"path":"cut o');
    for (let run = 0; run < 2; run++) {
      await using file = await ReceiptFile.open(path);
      await file.write([present]);
    }
    const lines = (await Deno.readTextFile(path)).split("\n");
    assert.deepEqual(lines, [
      '{"path":"whole"}',
      '{"path":"cut o',
      JSON.stringify(present),
      JSON.stringify(present),
      "",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("receipts are added to no file that holds something else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "journal.db");
    await Deno.writeTextFile(path, "SQLite format 3\0");
    await assert.rejects(ReceiptFile.open(path), (error) => isChorusError(error, "usage"));
    assert.equal(await Deno.readTextFile(path), "SQLite format 3\0");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a receipt file that can't be made is an error before anything is sent", async () => {
  await assert.rejects(
    ReceiptFile.open("/nonexistent/folder/receipts.ndjson"),
    (error) => isChorusError(error, "io"),
  );
});

Deno.test({
  name: "a full disk under the receipts is named as that",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using file = await ReceiptFile.open("/dev/full");
    await assert.rejects(
      file.write([present]),
      (error) => isChorusError(error, "disk_full"),
    );
  },
});
