/** Small readers of the formats that the synthetic site is made of, written from their definitions. */

import assert from "node:assert/strict";

/** A signal file as its WFDB header describes it. */
export interface WfdbHeader {
  record: string;
  signals: number;
  rate: number;
  samples: number;
  /** `DD/MM/YYYY HH:MM:SS` */
  start: string;
  channels: { file: string; format: string; first: number; checksum: number }[];
}

/** https://wfdb.io/spec/header-files.html */
export function readWfdbHeader(text: string): WfdbHeader {
  const lines = text.trimEnd().split("\n").filter((line) => !line.startsWith("#"));
  const [record, signals, rate, samples, time, date] = lines[0].split(" ");
  return {
    record,
    signals: Number(signals),
    rate: Number(rate),
    samples: Number(samples),
    start: `${date} ${time}`,
    channels: lines.slice(1).map((line) => {
      const [file, format, , , , first, checksum] = line.split(" ");
      return { file, format, first: Number(first), checksum: Number(checksum) };
    }),
  };
}

/** Checks a format 16 signal file against its header. */
export function checkWfdbSignals(bytes: Uint8Array, header: WfdbHeader): void {
  const { signals, samples, channels } = header;
  assert.equal(bytes.length, signals * samples * 2);
  assert.equal(channels.length, signals);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  channels.forEach(({ first, checksum }, channel) => {
    let sum = 0;
    for (let frame = 0; frame < samples; frame++) {
      sum += view.getInt16((frame * signals + channel) * 2, true);
    }
    assert.equal(view.getInt16(channel * 2, true), first);
    assert.equal((sum << 16) >> 16, checksum);
  });
}

/** Checks the sizes that an EDF header promises; https://www.edfplus.info/specs/edf.html */
export function checkEdf(bytes: Uint8Array, seconds: number): void {
  const text = new TextDecoder("ascii").decode(bytes.subarray(0, 256 * 4));
  const field = (from: number, width: number) => text.slice(from, from + width).trim();
  assert.equal(field(0, 8), "0");
  const signals = Number(field(252, 4));
  const headerBytes = Number(field(184, 8));
  assert.equal(headerBytes, 256 * (signals + 1));
  const records = Number(field(236, 8));
  assert.equal(records * Number(field(244, 8)), seconds);
  let recordBytes = 0;
  for (let signal = 0; signal < signals; signal++) {
    recordBytes += 2 * Number(field(256 + signals * 216 + signal * 8, 8));
  }
  assert.ok(recordBytes > 0);
  assert.equal(bytes.length, headerBytes + records * recordBytes);
}

/** Elements of a DICOM file in explicit VR little endian, as text or number, by `gggg,eeee`. */
export function readDicom(bytes: Uint8Array): Map<string, string | number> {
  const decoder = new TextDecoder();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert.equal(decoder.decode(bytes.subarray(128, 132)), "DICM");
  assert.ok(bytes.subarray(0, 128).every((byte) => byte === 0));
  const elements = new Map<string, string | number>();
  let before = -1;
  for (let offset = 132; offset < bytes.length;) {
    const group = view.getUint16(offset, true);
    const element = view.getUint16(offset + 2, true);
    assert.ok(group * 65_536 + element > before, "elements are in order");
    before = group * 65_536 + element;
    const vr = decoder.decode(bytes.subarray(offset + 4, offset + 6));
    const long = vr === "OB" || vr === "OW";
    const length = long ? view.getUint32(offset + 8, true) : view.getUint16(offset + 6, true);
    assert.equal(length % 2, 0, "lengths are even");
    offset += long ? 12 : 8;
    const value = bytes.subarray(offset, offset + length);
    assert.equal(value.length, length, "the file ends with an element");
    const key = [group, element].map((each) => each.toString(16).padStart(4, "0")).join(",");
    elements.set(
      key,
      vr === "US"
        ? view.getUint16(offset, true)
        : vr === "UL"
        ? view.getUint32(offset, true)
        : long
        ? length
        : decoder.decode(value).replace(/[ \0]$/, ""),
    );
    offset += length;
  }
  return elements;
}
