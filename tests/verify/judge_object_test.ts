import assert from "node:assert/strict";
import { proofMetadata } from "../../src/transfer/proof.ts";
import { judgeContent, judgeObject } from "../../src/verify/judge_object.ts";

const MIB = 1024 * 1024;
const A = "0123456789abcdef0123456789abcdef";
const B = "ffffffffffffffffffffffffffffffff";
const bytesA = Uint8Array.fromHex(A);
const bytesB = Uint8Array.fromHex(B);

Deno.test("the listing decides as the table says", () => {
  const small = { size: 5, md5: A };
  const large = { size: 32 * MIB, md5: A };
  const metadata = proofMetadata({
    md5: A,
    size: 32 * MIB,
    level: "sender",
    version: "v1",
    stamp: "20260101000000",
  });
  const cases: [typeof small, Parameters<typeof judgeObject>[1], boolean, string][] = [
    [small, { size: 4, md5: bytesA }, true, "size_differs service"],
    [small, { size: 5 }, true, "md5_absent service"],
    [small, { size: 5 }, false, "unproven service"],
    [small, { size: 5, md5: bytesB }, true, "md5_differs service"],
    [small, { size: 5, md5: bytesA }, true, "equal service"],
    [large, { size: 32 * MIB, md5: bytesA }, true, "unproven service"],
    [large, { size: 32 * MIB, md5: bytesA, metadata }, true, "equal sender"],
    [large, { size: 32 * MIB, md5: bytesB, metadata }, true, "md5_differs service"],
    [
      large,
      { size: 32 * MIB, md5: bytesA, metadata: { ...metadata, chorus_md5: B } },
      true,
      "unproven service",
    ],
  ];
  for (const [row, object, stores, expected] of cases) {
    const verdict = judgeObject(row, object, stores);
    assert.equal(`${verdict.result} ${verdict.level}`, expected);
    assert.equal(verdict.reason === undefined, verdict.result === "equal");
  }
});

Deno.test("content decides over what is stored beside it", () => {
  const row = { size: 5, md5: A };
  const result = (object: Parameters<typeof judgeContent>[1], content: string) => {
    const { result, level } = judgeContent(row, object, content);
    return `${result} ${level}`;
  };
  assert.equal(result({ size: 5 }, A), "equal deep");
  assert.equal(result({ size: 5, md5: bytesA }, A), "equal deep");
  assert.equal(result({ size: 5, md5: bytesA }, B), "md5_differs deep");
  assert.equal(result({ size: 5 }, B), "md5_differs deep");
  // Whoever downloads it would find it broken.
  assert.equal(result({ size: 5, md5: bytesB }, A), "md5_differs deep");
  assert.equal(result({ size: 6, md5: bytesA }, A), "size_differs service");
});
