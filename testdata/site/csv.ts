/** Comma-separated values (https://www.rfc-editor.org/rfc/rfc4180), with line feeds. */

/** A value of one field. */
export type Field = string | number | undefined;

/** Bytes gathered before they are handed on. */
const PIECE_CHARACTERS = 1 << 16;

/** One line. */
export function csvLine(fields: readonly Field[]): string {
  return fields.map((field) => {
    const text = field === undefined ? "" : String(field);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",") + "\n";
}

/** Lines as bytes, in pieces. */
export function* encodeLines(lines: Iterable<string>): Generator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  let text = "";
  for (const line of lines) {
    text += line;
    if (text.length < PIECE_CHARACTERS) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}
