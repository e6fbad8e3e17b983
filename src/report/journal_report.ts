import type { VersionSummary } from "../journal/summary.ts";
import { formatBytes, formatCount } from "./format.ts";
import { type Column, renderTable } from "./table.ts";

const right = (title: string): Column => ({ title, align: "right" });

const COLUMNS: readonly Column[] = [
  { title: "version", flexible: true },
  right("rows"),
  right("persons"),
  right("files"),
  right("active"),
  right("to upload"),
  right("to send"),
];

/** Per version, and below it per modality: rows, persons, files, active, to upload. */
export function journalReport(versions: readonly VersionSummary[], columns: number): string {
  if (versions.length === 0) return "Nothing is journaled.\n";
  const rows = versions.flatMap((version) => [
    [
      version.version,
      formatCount(version.rows),
      formatCount(version.persons),
      formatCount(version.files),
      formatCount(version.active),
      formatCount(version.toUpload),
      formatBytes(version.toUploadBytes),
    ],
    ...version.modalities.map((each) => [
      `  ${each.modality || "(no modality)"}`,
      "",
      "",
      formatCount(each.files),
      formatCount(each.active),
      formatCount(each.toUpload),
      formatBytes(each.toUploadBytes),
    ]),
  ]);
  return renderTable(COLUMNS, rows, columns);
}
