/** Numbers, times and names as a person reads them. Pure. */

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** `1234567` as `1.23 MB`, in powers of 1,000, three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `1234567` as `1,234,567`. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 file`, `2 files`, `1,000 files`. */
export function formatQuantity(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Seconds as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) {
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/**
 * A moment in the person's own zone, with the zone: `2026-11-22 17:03:20 GMT+1`.
 *
 * @param timeZone an IANA name; the system's zone when absent
 */
export function formatTime(when: Date, timeZone?: string): string {
  const parts = new Intl.DateTimeFormat("en-GB", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZone,
    timeZoneName: "short",
  }).formatToParts(when);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    parts.find((each) => each.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")} ` +
    `${part("hour")}:${part("minute")}:${part("second")} ${part("timeZoneName")}`;
}

/** An upload stamp `YYYYMMDDHHMMSS` (UTC) as a Date, undefined when it is not one. */
export function parseStamp(stamp: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(stamp);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/**
 * A name safe to print on one line: control characters, line separators and
 * characters that turn the writing direction are shown as escapes.
 */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) =>
      ESCAPES[character] ??
        `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Shortens a path in its middle to at most `columns` characters.
 */
export function shorten(text: string, columns: number): string {
  if (text.length <= columns) return text;
  if (columns < 5) return text.slice(0, Math.max(0, columns));
  const tail = Math.ceil((columns - 1) * 0.6);
  return `${text.slice(0, columns - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/**
 * Joins the parts of a report: tables stay as they are, sentences are wrapped.
 * An empty part is an empty line.
 */
export function layOut(
  parts: readonly (string | { table: string })[],
  columns: number,
): string {
  return parts.map((part) =>
    typeof part === "string" ? wrapText(part, columns, 2) + "\n" : part.table
  ).join("");
}

/**
 * Wraps plain text at spaces to `columns`. Lines keep their own indentation,
 * those that are broken off get `indent` more spaces.
 */
export function wrapText(text: string, columns: number, indent = 0): string {
  const width = Math.max(20, columns);
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    const margin = /^ */.exec(paragraph)?.[0] ?? "";
    let line = margin;
    let empty = true;
    for (const word of paragraph.slice(margin.length).split(" ")) {
      if (!empty && line.length + 1 + word.length > width) {
        lines.push(line);
        line = margin + " ".repeat(indent) + word;
      } else {
        line += empty ? word : ` ${word}`;
      }
      empty = false;
    }
    lines.push(line);
  }
  return lines.join("\n");
}
