import assert from "node:assert/strict";
import { parseByteSize } from "../../src/config/byte_size.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { formatBytes } from "../../src/report/format.ts";

Deno.test("parseByteSize reads decimal and binary units", () => {
  for (
    const [text, bytes] of [
      ["0", 0],
      ["512", 512],
      ["512B", 512],
      ["50k", 50_000],
      ["50M", 50_000_000],
      ["50MB", 50_000_000],
      ["50 mb", 50_000_000],
      ["1.5G", 1_500_000_000],
      ["64Ki", 65_536],
      ["1MiB", 1_048_576],
      ["2T", 2_000_000_000_000],
    ] as const
  ) assert.equal(parseByteSize(text), bytes, text);
});

Deno.test("parseByteSize means by M what the reports mean by MB", () => {
  assert.equal(formatBytes(parseByteSize("50M")), "50.0 MB");
});

Deno.test("parseByteSize refuses what is no number of bytes", () => {
  for (const text of ["", "M", "50X", "-1", "5 i", "5iB", "1,5M", "1e6"]) {
    assert.throws(
      () => parseByteSize(text),
      (error) => isChorusError(error, "config"),
      text,
    );
  }
});
