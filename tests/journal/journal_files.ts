/** What the journal's tests share: fixtures, temporary journals, rows to write. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Journal } from "../../src/journal/journal.ts";
import type { JournalChange, JournalRow, NewRow } from "../../src/journal/journal_row.ts";
import { openJournal } from "../../src/journal/open_journal.ts";

/** The predecessor's journals. */
export const FIXTURES = fileURLToPath(new URL("../../../shared/fixtures/", import.meta.url));

/** True, with a line that says so, when the fixtures are not there. */
export const FIXTURES_ABSENT = isAbsent(FIXTURES);

function isAbsent(folder: string): boolean {
  try {
    Deno.statSync(folder);
    return false;
  } catch {
    return true;
  }
}

/** Appended to the names of tests that need the fixtures. */
export const FIXTURE_NOTE = FIXTURES_ABSENT ? " (skipped: ../shared/fixtures is absent)" : "";

/** A place where syncing thousands of small transactions costs nothing, where there is one. */
const IN_MEMORY = isAbsent("/dev/shm") ? {} : { dir: "/dev/shm" };

/** A folder that is removed when it is disposed. */
export class TemporaryFolder implements Disposable {
  readonly path: string;

  /** @param where `disk` for what a program without all permissions is to read: it may not read /dev */
  constructor(where: "memory" | "disk" = "memory") {
    this.path = Deno.makeTempDirSync({
      prefix: "chorus-journal-",
      ...(where === "memory" ? IN_MEMORY : {}),
    });
  }

  /** A path in it. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** Names of the files in it, sorted. */
  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  /** A writable copy of a fixture. */
  fixture(name: string, as = "journal.db"): string {
    Deno.writeFileSync(this.at(as), Deno.readFileSync(join(FIXTURES, name)));
    return this.at(as);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Opens a journal for writing, made when absent. */
export function writable(path: string): Journal {
  return openJournal(path, { access: "write", create: true });
}

/** An MD5 that stands for a content. */
export function md5Of(content: number): string {
  return content.toString(16).padStart(32, "0");
}

/** 2024, so that times are safely older than any hash of today. */
export const OLD_US = 1_704_449_700_123_000;

/** 2026. */
export const NOW_US = 1_795_362_794_546_903;

/** A new row, old enough to be trusted. */
export function newRow(name: string, overrides: Partial<NewRow> = {}): NewRow {
  return {
    name,
    personId: undefined,
    size: 10,
    mtimeUs: OLD_US,
    md5: md5Of(1),
    version: "v1",
    hashedUs: NOW_US,
    hashSeconds: 0.001,
    ...overrides,
  };
}

/** An addition under Images. */
export function added(folder: string, file: NewRow, modality = "Images"): JournalChange {
  return { kind: "added", modality, folder, file };
}

/** Every row, for small journals. */
export function allRows(journal: Journal, filter = {}): JournalRow[] {
  return [...journal.rows(filter)].flat();
}

/** `folder/name` of rows. */
export function pathsOf(rows: readonly { folder: string; name: string }[]): string[] {
  return rows.map(({ folder, name }) => `${folder}/${name}`).sort();
}
