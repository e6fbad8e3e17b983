import type { JournalChange } from "../journal/journal_row.ts";
import type { Profile, ProfileState } from "../journal/profile.ts";

const STATES: Readonly<Record<"added" | "updated" | "moved", ProfileState>> = {
  added: "ADDED",
  updated: "UPDATED",
  moved: "MOVED",
};

/**
 * Records in the profile what a page of changes says about durations and states.
 *
 * @param fileIds for each change the id of its new row, as the journal gave them
 */
export function profileChanges(
  profile: Profile,
  changes: readonly JournalChange[],
  fileIds: readonly (number | undefined)[],
): void {
  const hashes: { fileId: number; state: ProfileState; seconds: number }[] = [];
  const invalidated: { fileId: number; state: ProfileState }[] = [];
  changes.forEach((change, index) => {
    if (change.kind === "confirmed") return;
    if (change.kind === "deleted") {
      invalidated.push({ fileId: change.fileId, state: "DELETED" });
      return;
    }
    if (change.kind !== "added") invalidated.push({ fileId: change.old.fileId, state: "OUTDATED" });
    const fileId = fileIds[index];
    if (fileId === undefined) return;
    hashes.push({ fileId, state: STATES[change.kind], seconds: change.file.hashSeconds });
  });
  if (invalidated.length > 0) profile.recordStates(invalidated);
  if (hashes.length > 0) profile.recordHashes(hashes);
}
