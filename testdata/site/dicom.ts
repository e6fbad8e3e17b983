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

const encoder = new TextEncoder();

/** Elements one after the other. */
class DataSet {
  readonly parts: Uint8Array[] = [];
  length = 0;

  /** A value of text, padded to an even length: UIDs with a zero, the rest with a space. */
  text(group: number, element: number, vr: string, value: string): void {
    const bytes = encoder.encode(value);
    const padded = new Uint8Array(bytes.length + bytes.length % 2);
    padded.fill(vr === "UI" ? 0 : 0x20);
    padded.set(bytes);
    this.#add(group, element, vr, padded);
  }

  number(group: number, element: number, vr: "US" | "UL", value: number): void {
    const bytes = new Uint8Array(vr === "US" ? 2 : 4);
    const view = new DataView(bytes.buffer);
    if (vr === "US") view.setUint16(0, value, true);
    else view.setUint32(0, value, true);
    this.#add(group, element, vr, bytes);
  }

  bytes(group: number, element: number, vr: "OB" | "OW", value: Uint8Array): void {
    this.#add(group, element, vr, value);
  }

  #add(group: number, element: number, vr: string, value: Uint8Array): void {
    const long = vr === "OB" || vr === "OW";
    const header = new Uint8Array(long ? 12 : 8);
    const view = new DataView(header.buffer);
    view.setUint16(0, group, true);
    view.setUint16(2, element, true);
    header.set(encoder.encode(vr), 4);
    if (long) view.setUint32(8, value.length, true);
    else view.setUint16(6, value.length, true);
    this.parts.push(header, value);
    this.length += header.length + value.length;
  }
}

/** The whole file's bytes. */
export function dicomFile(image: DicomImage): Uint8Array {
  const sopClass = SOP_CLASSES[image.modality];
  const meta = new DataSet();
  meta.bytes(0x0002, 0x0001, "OB", Uint8Array.of(0, 1));
  meta.text(0x0002, 0x0002, "UI", sopClass);
  meta.text(0x0002, 0x0003, "UI", image.instanceUid);
  meta.text(0x0002, 0x0010, "UI", EXPLICIT_VR_LITTLE_ENDIAN);
  meta.text(0x0002, 0x0012, "UI", IMPLEMENTATION_UID);
  const metaLength = new DataSet();
  metaLength.number(0x0002, 0x0000, "UL", meta.length);

  const date = isoDate(image.dateMs).replaceAll("-", "");
  const data = new DataSet();
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
  data.bytes(0x7fe0, 0x0010, "OW", pixels(image.edge, image.pixels));

  const file = new Uint8Array(PREAMBLE_BYTES + 4 + metaLength.length + meta.length + data.length);
  file.set(encoder.encode("DICM"), PREAMBLE_BYTES);
  let offset = PREAMBLE_BYTES + 4;
  for (const part of [...metaLength.parts, ...meta.parts, ...data.parts]) {
    file.set(part, offset);
    offset += part.length;
  }
  return file;
}

/** A bright disc with noise, 16 bits a pixel. */
function pixels(edge: number, chance: Random): Uint8Array {
  const bytes = new Uint8Array(edge * edge * 2);
  const view = new DataView(bytes.buffer);
  const centre = edge >> 1;
  for (let row = 0; row < edge; row++) {
    for (let column = 0; column < edge; column++) {
      const distance = (row - centre) * (row - centre) + (column - centre) * (column - centre);
      const base = distance * 9 < edge * edge ? 1_800 : 200;
      view.setUint16((row * edge + column) * 2, base + (chance.next() >>> 24), true);
    }
  }
  return bytes;
}
