/**
 * A process of its own for the journal's tests: opens the journal for writing
 * and says `open`; then, with `hold`, keeps it open until its input ends, or
 * writes pages of 100 rows and says each one's number, until it is killed.
 */

import { added, newRow, NOW_US, writable } from "./journal_files.ts";

export const ROWS_PER_PAGE = 100;

if (import.meta.main) {
  const [path, mode] = Deno.args;
  using journal = writable(path ?? "");
  say("open");
  if (mode === "hold") {
    for await (const _ of Deno.stdin.readable);
  } else {
    for (let page = 1;; page++) {
      const rows = Array.from(
        { length: ROWS_PER_PAGE },
        (_, at) => added(`p${page}/Images`, newRow(`f${at}`)),
      );
      journal.writePage(rows, NOW_US + page);
      say(String(page));
    }
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
