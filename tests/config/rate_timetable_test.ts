import assert from "node:assert/strict";
import { parseRate } from "../../src/config/rate_timetable.ts";
import { isChorusError } from "../../src/errors/chorus_error.ts";

Deno.test("parseRate reads one rate for the whole day", () => {
  for (const text of ["50M", "50MB/s", " 50000000 "]) {
    assert.deepEqual(parseRate(text), [
      { fromMinute: 0, bytesPerSecond: 50_000_000 },
    ]);
  }
});

Deno.test("parseRate gives no limit for off, all day or at every time", () => {
  assert.equal(parseRate("off"), undefined);
  assert.equal(parseRate("08:00,off 18:00,OFF"), undefined);
});

Deno.test("parseRate puts a timetable in the order of the day", () => {
  assert.deepEqual(parseRate("18:00,off 8:00,50M 00:30,1.5Mi"), [
    { fromMinute: 30, bytesPerSecond: 1_572_864 },
    { fromMinute: 480, bytesPerSecond: 50_000_000 },
    { fromMinute: 1080, bytesPerSecond: Infinity },
  ]);
});

Deno.test("parseRate says what is wrong with a timetable", () => {
  for (
    const [text, what] of [
      ["fast", /"fast", which is not a rate/],
      ["", /"", which is not a rate/],
      ["0", /"0", at which nothing moves/],
      ["08:00,50M 18:00", /"18:00", which is not a time and a rate/],
      ["08:00,50M,60M", /not a time and a rate/],
      ["24:00,50M", /"24:00", which is not a time of day/],
      ["08:60,50M", /"08:60", which is not a time of day/],
      ["08:00,quick", /"quick", which is not a rate/],
      ["08:00,1M 8:00,2M", /names the time 0?8:00 twice/],
    ] as const
  ) {
    assert.throws(() => parseRate(text), (error) => {
      assert(isChorusError(error, "config"));
      assert.match(error.message, what);
      return true;
    }, text);
  }
});
