/** Samples of a recording, whole numbers made of whole numbers. */

import { Random } from "./random.ts";

/** What a device records. */
export type SignalKind = "ecg" | "vitals" | "eeg";

/** How one channel is stored. */
export interface Channel {
  name: string;
  unit: string;
  /** Stored numbers per unit. */
  gain: number;
}

/** The channels of a kind; the last one is only there in an enlarged recording. */
const CHANNELS: Readonly<Record<SignalKind, readonly Channel[]>> = {
  ecg: [
    { name: "ECG_I", unit: "mV", gain: 200 },
    { name: "ECG_II", unit: "mV", gain: 200 },
    { name: "RESP", unit: "mV", gain: 200 },
  ],
  vitals: [
    { name: "HR", unit: "bpm", gain: 1 },
    { name: "SpO2", unit: "%", gain: 1 },
    { name: "RR", unit: "bpm", gain: 1 },
  ],
  eeg: [
    { name: "EEG Fpz-Cz", unit: "uV", gain: 10 },
    { name: "EEG Pz-Oz", unit: "uV", gain: 10 },
    { name: "EOG", unit: "uV", gain: 10 },
  ],
};

/** A recording without its container. */
export interface Recording {
  kind: SignalKind;
  /** What its samples follow from. */
  key: string;
  /** Of the first sample, milliseconds since 1970 UTC. */
  startMs: number;
  seconds: number;
  /** Samples per second and channel; `seconds` times it is a whole number. */
  rate: number;
  /** True: one channel more. */
  enlarged: boolean;
  /** Grows with every change of content. */
  revision: number;
}

export function channelsOf({ kind, enlarged }: Recording): readonly Channel[] {
  return enlarged ? CHANNELS[kind] : CHANNELS[kind].slice(0, -1);
}

/** Samples of one channel. */
export function sampleCount({ seconds, rate }: Recording): number {
  return Math.round(seconds * rate);
}

/** Samples from one heart beat to the next. */
export function beatPeriod({ key, rate }: Recording): number {
  return Math.floor(rate * new Random(key, "beat").between(60, 100) / 100);
}

/** Samples from the start of a beat's period to its peak. */
export function beatPeak(recording: Recording): number {
  return Math.floor(beatPeriod(recording) * 33 / 100);
}

/** The samples of one channel, one per call. All lie between -2048 and 2047. */
export function samplesOf(recording: Recording, channel: number): () => number {
  const chance = new Random(recording.key, "samples", recording.revision, channel);
  if (recording.kind === "vitals") return vitals(chance, channel);
  if (recording.kind === "eeg") return eeg(chance);
  return ecg(chance, beatPeriod(recording), channel);
}

function ecg(chance: Random, period: number, channel: number): () => number {
  const beat = beatShape(period, 220 - channel * 60);
  let position = 0;
  return () => {
    const value = beat[position] + (chance.next() >>> 28) - 8;
    position = position + 1 === period ? 0 : position + 1;
    return value;
  };
}

/** One heart beat without noise: its three waves. */
function beatShape(period: number, height: number): Int16Array {
  const at = (percent: number) => Math.floor(period * percent / 100);
  return Int16Array.from(
    { length: period },
    (_, position) =>
      bump(position - at(10), at(12), 25) +
      bump(position - at(30), at(6), height) +
      bump(position - at(50), at(22), 45),
  );
}

/** A parabola over `width` samples. */
function bump(position: number, width: number, height: number): number {
  if (position <= 0 || position >= width) return 0;
  return Math.floor(4 * height * position * (width - position) / (width * width));
}

function vitals(chance: Random, channel: number): () => number {
  const [least, most] = [[55, 130], [88, 100], [8, 30]][channel];
  let value = chance.between(least, most);
  return () => {
    value = Math.min(most, Math.max(least, value + chance.below(3) - 1));
    return value;
  };
}

function eeg(chance: Random): () => number {
  let value = 0;
  return () => {
    value += (chance.next() >>> 24) - 128 - (value >> 3);
    return Math.min(2047, Math.max(-2048, value));
  };
}

/** Interleaved frames, 16 bits a sample, little endian, in pieces that share one buffer. */
export function* frames(recording: Recording): Generator<Uint8Array, void, undefined> {
  const samples = channelsOf(recording).map((_, channel) => samplesOf(recording, channel));
  const total = sampleCount(recording);
  const most = Math.min(total, 1 << 14);
  const bytes = new Uint8Array(most * samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (let done = 0; done < total;) {
    const count = Math.min(most, total - done);
    let offset = 0;
    for (let frame = 0; frame < count; frame++) {
      for (const next of samples) {
        view.setInt16(offset, next(), true);
        offset += 2;
      }
    }
    yield bytes.subarray(0, offset);
    done += count;
  }
}
