import { createHash } from "node:crypto";

/**
 * The id of a record, from its key alone: the first 53 bits of
 * SHA-256(`<grouping>\n<key>`), so that every program can hold it as a number.
 *
 * Nothing else goes in, so the same record gets the same id on every machine,
 * in whatever order files are met, and again after a manifest was lost.
 *
 * @param grouping how files are grouped into records
 * @param key the record's key under that grouping, see `grouping.ts`
 * @param attempt 0; counts up where the id is another record's already (among
 *   10 million records the chance of one such pair is 1 in 180)
 */
export function recordIdOf(grouping: string, key: string, attempt: number): number {
  const text = `${grouping}\n${key}${attempt === 0 ? "" : `\n${attempt}`}`;
  const digest = createHash("sha256").update(text).digest();
  const id = digest.readUIntBE(0, 6) * 32 + (digest[6] >> 3);
  return id === 0 ? 1 : id;
}
