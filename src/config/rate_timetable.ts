/** Rate limits: one rate, or a timetable of the day. */

import { ChorusError } from "../errors/chorus_error.ts";
import { parseByteSize } from "./byte_size.ts";
import type { RateStep, RateTimetable } from "./config.ts";

/** What a rate limit may look like, for messages. */
export const RATE_FORM =
  'bytes per second such as "50M", or a timetable such as "08:00,50M 18:00,off"';

/**
 * A rate limit from `50M` (bytes per second), `off`, or a timetable of local
 * times and rates: `08:00,50M 18:00,off`.
 *
 * @returns steps in the order of the day; undefined when there is no limit at any time
 * @throws ChorusError `config` when the text is neither
 */
export function parseRate(text: string): RateTimetable | undefined {
  const entries = text.trim().split(/\s+/);
  const steps = entries.length === 1 && !entries[0].includes(",")
    ? [{ fromMinute: 0, bytesPerSecond: parseOneRate(entries[0], text) }]
    : entries.map((entry) => parseStep(entry, text));
  steps.sort((left, right) => left.fromMinute - right.fromMinute);
  steps.forEach((step, index) => {
    if (index > 0 && steps[index - 1].fromMinute === step.fromMinute) {
      const time = entries.map((entry) => entry.split(",")[0])
        .find((each) => parseTime(each) === step.fromMinute);
      throw wrongRate(text, `names the time ${time} twice`);
    }
  });
  return steps.some((step) => step.bytesPerSecond !== Infinity) ? steps : undefined;
}

function parseStep(entry: string, text: string): RateStep {
  const [time, rate, ...more] = entry.split(",");
  if (rate === undefined || more.length > 0) {
    throw wrongRate(text, `holds "${entry}", which is not a time and a rate`);
  }
  const fromMinute = parseTime(time);
  if (fromMinute === undefined) {
    throw wrongRate(text, `holds "${time}", which is not a time of day`);
  }
  return { fromMinute, bytesPerSecond: parseOneRate(rate, text) };
}

function parseTime(time: string): number | undefined {
  const match = /^(\d{1,2}):(\d\d)$/.exec(time);
  if (match === null) return undefined;
  const [hour, minute] = [Number(match[1]), Number(match[2])];
  return hour < 24 && minute < 60 ? hour * 60 + minute : undefined;
}

function parseOneRate(rate: string, text: string): number {
  if (rate.toLowerCase() === "off") return Infinity;
  let bytes;
  try {
    bytes = parseByteSize(rate.replace(/\/s$/i, ""));
  } catch {
    throw wrongRate(text, `holds "${rate}", which is not a rate`);
  }
  if (bytes < 1) {
    throw wrongRate(text, `holds the rate "${rate}", at which nothing moves`);
  }
  return bytes;
}

function wrongRate(text: string, what: string): ChorusError {
  return new ChorusError("config", `The rate limit "${text}" ${what}.`, {
    subject: text,
    remedy: `Write ${RATE_FORM}; M is a million bytes.`,
  });
}
