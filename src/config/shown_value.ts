/** Values of the file as messages may show them: never a secret. */

import { TomlDate } from "smol-toml";

const LONGEST = 60;

/**
 * Hides what is recognisably secret inside a text that is not one itself: the
 * password in a URL, a signature or an account key among parameters.
 */
export function maskText(text: string): string {
  return text
    .replace(/(:\/\/[^/?#@:]*):[^/?#@]*@/g, "$1:***@")
    .replace(
      /\b(sig|AccountKey|SharedAccessSignature|password|secret|token)=[^&;\s]*/gi,
      "$1=***",
    );
}

/** A text in quotes for a message: masked, shortened, in one line. */
export function quote(text: string): string {
  const masked = maskText(text);
  const short = masked.length > LONGEST ? masked.slice(0, LONGEST) + "…" : masked;
  return JSON.stringify(short);
}

/**
 * What was found in the place of something else.
 *
 * @param options `quoteText`: the text itself may be shown
 */
export function describeFound(
  value: unknown,
  options: { quoteText: boolean },
): string {
  if (typeof value === "string") {
    return options.quoteText ? quote(value) : "a text";
  }
  if (value instanceof TomlDate) return "a date or time";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "a table";
  return options.quoteText ? String(value) : `a ${typeof value}`;
}
