import type { CommandRecord } from "../journal/command_history.ts";
import { formatDuration, formatTime, printable } from "./format.ts";

/** The recorded commands, oldest first: when, how long, what, with which folders. */
export function historyReport(records: readonly CommandRecord[]): string {
  if (records.length === 0) return "No command has changed this journal yet.\n";
  const lines: string[] = [];
  for (const record of records) {
    const duration = record.seconds === undefined ? "did not end" : formatDuration(record.seconds);
    lines.push(`${localTime(record.dateTime)}  (${duration})`);
    lines.push(
      `  ${printable([record.commonParams, record.command, record.params].join(" ").trim())}`,
    );
    for (const [modality, path] of pathsOf(record.sourcePaths)) {
      lines.push(`    ${printable(modality)}: ${printable(path)}`);
    }
    if (record.destinationPath !== "" && record.destinationPath !== "None") {
      lines.push(`    to ${printable(record.destinationPath)}`);
    }
  }
  return lines.join("\n") + "\n";
}

/** `2026-11-22 15:53:14 UTC` in the person's zone; other texts stay as they are. */
function localTime(dateTime: string): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(dateTime);
  return match === null ? printable(dateTime) : formatTime(new Date(`${match[1]}T${match[2]}Z`));
}

/** Root by modality; modalities that share a root on one line. */
function pathsOf(json: string): [string, string][] {
  let paths: unknown;
  try {
    paths = JSON.parse(json);
  } catch {
    return [];
  }
  if (typeof paths !== "object" || paths === null) return [];
  const byPath = new Map<string, string[]>();
  for (const [modality, path] of Object.entries(paths)) {
    byPath.set(String(path), [...byPath.get(String(path)) ?? [], modality]);
  }
  return [...byPath].map(([path, modalities]) => [modalities.join(", "), path]);
}
