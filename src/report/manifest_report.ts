import type { ManifestProblem } from "../manifest/check_manifest.ts";
import type { ExportedTable } from "../manifest/export_csv.ts";
import type {
  ManifestTotals,
  RegistryRow,
  UnassignedRecord,
  UnfitFile,
} from "../manifest/query_manifest.ts";
import type { GenerateSummary } from "../workflows/manifest_generate.ts";
import { failureLines, type FailureList } from "./failure_list.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatQuantity,
  formatTime,
  layOut,
  printable,
} from "./format.ts";
import { type Column, renderTable } from "./table.ts";

const RULES = {
  record: "one per record",
  visits: "the patient's visits",
  mapping: "the mapping file",
} as const;

/**
 * The summary of a run: files and records in numbers, what has no record or no
 * session, and the next step.
 *
 * @param columns of the terminal
 * @param program how the program was called: `chorus-upload -c config.toml`
 */
export function generateReport(
  summary: GenerateSummary,
  failures: FailureList,
  columns: number,
  program: string,
): string {
  const { counts, dryRun, manifest } = summary;
  const { files, records } = counts;
  const parts: (string | { table: string })[] = [
    `${dryRun ? "Would bring" : "Brought"} the manifest ${manifest} up to date from ` +
    `${summary.source === "journal" ? "the journal" : "the files"}: records by ` +
    `${summary.grouping}, sessions: ${RULES[summary.sessions]}`,
    "",
    {
      table: renderTable(
        [
          { title: "" },
          ...["new", "changed", "gone", "back", "kept", "now"].map((title) => ({
            title,
            align: "right" as const,
          })),
        ],
        [
          [
            "files",
            ...[files.added, files.changed, files.gone].map(formatCount),
            "",
            ...[files.kept, files.added + files.changed + files.kept].map(formatCount),
          ],
          [
            "records",
            formatCount(records.added),
            "",
            formatCount(records.ended),
            formatCount(records.back),
            formatCount(records.active - records.added - records.back),
            formatCount(records.active),
          ],
        ],
        columns,
      ),
    },
    "",
    `${formatCount(records.uploaded)} of ${
      formatQuantity(records.active, "record")
    } uploaded as they are now`,
    `Stamp of this run: ${summary.stampUs} (${formatTime(new Date(summary.stampUs / 1000))})`,
    `Looked at ${formatQuantity(summary.files, "file")} in ${formatDuration(summary.seconds)}, ` +
    (summary.hashed === 0
      ? "hashed none"
      : `hashed ${formatCount(summary.hashed)} of them (${formatBytes(summary.hashedBytes)})`),
  ];
  if (summary.visits !== undefined) {
    parts.push(`Read ${formatQuantity(summary.visits.visits, "visit")}`);
  }
  const unused = summary.unusedMappings;
  if (unused !== undefined && unused.count > 0) {
    const first = unused.first.map(({ file, line }) => `${printable(file)} (line ${line})`);
    parts.push(
      `${formatQuantity(unused.count, "line")} of the mapping file name${
        unused.count === 1 ? "s" : ""
      } no file that is there: ${first.join(", ")}${unused.count > first.length ? ", …" : ""}`,
    );
  }
  if (summary.leftAlone !== undefined) {
    const { files, reason } = summary.leftAlone;
    parts.push(`${formatQuantity(files, "file")} not found, but left as before: ${reason}`);
  }
  parts.push(...unfitLines(summary.unfit, counts.unfit));
  parts.push(...unassignedLines(summary.unassigned, counts.unassigned));
  if (failures.count > 0) {
    parts.push("", `${formatQuantity(failures.count, "problem")}:`, ...failureLines(failures));
  }
  parts.push("", nextStep(summary, failures, program));
  return layOut(parts, columns);
}

function unfitLines(first: readonly UnfitFile[], count: number): string[] {
  if (count === 0) return [];
  return [
    "",
    `${formatQuantity(count, "file")} without a record (table unfit_files):`,
    ...first.map(({ path, reason }) => `  ${printable(path)}: ${printable(reason)}`),
    ...more(count, first.length),
  ];
}

