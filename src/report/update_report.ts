import type { ModalityUpdate, UpdateSummary } from "../workflows/update_summary.ts";
import { failureLines, type FailureList } from "./failure_list.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatQuantity,
  layOut,
  printable,
} from "./format.ts";
import { renderTable } from "./table.ts";

const COLUMNS: readonly { title: string; of: (counts: ModalityUpdate) => number }[] = [
  { title: "new", of: (each) => each.added },
  { title: "changed", of: (each) => each.updated },
  { title: "touched", of: (each) => each.moved },
  { title: "gone", of: (each) => each.deleted },
  { title: "kept", of: (each) => each.kept + each.confirmed },
  { title: "failed", of: (each) => each.failed },
];

/**
 * The summary of an update: a table that can be pasted into an e-mail, what
 * needs attention, where the time went, and the next command of the runbook.
 *
 * @param columns of the terminal
 * @param runbook how the program was called, for the next command: `chorus-upload -c config.toml`
 */
export function updateReport(
  summary: UpdateSummary,
  failures: FailureList,
  columns: number,
  runbook: string,
): string {
  const { modalities, time } = summary;
  const rows = modalities.map((each) => rowOf(each.modality, [each]));
  if (modalities.length > 1) rows.push(rowOf("total", modalities));
  const sum = (of: (each: ModalityUpdate) => number) =>
    modalities.reduce((total, each) => total + of(each), 0);
  const hashed = sum((each) => each.hashedBytes);
  const parts: (string | { table: string })[] = [
    `${summary.dryRun ? "Would update" : "Updated"} the journal, version ${summary.version}` +
    `${summary.amended ? " (amended)" : ""}${summary.interrupted ? ", stopped early" : ""}`,
    "",
    {
      table: renderTable(
        [
          { title: "modality", flexible: true },
          ...COLUMNS.map(({ title }) => ({ title, align: "right" as const })),
          { title: "to send", align: "right" },
        ],
        rows,
        columns,
      ),
    },
    "",
    `Hashed ${formatBytes(hashed)} in ${formatDuration(time.total)}` +
    (hashed > 0 && time.total > 0 ? ` (${formatBytes(hashed / time.total)}/s)` : "") +
    `; time went into reading ${formatDuration(time.reading)} and hashing ` +
    `${formatDuration(time.hashing)} (all workers), ` +
    `journal ${formatDuration(time.journal)}, waiting ${formatDuration(time.waiting)}`,
  ];
  const suspicious = sum((each) => each.suspicious);
  if (suspicious > 0) {
    parts.push(`${formatQuantity(suspicious, "file")} changed in size but not in time`);
  }
  const young = sum((each) => each.tooYoung);
  if (young > 0) {
    parts.push(`${formatQuantity(young, "file")} younger than min_age: left for the next update`);
  }
  parts.push(...unmatchedLines(summary), ...attentionLines(summary, failures));
  parts.push("", nextStep(summary, failures, runbook));
  return layOut(parts, columns);
}

function rowOf(label: string, counts: readonly ModalityUpdate[]): string[] {
  return [
    label,
    ...COLUMNS.map(({ of }) => formatCount(counts.reduce((total, each) => total + of(each), 0))),
    formatBytes(counts.reduce((total, each) => total + each.newBytes, 0)),
  ];
}

function unmatchedLines({ unmatched }: UpdateSummary): string[] {
  const { files, skippedFolders, examples } = unmatched;
  if (files === 0 && skippedFolders === 0) return [];
  const parts: string[] = [];
  if (files > 0) {
    parts.push(
      `${formatQuantity(files, "file")} match${files === 1 ? "es" : ""} no modality`,
    );
  }
  if (skippedFolders > 0) {
    parts.push(`${formatQuantity(skippedFolders, "folder")} can't lead to a match, not read`);
  }
  const lines = [parts.join("; ") + ":"];
  for (const { folder, files, skipped } of examples) {
    const name = printable(folder === "." ? "the root itself" : `${folder}/`);
    lines.push(`  ${name}${skipped ? " (not read)" : `: ${formatQuantity(files, "file")}`}`);
  }
  const more = unmatched.folders - examples.length;
  if (more > 0) lines.push(`  … and ${formatQuantity(more, "other folder")}`);
  return lines;
}

function attentionLines(summary: UpdateSummary, failures: FailureList): string[] {
  const lines: string[] = [];
  for (const { modality, reason, rows } of summary.deletionsSkipped) {
    lines.push(
      `${modality}: ${formatQuantity(rows, "file")} not found, but left in the journal: ${reason}`,
    );
  }
  if (failures.count > 0) {
    lines.push("", `${formatQuantity(failures.count, "problem")}:`, ...failureLines(failures));
  }
  return lines;
}

function nextStep(
  summary: UpdateSummary,
  failures: FailureList,
  runbook: string,
): string {
  if (summary.interrupted) {
    return `Stopped; what is done is recorded. Go on with:  ${runbook} journal update`;
  }
  if (summary.dryRun) return `Nothing was written. To do it:  ${runbook} journal update`;
  if (failures.count > 0 && !summary.unsent) {
    return `Mend what failed, then again:  ${runbook} journal update --amend`;
  }
  return summary.unsent ? `Next:  ${runbook} file upload` : `Next:  ${runbook} file verify`;
}
