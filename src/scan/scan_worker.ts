/**
 * A thread that reads folders. It is told the plan once and then folders, and
 * sends what it finds in few messages.
 */

import { FileCalls } from "./file_calls.ts";
import { type ReadContext, readFolder } from "./read_folder.ts";
import { ReadingPace } from "./reading_pace.ts";
import { ScanPlan } from "./scan_plan.ts";
import type { FolderAnswer, NumberedJob } from "./folder_job.ts";
import type { FromWorker, ToWorker } from "./worker_messages.ts";

/** What is known of the worker's own scope here; the compiler takes this file for a page's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}

const scope = self as unknown as WorkerScope;

/** Files, or answers, that make a message worth sending. */
const FULL = { files: 2_000, answers: 64 };
/** Milliseconds that an answer may wait for company. */
const PATIENCE_MS = 2;
/** Files from which moving their numbers is cheaper than copying them. */
const WORTH_MOVING = 64;

const queue: NumberedJob[] = [];
const outbox: FolderAnswer[] = [];
const begun = Promise.withResolvers<ReadContext>();
const pace = new ReadingPace();
let calls: FileCalls | undefined;
let active = 0;
let filesInOutbox = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

scope.onmessage = ({ data }) => {
  if (data.kind === "begin") {
    begun.resolve(begin(data));
    return;
  }
  queue.push(...data.jobs);
  addLanes();
};

async function begin({ plan, realRoot, stat }: ToWorker & { kind: "begin" }): Promise<ReadContext> {
  calls = new FileCalls();
  return { plan: await ScanPlan.compile(plan), realRoot, stat, calls, stopped: false };
}

/** Has as many folders of the queue read side by side as the pace allows. */
function addLanes(): void {
  const lanes = Math.min(lanesAllowed() - active, queue.length);
  for (let lane = 0; lane < lanes; lane++) readOn();
}

function lanesAllowed(): number {
  return pace.sideBySide(calls?.slow ?? false);
}

/** Reads folders of the queue one after the other while there are any and the pace allows. */
async function readOn(): Promise<void> {
  active++;
  try {
    const context = await begun.promise;
    while (active <= lanesAllowed()) {
      const next = queue.shift();
      if (next === undefined) break;
      const { id, job } = next;
      const end = await readFolder(job, context, {
        files: (columns) => put({ id, columns }),
        problem: (problem) => put({ id, problem }),
      });
      put({ id, end });
      addLanes();
    }
  } catch (error) {
    scope.postMessage({ kind: "failed", message: String(error) });
  }
  active--;
  if (active === 0) send();
}

function put(answer: FolderAnswer): void {
  outbox.push(answer);
  pace.note(answer);
  if ("columns" in answer) filesInOutbox += answer.columns.count;
  if (filesInOutbox >= FULL.files || outbox.length >= FULL.answers) send();
  else timer ??= setTimeout(send, PATIENCE_MS);
}

function send(): void {
  clearTimeout(timer);
  timer = undefined;
  if (outbox.length === 0) return;
  const answers = outbox.splice(0);
  filesInOutbox = 0;
  const moved = answers.flatMap((answer) =>
    "columns" in answer && answer.columns.count >= WORTH_MOVING
      ? [answer.columns.numbers.buffer]
      : []
  );
  scope.postMessage(
    { kind: "answers", answers, slow: calls?.slow ?? false },
    moved,
  );
}
