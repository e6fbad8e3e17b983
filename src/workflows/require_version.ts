import { ChorusError } from "../errors/chorus_error.ts";
import type { Journal } from "../journal/journal.ts";

/** How many versions an error names, the newest ones. */
const NAMED = 5;

/**
 * Refuses a version that the journal doesn't have: a misspelled one would
 * otherwise look like a version without work to do.
 *
 * @param asked undefined for no restriction
 * @throws ChorusError `usage`
 */
export function requireVersion(journal: Journal, asked: string | undefined): void {
  if (asked === undefined) return;
  const versions = journal.versions().map(({ version }) => version);
  if (versions.includes(asked)) return;
  throw new ChorusError("usage", `The journal has no version "${asked}".`, {
    subject: asked,
    remedy: versions.length === 0
      ? "It has none yet: run `journal update` first."
      : `Its newest ones: ${versions.slice(-NAMED).join(", ")}.`,
  });
}
