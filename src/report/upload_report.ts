import type { ModalityUpload, UploadSummary } from "../workflows/upload_summary.ts";
import { failureLines, type FailureList } from "./failure_list.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatQuantity,
  formatTime,
  layOut,
  parseStamp,
} from "./format.ts";
import { renderTable } from "./table.ts";

/**
 * The summary of an upload: what went where, with which proof, what failed, and
 * the next command of the runbook.
 *
 * @param central where the files went, as configured
 * @param columns of the terminal
 * @param runbook how the program was called: `chorus-upload -c config.toml`
 */
export function uploadReport(
  summary: UploadSummary,
  failures: FailureList,
  central: string,
  columns: number,
  runbook: string,
): string {
  const { modalities } = summary;
  const sum = (of: (each: ModalityUpload) => number) =>
    modalities.reduce((total, each) => total + of(each), 0);
  const done = sum((each) => each.created + each.replaced + each.present);
  const rows = modalities.map((each) => rowOf(each.modality, [each]));
  if (modalities.length > 1) rows.push(rowOf("total", modalities));
  const headline = summary.dryRun
    ? `Would send to ${central}`
    : `Uploaded to ${central}${summary.interrupted ? ", stopped early" : ""}`;
  const parts: (string | { table: string })[] = [
    headline,
    "",
    {
      table: renderTable(
        [
          { title: "modality", flexible: true },
          { title: summary.dryRun ? "to send" : "sent", align: "right" },
          { title: "replaced", align: "right" },
          { title: "in place", align: "right" },
          { title: "failed", align: "right" },
          { title: "bytes", align: "right" },
        ],
        rows,
        columns,
      ),
    },
    "",
  ];
  if (!summary.dryRun) parts.push(...runLines(summary, sum((each) => each.sentBytes), done));
  if (summary.leftOver > 0) {
    parts.push(`${formatQuantity(summary.leftOver, "file")} still to be sent`);
  }
  if (failures.count > 0) {
    parts.push("", `${formatQuantity(failures.count, "failure")}:`, ...failureLines(failures));
  }
  parts.push("", nextStep(summary, failures, runbook));
  return layOut(parts, columns);
}

function runLines(summary: UploadSummary, sentBytes: number, done: number): string[] {
  const { time, stamp, versions, backups } = summary;
  const lines = [
    `Sent ${formatBytes(sentBytes)} in ${formatDuration(time.total)}` +
    (sentBytes > 0 ? ` (${formatBytes(sentBytes / Math.max(time.total, 0.001))}/s)` : "") +
    `; time went into planning ${formatDuration(time.planning)}, ` +
    `reading ${formatDuration(time.reading)}, hashing ${formatDuration(time.hashing)}, ` +
    `journal ${formatDuration(time.journal)}, sending and waiting ${formatDuration(time.waiting)}`,
  ];
  if (done > 0) {
    const when = parseStamp(stamp);
    lines.push(
      `${formatQuantity(done, "file")} proven and marked with ${stamp}` +
        (when === undefined ? "" : ` (${formatTime(when)})`),
    );
  }
  if (versions.length > 0) {
    lines.push(`Version${versions.length === 1 ? "" : "s"}: ${versions.join(", ")}`);
    if (!summary.interrupted && backups.length < versions.length) {
      lines.push("The journal's copy beside the data could not be written everywhere (see above)");
    }
  }
  return lines;
}

function rowOf(label: string, counts: readonly ModalityUpload[]): string[] {
  const sum = (of: (each: ModalityUpload) => number) =>
    counts.reduce((total, each) => total + of(each), 0);
  return [
    label,
    formatCount(sum((each) => each.created)),
    formatCount(sum((each) => each.replaced)),
    formatCount(sum((each) => each.present)),
    formatCount(sum((each) => each.failed)),
    formatBytes(sum((each) => each.bytes)),
  ];
}

function nextStep(summary: UploadSummary, failures: FailureList, runbook: string): string {
  if (summary.interrupted) {
    return `Stopped; what was proven is recorded. Go on with:  ${runbook} file upload`;
  }
  if (summary.dryRun) return `Nothing was sent. To do it:  ${runbook} file upload`;
  if (failures.count > 0) {
    return `Mend what failed, then again:  ${runbook} journal update --amend\n` +
      `                              ${runbook} file upload`;
  }
  return summary.leftOver > 0 ? `Next:  ${runbook} file upload` : `Next:  ${runbook} file verify`;
}
