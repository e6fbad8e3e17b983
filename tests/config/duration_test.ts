import assert from "node:assert/strict";
import { parseDuration } from "../../src/config/duration.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";

Deno.test("parseDuration adds up numbers with their units", () => {
  for (
    const [text, milliseconds] of [
      ["10m", 600_000],
      ["1ms", 1],
      ["500us", 0.5],
      ["1h30m", 5_400_000],
      ["1h 30m", 5_400_000],
      ["1.5s", 1500],
      ["2 d", 172_800_000],
      ["0s", 0],
    ] as const
  ) assert.equal(parseDuration(text), milliseconds, text);
});

Deno.test("parseDuration refuses what is no duration and says what would be one", () => {
  for (
    const text of ["", "10", "m", "10x", "-5m", "10m!", "1e3s", "ten m", "5constructor", "10 M"]
  ) {
    assert.throws(() => parseDuration(text), (error) => {
      assert(isChorusError(error, "config"));
      assert(error.message.includes(`"${text}"`));
      assert.match(error.remedy ?? "", /"10m"/);
      return true;
    }, text);
  }
});
