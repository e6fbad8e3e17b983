import type { VerifySummary } from "../workflows/verify_files.ts";
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

/** Objects that the journal doesn't know: how many, and the first few. */
export interface UnknownObjects {
  count: number;
  examples: readonly string[];
}

/**
 * The summary of a verification: what is proven, what is not, what is wrong,
 * and the next command of the runbook.
 */
export function verifyReport(
  summary: VerifySummary,
  failures: FailureList,
  unknown: UnknownObjects,
  options: { central: string; columns: number; runbook: string; strict: boolean },
): string {
  const { tally, versions } = summary;
  if (versions.length === 0) {
    return `Nothing is uploaded yet.\nNext:  ${options.runbook} file upload\n`;
  }
  const rows = [
    ["equal", tally.equal, "right content, proven"],
    ["unproven", tally.unproven, unprovenNote(summary)],
    ["missing", tally.missing, "not in the store"],
    ["different", tally.differs, "other size or content"],
    ["without MD5", tally.md5Absent, "the store should have one"],
    ["not verifiable", tally.unverifiable, "could not be looked at"],
    ["unknown", tally.unknown, "in the store, not in the journal"],
  ] as const;
  const parts: (string | { table: string })[] = [
    `Verified ${options.central}, version${versions.length === 1 ? "" : "s"} ` +
    `${versions.join(", ")}${summary.interrupted ? ", stopped early" : ""}`,
    "",
    {
      table: renderTable(
        [
          { title: "result" },
          { title: "files", align: "right" },
          { title: "meaning", flexible: true },
        ],
        rows.filter(([label, count]) => count > 0 || label === "equal")
          .map(([label, count, note]) => [label, formatCount(count), note]),
        options.columns,
      ),
    },
    "",
    `${formatQuantity(tally.files, "file")} compared in ${formatDuration(summary.seconds)}` +
    (summary.readBytes > 0 ? `; ${formatBytes(summary.readBytes)} read and hashed` : "") +
    (summary.recorded ? "; the results are remembered in the journal" : ""),
  ];
  if (unknown.count > 0) {
    parts.push("", "Not in the journal:");
    for (const key of unknown.examples) parts.push(`  ${printable(key)}`);
    if (unknown.count > unknown.examples.length) {
      parts.push(`  … and ${formatCount(unknown.count - unknown.examples.length)} more`);
    }
  }
  if (failures.count > 0) {
    parts.push("", `${formatQuantity(failures.count, "failure")}:`, ...failureLines(failures));
  }
  parts.push("", nextStep(summary, options));
  return layOut(parts, options.columns);
}

function unprovenNote(summary: VerifySummary): string {
  return summary.sizesOnly
    ? "right size; this store keeps no MD5"
    : "right MD5 stored, but nobody checked it";
}

function nextStep(
  summary: VerifySummary,
  { runbook, strict }: { runbook: string; strict: boolean },
): string {
  const { tally } = summary;
  if (summary.interrupted) {
    return `Stopped. Go on with:  ${runbook} file verify${summary.deep ? " --deep --resume" : ""}`;
  }
  if (tally.failed(strict)) {
    return "What is missing or different has to be found out before the submission counts: " +
      "was something removed or replaced in the store?";
  }
  const remedy = tally.unproven > 0 ? `To prove the content:  ${runbook} file verify --deep\n` : "";
  return `${remedy}Next:  ${runbook} journal checkin`;
}
