import type { JournalPhase, JournalStatus } from "../checkout/journal_status.ts";
import { describeHolder } from "../checkout/lock.ts";
import { formatBytes, formatQuantity, formatTime, wrapText } from "./format.ts";

/** What is in the journal, as far as `journal status` tells. */
export interface JournalContent {
  /** Which journal was read, one sentence. */
  origin: string;
  versions: number;
  active: number;
  toUpload: number;
  toUploadBytes: number;
  /** The version of an update that began and did not finish. */
  unfinishedUpdate: string | undefined;
}

const PHASES: Readonly<Record<JournalPhase, string>> = {
  in_place: "local, used in place; it needs no check-out",
  free: "in its place; nobody holds it",
  none: "there is none yet, and nobody is making one",
  held_here: "checked out here",
  held_here_by_predecessor: "checked out here, by the predecessor",
  taking_here: "a check-out from here was interrupted",
  returning_here: "a check-in from here was interrupted",
  held_elsewhere: "checked out elsewhere",
  unlocked_by_others: "it was checked out here, but somebody has unlocked it since",
};

/** Where the journal is, who holds it, what is not uploaded, whether this machine may go on. */
export function statusReport(
  status: JournalStatus,
  content: JournalContent | undefined,
  columns: number,
  runbook: string,
): string {
  const lines = [
    `Journal       ${status.location}`,
    `Working copy  ${status.workingCopy}${status.workingCopyExists ? "" : " (not there)"}`,
    `State         ${PHASES[status.phase]}`,
  ];
  if (status.lock !== undefined) {
    lines.push(`Holder        ${describeHolder(status.lock, (time) => formatTime(time))}`);
  }
  if (status.journalModified !== undefined) {
    const size = status.journalSize === undefined ? "" : `, ${formatBytes(status.journalSize)}`;
    lines.push(`Checked in    ${formatTime(status.journalModified)}${size}`);
  }
  if (content === undefined) lines.push("Content       nothing is journaled yet");
  else {
    lines.push(
      `Content       ${formatQuantity(content.versions, "version")}, ` +
        `${formatQuantity(content.active, "active file")}`,
      `Not uploaded  ${formatQuantity(content.toUpload, "file")}, ` +
        formatBytes(content.toUploadBytes),
    );
    if (content.unfinishedUpdate !== undefined) {
      lines.push(`Unfinished    the update of version ${content.unfinishedUpdate}`);
    }
  }
  lines.push(
    "",
    status.mayGoOn
      ? "Commands that write to the journal may go on here."
      : "Commands that write to the journal would be refused here.",
    `Next:  ${runbook} ${nextCommand(status, content)}`,
  );
  return lines.map((line) => wrapText(line, columns, 14)).join("\n") + "\n";
}

function nextCommand(status: JournalStatus, content: JournalContent | undefined): string {
  const unsent = status.mayGoOn && (content?.toUpload ?? 0) > 0;
  return unsent && content?.unfinishedUpdate === undefined && status.next === "journal update"
    ? "file upload"
    : status.next;
}
