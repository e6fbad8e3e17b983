/**
 * Names of waveform files: `PERSONID_STARTDATE_STARTTIME_LENGTH.extension`. Pure.
 */

/** What a fitting name says. */
export interface RecordName {
  /** As written; may hold underscores and leading zeros. */
  personId: string;
  /** `YYYY-MM-DD HH:MM:SS`, the clock of the site. */
  start: string;
  /** Seconds. */
  length: number;
  /** The name without its extension: files that share it belong to one recording. */
  stem: string;
  /** After the first dot behind the length, without that dot. */
  extension: string;
}

/** A name that doesn't fit, and why: the rest of a sentence about it. */
export interface NameFault {
  fault: string;
}

const FORM = "PERSONID_STARTDATE_STARTTIME_LENGTH.extension";

/** The person is what stands before the last three parts, underscores included. */
const PARTS = /^((.*)_([^_.]*)_([^_.]*)_([^_.]*))(?:\.(.*))?$/su;

/**
 * Reads a file's name.
 *
 * | part | must be |
 * | --- | --- |
 * | PERSONID | not empty; may hold underscores |
 * | STARTDATE | `YYYYMMDD`, a day that exists |
 * | STARTTIME | `HHMMSS`, 000000 to 235959 |
 * | LENGTH | whole seconds, at least 1 |
 * | extension | not empty; may hold dots |
 */
export function parseRecordName(name: string): RecordName | NameFault {
  const parts = PARTS.exec(name);
  if (parts === null) return { fault: `the name is not ${FORM}` };
  const [, stem, personId, date, time, length, extension] = parts;
  if (personId === "") return { fault: "the name has no person before the start date" };
  if (!/^\d+$/.test(date) || !/^\d+$/.test(time)) return { fault: `the name is not ${FORM}` };
  if (!isDay(date)) return { fault: `there is no day "${date}" (YYYYMMDD)` };
  if (!isTime(time)) return { fault: `there is no time of day "${time}" (HHMMSS)` };
  const seconds = Number(length);
  if (!/^\d{1,15}$/.test(length)) return { fault: `"${length}" is no length in whole seconds` };
  if (seconds === 0) return { fault: "a length of 0 seconds is none" };
  if (extension === undefined || extension === "") return { fault: "the name has no extension" };
  // `60.5.dat`: a fraction of a second would be taken for part of the extension.
  const fraction = /^\d+(?=\.)/.exec(extension)?.[0];
  if (fraction !== undefined) {
    return { fault: `"${length}.${fraction}" is no length in whole seconds` };
  }
  return { personId, start: `${dashed(date)} ${coloned(time)}`, length: seconds, stem, extension };
}

/** True when the outcome of {@linkcode parseRecordName} is a fault. */
export function isNameFault(outcome: RecordName | NameFault): outcome is NameFault {
  return "fault" in outcome;
}

/** True for `YYYYMMDD` of a day in the calendar. */
export function isDay(text: string): boolean {
  if (!/^\d{8}$/.test(text)) return false;
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(4, 6));
  const day = Number(text.slice(6));
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= days[month - 1];
}

/** True for `HHMMSS` of a time of day. */
export function isTime(text: string): boolean {
  return /^([01]\d|2[0-3])[0-5]\d[0-5]\d$/.test(text);
}

function dashed(date: string): string {
  return `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
}

function coloned(time: string): string {
  return `${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}`;
}
