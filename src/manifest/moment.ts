/** Dates and times as tables write them: the clock of the site, without a zone. Pure. */

import { isDay, isTime } from "./record_name.ts";

/** A moment read from a table. */
export interface Moment {
  /** `YYYY-MM-DD` */
  date: string;
  /** `HH:MM:SS`, undefined where only a date is given. */
  time: string | undefined;
}

const DATE = /^(\d{4})-?(\d\d)-?(\d\d)/;
const TIME = /^(\d\d):?(\d\d)(?::?(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/**
 * Reads `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS]` (a `T` may stand between, parts
 * of a second and a zone may follow and are left out) and the same without
 * dashes and colons. Undefined for anything else, and for what doesn't exist.
 */
export function parseMoment(text: string): Moment | undefined {
  const day = DATE.exec(text);
  if (day === null) return undefined;
  const [whole, year, month, date] = day;
  if (!isDay(year + month + date)) return undefined;
  const moment = { date: `${year}-${month}-${date}`, time: undefined };
  const rest = text.slice(whole.length);
  if (rest === "") return moment;
  const clock = TIME.exec(rest.replace(/^(?:[T_]| +)/, ""));
  if (clock === null) return undefined;
  const [, hour, minute, second = "00"] = clock;
  if (!isTime(hour + minute + second)) return undefined;
  return { ...moment, time: `${hour}:${minute}:${second}` };
}
