import assert from "node:assert/strict";
import fc from "fast-check";
import { isDay, isNameFault, isTime, parseRecordName } from "../../src/manifest/record_name.ts";

const FITTING: readonly [string, string, string, number, string, string][] = [
  ["7_20240105_101500_60.dat", "7", "2024-01-05 10:15:00", 60, "7_20240105_101500_60", "dat"],
  [
    "00123_20240229_000000_1.hea",
    "00123",
    "2024-02-29 00:00:00",
    1,
    "00123_20240229_000000_1",
    "hea",
  ],
  [
    "p_01_x_20231231_235959_86400.edf.gz",
    "p_01_x",
    "2023-12-31 23:59:59",
    86400,
    "p_01_x_20231231_235959_86400",
    "edf.gz",
  ],
  [
    "_20240105_101500_60_20240105_101500_60.dat",
    "_20240105_101500_60",
    "2024-01-05 10:15:00",
    60,
    "_20240105_101500_60_20240105_101500_60",
    "dat",
  ],
  [
    "José_4_21500105_101500_0600.edf",
    "José_4",
    "2150-01-05 10:15:00",
    600,
    "José_4_21500105_101500_0600",
    "edf",
  ],
  [
    "a.b c_20240105_101500_60.001",
    "a.b c",
    "2024-01-05 10:15:00",
    60,
    "a.b c_20240105_101500_60",
    "001",
  ],
];

Deno.test("names that fit give person, start, length and what the files of a record share", () => {
  for (const [name, personId, start, length, stem, extension] of FITTING) {
    assert.deepEqual(parseRecordName(name), { personId, start, length, stem, extension }, name);
  }
});

const FAULTY: readonly [string, RegExp][] = [
  ["", /is not PERSONID/],
  ["notes.txt", /is not PERSONID/],
  ["7_20240105_101500.dat", /is not PERSONID/],
  ["7_january_101500_60.dat", /is not PERSONID/],
  ["_20240105_101500_60.dat", /no person/],
  ["7_20230229_101500_60.dat", /no day "20230229"/],
  ["7_20241301_101500_60.dat", /no day "20241301"/],
  ["7_20240100_101500_60.dat", /no day "20240100"/],
  ["7_00000101_101500_60.dat", /no day "00000101"/],
  ["7_2024015_101500_60.dat", /no day "2024015"/],
  ["7_20240105_240000_60.dat", /no time of day "240000"/],
  ["7_20240105_106000_60.dat", /no time of day "106000"/],
  ["7_20240105_10150_60.dat", /no time of day "10150"/],
  ["7_20240105_101500_sixty.dat", /"sixty" is no length/],
  ["7_20240105_101500_-5.dat", /"-5" is no length/],
  ["7_20240105_101500_.dat", /"" is no length/],
  ["7_20240105_101500_60.5.dat", /"60\.5" is no length/],
  ["7_20240105_101500_0.dat", /0 seconds/],
  ["7_20240105_101500_9999999999999999.dat", /is no length/],
  ["7_20240105_101500_60", /no extension/],
  ["7_20240105_101500_60.", /no extension/],
];

Deno.test("names that don't fit say why", () => {
  for (const [name, reason] of FAULTY) {
    const outcome = parseRecordName(name);
    assert.ok(isNameFault(outcome), `"${name}" fits`);
    assert.match(outcome.fault, reason, name);
  }
});

Deno.test("any person id comes back as it was written, with underscores, digits and line breaks", () => {
  const person = fc.string({ minLength: 1, unit: "grapheme" });
  fc.assert(fc.property(person, fc.integer({ min: 1, max: 1e9 }), (id, seconds) => {
    const outcome = parseRecordName(`${id}_20240105_101500_${seconds}.dat`);
    assert.ok(!isNameFault(outcome), JSON.stringify(outcome));
    assert.equal(outcome.personId, id);
    assert.equal(outcome.length, seconds);
  }));
});

Deno.test("days and times are those of the calendar and the clock", () => {
  const everyDay = new Set<string>();
  for (let ms = Date.UTC(1899, 11, 31); ms <= Date.UTC(1904, 2, 2); ms += 86_400_000) {
    everyDay.add(new Date(ms).toISOString().slice(0, 10).replaceAll("-", ""));
  }
  for (let year = 1900; year < 1904; year++) {
    for (let rest = 0; rest < 1400; rest++) {
      const text = `${year}${String(rest).padStart(4, "0")}`;
      assert.equal(isDay(text), everyDay.has(text), text);
    }
  }
  assert.ok(isDay("20000229") && !isDay("21000229"));
  assert.ok(isTime("000000") && isTime("235959"));
  for (const text of ["240000", "006000", "000060", "00000", "0000000", "ab0000"]) {
    assert.ok(!isTime(text), text);
  }
});
