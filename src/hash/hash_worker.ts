/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** A worker of the pool. */

import { HashAgent, type HashJob } from "./hash_agent.ts";

const agent = new HashAgent((report) => {
  const { ids, digests, numbers } = report;
  self.postMessage(report, [ids.buffer, digests.buffer, numbers.buffer]);
});

self.onmessage = ({ data }: MessageEvent<HashJob>) => {
  agent.take(data);
};
