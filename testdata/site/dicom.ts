/**
 * DICOM files: preamble, file meta information and a data set in explicit VR
 * little endian (https://dicom.nema.org/medical/dicom/current/output/chtml/part10/chapter_7.html).
 */

import { isoDate } from "./calendar.ts";
import type { Random } from "./random.ts";

export interface DicomImage {
  /** SOP Class: what kind of image. */
  modality: "CT" | "DX" | "MR";
  patientId: string;
  studyUid: string;
  seriesUid: string;
  instanceUid: string;
  /** Of the study, milliseconds since 1970 UTC. */
  dateMs: number;
  instanceNumber: number;
  /** Rows and columns. */
  edge: number;
  /** What the pixels follow from. */
  pixels: Random;
}

/** https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5.html */
const SOP_CLASSES = {
  CT: "1.2.840.10008.5.1.4.1.1.2",
  DX: "1.2.840.10008.5.1.4.1.1.1.1",
  MR: "1.2.840.10008.5.1.4.1.1.4",
};
const EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
const IMPLEMENTATION_UID = "2.25.311230945771840713092354";
const PREAMBLE_BYTES = 128;
const BITS_STORED = 12;
/** More than all elements but the pixels take, bytes. */
const HEADER_CAPACITY = 2_048;

const encoder = new TextEncoder();

/** Elements one after the other in one buffer. */
class DataSet {
  #buffer: Uint8Array;
  #view: DataView;
  length = 0;

  constructor(capacity: number) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  /** A value of text, padded to an even length: UIDs with a zero, the rest with a space. */
  text(group: number, element: number, vr: string, value: string): void {
    const begin = this.#begin(group, element, vr) + 8;
    const { written } = encoder.encodeInto(value, this.#buffer.subarray(begin));
    if (written % 2 === 1) this.#buffer[begin + written] = vr === "UI" ? 0 : 0x20;
    this.#end(begin, written + written % 2);
  }

  number(group: number, element: number, vr: "US" | "UL", value: number): void {
    const begin = this.#begin(group, element, vr) + 8;
    if (vr === "US") this.#view.setUint16(begin, value, true);
    else this.#view.setUint32(begin, value, true);
    this.#end(begin, vr === "US" ? 2 : 4);
  }

  /** Bytes, an even number of them; their length has 32 bits. */
  binary(group: number, element: number, vr: "OB" | "OW", value: Uint8Array): void {
    const begin = this.#begin(group, element, vr) + 12;
    this.#buffer.set(value, begin);
    this.#view.setUint32(begin - 4, value.length, true);
    this.length = begin + value.length;
  }

  /** Tag and representation of the next element; where it begins. */
  #begin(group: number, element: number, vr: string): number {
    const begin = this.length;
    this.#view.setUint16(begin, group, true);
    this.#view.setUint16(begin + 2, element, true);
    this.#buffer[begin + 4] = vr.charCodeAt(0);
    this.#buffer[begin + 5] = vr.charCodeAt(1);
    return begin;
  }

  #end(begin: number, length: number): void {
    this.#view.setUint16(begin - 2, length, true);
    this.length = begin + length;
  }
}

/** The whole file's bytes. */
export function dicomFile(image: DicomImage): Uint8Array {
  const sopClass = SOP_CLASSES[image.modality];
  const meta = new DataSet(HEADER_CAPACITY);
  meta.binary(0x0002, 0x0001, "OB", Uint8Array.of(0, 1));
  meta.text(0x0002, 0x0002, "UI", sopClass);
  meta.text(0x0002, 0x0003, "UI", image.instanceUid);
  meta.text(0x0002, 0x0010, "UI", EXPLICIT_VR_LITTLE_ENDIAN);
  meta.text(0x0002, 0x0012, "UI", IMPLEMENTATION_UID);
  const metaLength = new DataSet(HEADER_CAPACITY);
  metaLength.number(0x0002, 0x0000, "UL", meta.length);

  const date = isoDate(image.dateMs).replaceAll("-", "");
  const data = new DataSet(HEADER_CAPACITY + image.edge * image.edge * 2);
  data.text(0x0008, 0x0005, "CS", "ISO_IR 192");
  data.text(0x0008, 0x0016, "UI", sopClass);
  data.text(0x0008, 0x0018, "UI", image.instanceUid);
  data.text(0x0008, 0x0020, "DA", date);
  data.text(0x0008, 0x0060, "CS", image.modality);
  data.text(0x0008, 0x0070, "LO", "chorus-upload test data");
  data.text(0x0010, 0x0010, "PN", `Synthetic^${image.patientId}`);
  data.text(0x0010, 0x0020, "LO", image.patientId);
  data.text(0x0020, 0x000d, "UI", image.studyUid);
  data.text(0x0020, 0x000e, "UI", image.seriesUid);
  data.text(0x0020, 0x0013, "IS", String(image.instanceNumber));
  data.number(0x0028, 0x0002, "US", 1);
  data.text(0x0028, 0x0004, "CS", "MONOCHROME2");
  data.number(0x0028, 0x0010, "US", image.edge);
  data.number(0x0028, 0x0011, "US", image.edge);
  data.number(0x0028, 0x0100, "US", 16);
  data.number(0x0028, 0x0101, "US", BITS_STORED);
  data.number(0x0028, 0x0102, "US", BITS_STORED - 1);
  data.number(0x0028, 0x0103, "US", 0);
  data.binary(0x7fe0, 0x0010, "OW", pixels(image.edge, image.pixels));

  const file = new Uint8Array(PREAMBLE_BYTES + 4 + metaLength.length + meta.length + data.length);
  encoder.encodeInto("DICM", file.subarray(PREAMBLE_BYTES));
  let offset = PREAMBLE_BYTES + 4;
  for (const { bytes } of [metaLength, meta, data]) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

/** A bright disc with noise, 16 bits a pixel. */
function pixels(edge: number, chance: Random): Uint8Array {
  const bytes = new Uint8Array(edge * edge * 2);
  const view = new DataView(bytes.buffer);
  const centre = edge >> 1;
  let noise = 0;
  for (let row = 0, offset = 0; row < edge; row++) {
    for (let column = 0; column < edge; column++, offset += 2) {
      const distance = (row - centre) * (row - centre) + (column - centre) * (column - centre);
      const base = distance * 9 < edge * edge ? 1_800 : 200;
      // Four pixels take their noise from one number.
      noise = column % 4 === 0 ? chance.next() : noise >>> 8;
      view.setUint16(offset, base + (noise & 0xff), true);
    }
  }
  return bytes;
}
