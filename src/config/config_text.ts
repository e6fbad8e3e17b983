/** The configuration file's text, or a clear word about why there is none. */

import { ChorusError } from "../errors/chorus_error.ts";

/**
 * Reads the file as UTF-8.
 *
 * @param file path, relative to the current folder or absolute
 * @throws ChorusError `config` when it is missing, unreadable or in another encoding;
 *   `NotCapable` when Deno was not permitted to read it
 */
export async function readConfigText(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(file);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const missing = cause instanceof Deno.errors.NotFound;
    throw new ChorusError(
      "config",
      `The configuration file "${file}" ${missing ? "does not exist" : "can't be read"}.`,
      {
        subject: file,
        cause,
        remedy: missing
          ? "Run `chorus-upload config init` to write one, or name it with --config FILE."
          : "Check that it is a file that you may read.",
      },
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) ||
      (bytes[0] === 0xfe && bytes[1] === 0xff);
    throw new ChorusError(
      "config",
      `The configuration file "${file}" is ${utf16 ? "UTF-16" : "not UTF-8"}.`,
      { subject: file, remedy: "Save it again with the encoding UTF-8." },
    );
  }
}
