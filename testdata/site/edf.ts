/** European Data Format (https://www.edfplus.info/specs/edf.html). */

import { compactDate, compactTime, isoDate } from "./calendar.ts";
import { channelsOf, type Recording, samplesOf } from "./signal.ts";

const MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const LEAST = -2048;
const MOST = 2047;

/**
 * The file: a header and one data record a second.
 *
 * @param patient what the header names the patient; ASCII
 */
export function* edfFile(
  recording: Recording,
  patient: string,
): Generator<Uint8Array, void, undefined> {
  yield header(recording, patient);
  const channels = channelsOf(recording);
  const samples = channels.map((_, channel) => samplesOf(recording, channel));
  const bytes = new Uint8Array(recording.rate * channels.length * 2);
  const view = new DataView(bytes.buffer);
  for (let second = 0; second < recording.seconds; second++) {
    let offset = 0;
    for (const next of samples) {
      for (let count = 0; count < recording.rate; count++, offset += 2) {
        view.setInt16(offset, next(), true);
      }
    }
    yield bytes;
  }
}

function header(recording: Recording, patient: string): Uint8Array {
  const { startMs, seconds, rate } = recording;
  const channels = channelsOf(recording);
  const [year, month, day] = isoDate(startMs).split("-");
  const every = (width: number, text: (channel: typeof channels[number]) => string) =>
    channels.map((channel) => text(channel).padEnd(width)).join("");
  const text = "0".padEnd(8) +
    `${patient} X X X`.padEnd(80) +
    `Startdate ${day}-${MONTHS[Number(month) - 1]}-${year} X X synthetic`.padEnd(80) +
    `${day}.${month}.${compactDate(startMs).slice(2, 4)}` +
    compactTime(startMs).replace(/(..)(..)(..)/, "$1.$2.$3") +
    String(256 * (channels.length + 1)).padEnd(8) +
    "".padEnd(44) +
    String(seconds).padEnd(8) +
    "1".padEnd(8) +
    String(channels.length).padEnd(4) +
    every(16, ({ name }) => name) +
    every(80, () => "synthetic") +
    every(8, ({ unit }) => unit) +
    every(8, ({ gain }) => String(LEAST / gain)) +
    every(8, ({ gain }) => String(MOST / gain)) +
    every(8, () => String(LEAST)) +
    every(8, () => String(MOST)) +
    every(80, () => "") +
    every(8, () => String(rate)) +
    every(32, () => "");
  return new TextEncoder().encode(text);
}
