/**
 * WFDB records: a header, a signal file in format 16 and beat annotations
 * (https://wfdb.io/spec/header-files.html, https://wfdb.io/spec/signal-files.html,
 * https://wfdb.io/spec/annotation-files.html).
 */

import { compactTime, isoDate } from "./calendar.ts";
import {
  beatPeak,
  beatPeriod,
  channelsOf,
  frames,
  type Recording,
  sampleCount,
  samplesOf,
} from "./signal.ts";

const encoder = new TextEncoder();

/** Annotation codes: a normal beat, a premature ventricular one. */
const NORMAL = 1;
const PREMATURE = 5;

/** The `.hea` file. */
export function wfdbHeader(name: string, recording: Recording): Uint8Array {
  const { rate, startMs, revision } = recording;
  const channels = channelsOf(recording);
  const time = compactTime(startMs).replace(/(..)(..)(..)/, "$1:$2:$3");
  const date = isoDate(startMs).split("-").reverse().join("/");
  const lines = [`${name} ${channels.length} ${rate} ${sampleCount(recording)} ${time} ${date}`];
  channels.forEach(({ name: channel, unit, gain }, index) => {
    const { first, checksum } = summary(recording, index);
    lines.push(`${name}.dat 16 ${gain}(0)/${unit} 12 0 ${first} ${checksum} 0 ${channel}`);
  });
  lines.push(`# synthetic, revision ${String(revision).padStart(2, "0")}`);
  return encoder.encode(lines.join("\n") + "\n");
}

/** First sample and 16-bit sum of one channel. */
function summary(recording: Recording, channel: number): { first: number; checksum: number } {
  const next = samplesOf(recording, channel);
  const first = next();
  let sum = first;
  for (let count = sampleCount(recording); count > 1; count--) sum = (sum + next()) | 0;
  return { first, checksum: (sum << 16) >> 16 };
}

/** The `.dat` file. */
export function wfdbSignals(recording: Recording): Iterable<Uint8Array> {
  return frames(recording);
}

/** The `.atr` file: one annotation a beat; a revision marks another beat as premature. */
export function wfdbAnnotations(recording: Recording): Uint8Array {
  const period = beatPeriod(recording);
  const peak = beatPeak(recording);
  const beats = Math.floor((sampleCount(recording) - 1 - peak) / period) + 1;
  const bytes = new Uint8Array((beats + 1) * 2);
  const view = new DataView(bytes.buffer);
  for (let beat = 0; beat < beats; beat++) {
    const code = beat === recording.revision % beats ? PREMATURE : NORMAL;
    view.setUint16(beat * 2, (code << 10) | (beat === 0 ? peak : period), true);
  }
  return bytes;
}
