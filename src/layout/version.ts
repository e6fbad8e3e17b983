/** Version strings of submissions and upload stamps. */

import { ChorusError } from "../errors/chorus_error.ts";

const VERSION = /^(?=.{1,64}$)[A-Za-z0-9][A-Za-z0-9._-]*(?<!\.)$/;

/** What a version string may be, for messages. */
export const VERSION_RULE =
  "A version is 1 to 64 letters, digits, dots, underscores or hyphens, begins with a letter or digit and does not end in a dot.";

/** True when `text` may be a version: of a command line, or found in a path. */
export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/**
 * Gives `text` back when it may be a version.
 *
 * @throws ChorusError `usage` otherwise
 */
export function checkVersion(text: string): string {
  if (isVersion(text)) return text;
  throw new ChorusError("usage", `"${text}" can't be a version.`, {
    subject: text,
    remedy: VERSION_RULE,
  });
}

/** The name of a new version: local date and time, `YYYYMMDDHHMMSS`. */
export function newVersion(now: Date): string {
  return digits(now.getFullYear(), 4) + digits(now.getMonth() + 1, 2) +
    digits(now.getDate(), 2) + digits(now.getHours(), 2) +
    digits(now.getMinutes(), 2) + digits(now.getSeconds(), 2);
}

/** The stamp of an upload: UTC date and time, `YYYYMMDDHHMMSS`. */
export function stampUtc(moment: Date): string {
  return moment.toISOString().replace(/[-:T]|\..*$/g, "");
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