function unassignedLines(first: readonly UnassignedRecord[], count: number): string[] {
  if (count === 0) return [];
  return [
    "",
    `${formatQuantity(count, "record")} without a session (table unassigned_records):`,
    ...first.map(({ recordKey, reason }) => `  ${printable(recordKey)}: ${printable(reason)}`),
    ...more(count, first.length),
  ];
}

function more(count: number, shown: number): string[] {
  return count > shown ? [`  … and ${formatCount(count - shown)} more: manifest list --unfit`] : [];
}

function nextStep(
  { dryRun, manifest, leftAlone }: GenerateSummary,
  failures: FailureList,
  program: string,
): string {
  if (dryRun) return "Nothing was written. To do it, leave --dry-run away.";
  if (leftAlone?.reason === "not confirmed") {
    return "Is the share mounted? If the files are really gone, say --yes.";
  }
  if (failures.count > 0) return "Mend what failed, then run the same command again.";
  return `Next:  ${program} manifest list${
    manifest === "manifest.db" ? "" : ` --manifest ${manifest}`
  }`;
}

const REGISTRY_COLUMNS: readonly Column[] = [
  { title: "record", align: "right" },
  { title: "person", flexible: true },
  { title: "session", flexible: true },
  { title: "start" },
  { title: "files", align: "right" },
  { title: "uploaded in", flexible: true },
];

/** One page of the registry as a table. */
export function registryTable(rows: readonly RegistryRow[], columns: number): string {
  return renderTable(
    REGISTRY_COLUMNS,
    rows.map((row) => [
      String(row.recordId),
      row.personId,
      row.sessionId === String(row.recordId) ? "its own" : row.sessionId ?? "none",
      row.date === null ? "unknown" : `${row.date} ${row.time ?? ""}`.trimEnd(),
      row.isActive ? formatCount(row.files) : "gone",
      row.uploaddir ?? "",
    ]),
    columns,
  );
}

/** What follows the registry: the manifest in numbers. */
export function totalsReport(totals: ManifestTotals, columns: number): string {
  const gone = totals.records - totals.activeRecords;
  const parts = [
    "",
    `${formatQuantity(totals.activeRecords, "active record")} with ${
      formatQuantity(totals.activeFiles, "file")
    } of ${formatQuantity(totals.persons, "person")}, ${
      formatCount(totals.uploadedRecords)
    } uploaded` + (gone > 0 ? `; ${formatQuantity(gone, "record")} gone` : ""),
  ];
  if (totals.lastRunUs !== undefined) {
    parts.push(`Last run: ${formatTime(new Date(totals.lastRunUs / 1000))}`);
  }
  if (totals.unfit + totals.unassigned > 0) {
    parts.push(
      `${formatQuantity(totals.unfit, "file")} without a record, ${
        formatQuantity(totals.unassigned, "record")
      } without a session: --unfit lists them`,
    );
  }
  return layOut(parts, columns);
}

/** A file without a record as a line. */
export function unfitLine({ path, reason }: UnfitFile): string {
  return `${printable(path)}: ${printable(reason)}\n`;
}

/** A record without a session as a line. */
export function unassignedLine({ recordId, recordKey, reason }: UnassignedRecord): string {
  return `record ${recordId} (${printable(recordKey)}): ${printable(reason)}\n`;
}

/** A broken rule as a line. */
export function problemLine({ subject, problem }: ManifestProblem): string {
  return `${printable(subject)}: ${printable(problem)}\n`;
}

/** How a check ended. */
export function checkReport(problems: number, rules: number, totals: ManifestTotals): string {
  const what = `${formatQuantity(totals.records, "record")}, ${
    formatQuantity(totals.activeFiles, "active file")
  }, ${rules} rules`;
  return problems === 0
    ? `The manifest is sound (${what})\n`
    : `${formatQuantity(problems, "problem")} (${what})\n`;
}

/** What was exported. */
export function exportReport(tables: readonly ExportedTable[], columns: number): string {
  return renderTable(
    [{ title: "file", flexible: true }, { title: "rows", align: "right" }],
    tables.map(({ path, rows }) => [path, formatCount(rows)]),
    columns,
  );
}
