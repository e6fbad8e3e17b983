import type { Stage } from "../workflows/workflow_event.ts";
import { formatBytes, formatCount, formatDuration, printable, shorten } from "./format.ts";

/** Counts of one stage, from which a progress line is drawn. */
export interface StageProgress {
  stage: Stage;
  modality?: string;
  startedMs: number;
  files: number;
  bytes: number;
  totalFiles?: number;
  totalBytes?: number;
  current?: string;
}

const VERBS: Readonly<Record<Stage, string>> = {
  "check-out": "checking out",
  scan: "scanning",
  hash: "hashing",
  journal: "journaling",
  plan: "planning",
  upload: "uploading",
  verify: "verifying",
  "check-in": "checking in",
  manifest: "registering",
  generate: "generating",
};

/**
 * One line about a stage: files, bytes, rate, time left. Fits `columns`: what
 * matters least is left out first.
 *
 * @param nowMs the current time, milliseconds
 */
export function progressLine(
  progress: StageProgress,
  nowMs: number,
  columns: number,
): string {
  const seconds = Math.max(0.001, (nowMs - progress.startedMs) / 1000);
  const { files, bytes, totalFiles, totalBytes } = progress;
  const parts: string[] = [];
  parts.push(
    VERBS[progress.stage] + (progress.modality ? ` ${progress.modality}` : ""),
  );
  parts.push(
    totalFiles === undefined
      ? `${formatCount(files)} files`
      : `${formatCount(files)}/${formatCount(totalFiles)} files`,
  );
  if (bytes > 0 || (totalBytes ?? 0) > 0) {
    parts.push(
      totalBytes === undefined
        ? formatBytes(bytes)
        : `${formatBytes(bytes)}/${formatBytes(totalBytes)}`,
    );
    if (seconds >= 1) parts.push(`${formatBytes(bytes / seconds)}/s`);
  } else if (seconds >= 1) {
    parts.push(`${formatCount(files / seconds)}/s`);
  }
  const left = secondsLeft(progress, seconds);
  parts.push(
    left === undefined ? formatDuration(seconds) : `${formatDuration(left)} left`,
  );
  let line = parts.join("  ");
  if (progress.current !== undefined) {
    const room = columns - line.length - 2;
    if (room >= 16) line += `  ${shorten(printable(progress.current), room)}`;
  }
  return shorten(line, columns);
}

/** Undefined until enough has happened to say it honestly. */
function secondsLeft(
  progress: StageProgress,
  seconds: number,
): number | undefined {
  const byBytes = progress.totalBytes !== undefined && progress.totalBytes > 0;
  const done = byBytes ? progress.bytes : progress.files;
  const total = byBytes ? progress.totalBytes : progress.totalFiles;
  if (total === undefined || done <= 0 || seconds < 3) return undefined;
  return Math.max(0, (total - done) * seconds / done);
}
