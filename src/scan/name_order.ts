/**
 * Puts names in ascending order of their UTF-8 bytes, in place: the order of
 * SQLite's BINARY collation.
 */
export function sortByUtf8(names: string[]): string[] {
  // UTF-16 order is the same, except where surrogate pairs meet U+E000 to U+FFFF.
  return names.some((name) => /[\ud800-\udfff]/.test(name))
    ? names.sort(compareCodePoints)
    : names.sort();
}

function compareCodePoints(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length;) {
    const left = a.codePointAt(at) ?? 0;
    const right = b.codePointAt(at) ?? 0;
    if (left !== right) return left - right;
    at += left > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}
