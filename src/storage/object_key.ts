/** What a key may look like in any store; pure. */

import type { DriverLimits } from "./driver.ts";

const encoder = new TextEncoder();

/** An empty segment, `.` or `..`; which one it is, is looked at only then. */
const ODD_SEGMENT = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** The most bytes that a code unit of a string becomes in UTF-8. */
const BYTES_PER_UNIT = 3;

// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Why no store of ours takes this key, one clause, else undefined.
 *
 * Backslashes are refused because Windows and some services read them as `/`;
 * control characters because listings in XML can't carry them.
 *
 * @param key relative to the store's location, `/` separated
 */
export function keyProblem(
  key: string,
  limits?: Pick<DriverLimits, "maxKeyBytes">,
): string | undefined {
  if (key === "") return "is empty";
  if (key.startsWith("/")) return "begins with a slash";
  if (key.endsWith("/")) return "ends with a slash";
  if (key.includes("\\")) return "holds a backslash";
  if (CONTROL.test(key)) return "holds a control character";
  if (!key.isWellFormed()) return "is not valid Unicode";
  if (ODD_SEGMENT.test(key)) {
    const odd = key.split("/").find((segment) => /^\.{0,2}$/.test(segment));
    return odd === "" ? "holds two slashes in a row" : `holds a "${odd}"`;
  }
  if (limits !== undefined && BYTES_PER_UNIT * key.length > limits.maxKeyBytes) {
    const bytes = encoder.encode(key).length;
    if (bytes > limits.maxKeyBytes) {
      return `is ${bytes} bytes long, ${limits.maxKeyBytes} are allowed`;
    }
  }
  return undefined;
}

/** Why this can't be a prefix to list, one clause, else undefined. `""` is one. */
export function prefixProblem(prefix: string): string | undefined {
  if (prefix === "") return undefined;
  if (!prefix.endsWith("/")) return "does not end with a slash";
  return keyProblem(prefix.slice(0, -1));
}
