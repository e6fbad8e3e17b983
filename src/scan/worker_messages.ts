/** What the walk and the threads that read folders say to each other. */

import type { PlanSource } from "./scan_plan.ts";
import type { FolderAnswer, NumberedJob } from "./folder_job.ts";

/** To a worker. */
export type ToWorker =
  | {
    kind: "begin";
    plan: readonly PlanSource[];
    realRoot: string;
    stat: boolean;
  }
  | { kind: "read"; jobs: readonly NumberedJob[] };

/** From a worker. */
export type FromWorker =
  | { kind: "answers"; answers: readonly FolderAnswer[]; slow: boolean }
  | { kind: "failed"; message: string };
