/** Names that a folder can't hold. */

import { isOwnName } from "./own_names.ts";

/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
const WINDOWS_FORBIDDEN = /[<>:"|?*]/;

/** Most file systems' limit for one name, bytes on POSIX, UTF-16 units on Windows. */
const LONGEST_NAME = 255;

/**
 * Why a key can't be a file here, one clause, else undefined.
 *
 * @param windows whether Windows' rules hold
 */
export function nameProblem(
  key: string,
  windows: boolean,
): string | undefined {
  for (const name of key.split("/")) {
    const length = windows ? name.length : new TextEncoder().encode(name).length;
    if (length > LONGEST_NAME) {
      return `holds a part that is ${length} ${
        windows ? "characters" : "bytes"
      } long, ${LONGEST_NAME} are allowed`;
    }
    if (isOwnName(name)) {
      return `holds "${name}", which looks like a temporary file of this program`;
    }
    if (!windows) continue;
    const forbidden = WINDOWS_FORBIDDEN.exec(name)?.[0];
    if (forbidden !== undefined) {
      return `holds ${forbidden}, which Windows does not allow`;
    }
    if (/[. ]$/.test(name)) {
      return "holds a part that ends in a dot or a space, which Windows drops";
    }
    if (WINDOWS_DEVICE.test(name)) {
      return `holds "${name}", which is a device on Windows`;
    }
  }
  return undefined;
}
