/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** A worker of the pool that dies of files whose name says so. */

import { HashAgent, type HashJob } from "../../src/hash/hash_agent.ts";

const agent = new HashAgent((report) => self.postMessage(report));

self.onmessage = async ({ data }: MessageEvent<HashJob>) => {
  const { paths } = data;
  const deadly = paths.findIndex((path) => path.endsWith("deadly"));
  if (deadly < 0) {
    await agent.take(data);
    return;
  }
  if (deadly > 0) {
    await agent.take({ ...data, paths: paths.slice(0, deadly) });
  }
  throw new Error("the worker's memory is gone");
};
