/** A thread of the pool, as the pool sees it. */

import { HashAgent, type HashJob, type HashReport } from "./hash_agent.ts";

/** What the pool hears from a thread. */
export interface HashThreadEvents {
  report(report: HashReport): void;
  /** The thread is gone, with everything that it had to do. */
  died(message: string): void;
}

/** Takes jobs until it is terminated or dies. */
export interface HashThread {
  post(job: HashJob): void;
  terminate(): Promise<void>;
}

/** Makes a thread. */
export type StartHashThread = (events: HashThreadEvents) => HashThread;

/** The module of a worker. */
export const WORKER_MODULE = new URL("./hash_worker.ts", import.meta.url);

/** Starts a Web Worker. */
export function startWorker(events: HashThreadEvents, module: URL = WORKER_MODULE): HashThread {
  const worker = new Worker(module, { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<HashReport>) => events.report(data);
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    events.died(event.message);
  };
  worker.onmessageerror = () => {
    worker.terminate();
    events.died("A message to or from the worker could not be read");
  };
  return {
    post: (job) => worker.postMessage(job),
    terminate: () => {
      worker.terminate();
      return Promise.resolve();
    },
  };
}

/** Works in this thread, a few milliseconds at a time. */
export function startHere(events: HashThreadEvents): HashThread {
  const agent = new HashAgent((report) => events.report(report));
  return {
    post: (job) => {
      // Not before the caller has written down what it posted.
      queueMicrotask(() => {
        agent.take(job).catch((error) =>
          events.died(error instanceof Error ? error.message : String(error))
        );
      });
    },
    terminate: () => agent[Symbol.asyncDispose](),
  };
}
