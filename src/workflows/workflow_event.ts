/** The one set of events that workflows emit and reporters print. */

export type Stage =
  | "check-out"
  | "scan"
  | "hash"
  | "journal"
  | "plan"
  | "upload"
  | "verify"
  | "check-in"
  | "manifest"
  | "generate";

export type WorkflowEvent =
  /** A stage began. Totals are undefined while unknown. */
  | {
    kind: "stage";
    stage: Stage;
    modality?: string;
    totalFiles?: number;
    totalBytes?: number;
  }
  /** Counts so far in the current stage, absolute, not increments. Sent often; reporters thin it out. */
  | {
    kind: "progress";
    stage: Stage;
    files: number;
    bytes: number;
    current?: string;
  }
  /** One item failed, the run goes on. */
  | {
    kind: "failure";
    stage: Stage;
    path: string;
    reason: string;
    remedy?: string;
  }
  /** Something the person should know, the run goes on. */
  | { kind: "warning"; message: string }
  /** Something worth a line. */
  | { kind: "notice"; message: string }
  /** Waiting for something outside: a service that is down, an expired sign-in. */
  | { kind: "waiting"; message: string; untilMs?: number };

/** Takes events; never throws, returns at once. */
export type Emit = (event: WorkflowEvent) => void;
