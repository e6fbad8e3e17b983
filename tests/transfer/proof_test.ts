import assert from "node:assert/strict";
import {
  judgeStoredMd5,
  md5Bytes,
  type ObjectProof,
  proofMetadata,
  readProof,
  UNCHECKED_FROM_BYTES,
} from "../../src/transfer/proof.ts";

const A = "0123456789abcdef0123456789abcdef";
const B = "ffffffffffffffffffffffffffffffff";
const proof: ObjectProof = {
  md5: A,
  size: 5,
  level: "sender",
  version: "v1",
  stamp: "20260101000000",
};

Deno.test("a proof survives the metadata, whose keys and values every service takes", () => {
  const metadata = proofMetadata(proof);
  assert.deepEqual(readProof(metadata), proof);
  for (const [key, value] of Object.entries(metadata)) {
    assert.match(key, /^[a-z][a-z0-9_]*$/);
    assert.match(value, /^[!-~]+$/);
  }
});

Deno.test("metadata that are not whole are no proof", () => {
  const metadata = proofMetadata(proof);
  assert.equal(readProof(undefined), undefined);
  assert.equal(readProof({}), undefined);
  for (
    const [key, value] of [
      ["chorus_md5", "x"],
      ["chorus_size", "-1"],
      ["chorus_proof", "deep"],
      ["chorus_proof", "believe me"],
    ]
  ) {
    assert.equal(
      readProof({ ...metadata, [key ?? ""]: value ?? "" }),
      undefined,
      `${key}=${value}`,
    );
  }
});

Deno.test("a stored MD5 counts only when somebody is known to have looked", () => {
  const metadata = proofMetadata(proof);
  const md5 = md5Bytes(A);
  assert.deepEqual(judgeStoredMd5({ size: 5, metadata }), { kind: "absent" });
  assert.deepEqual(judgeStoredMd5({ size: 5, md5, metadata }), {
    kind: "proven",
    md5: A,
    level: "sender",
  });
  assert.deepEqual(judgeStoredMd5({ size: 6, md5, metadata }), { kind: "unproven", md5: A });
  assert.deepEqual(judgeStoredMd5({ size: 5, md5: md5Bytes(B), metadata }), {
    kind: "unproven",
    md5: B,
  });
  assert.deepEqual(judgeStoredMd5({ size: UNCHECKED_FROM_BYTES - 1, md5 }), {
    kind: "proven",
    md5: A,
    level: "service",
  });
  assert.deepEqual(judgeStoredMd5({ size: UNCHECKED_FROM_BYTES, md5, metadata: { other: "1" } }), {
    kind: "unproven",
    md5: A,
  });
});
