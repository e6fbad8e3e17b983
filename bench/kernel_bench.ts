/** How fast the MD5 kernel is in memory, on one core, beside `openssl speed md5`. */

import { createHash } from "node:crypto";
import process from "node:process";
import { md5Kernel, newSegment, type Segment } from "../src/hash/kernel/md5_kernel.ts";
import { createMd5, updateAll } from "../src/hash/digest.ts";
import { type Case, median, type Report } from "./case.ts";

const RUNS = 5;
const BYTES = 64 * 1024;
const SECONDS = 0.4;

/** Processor seconds of this process: what `openssl speed` counts too. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** MB per processor second of work that says how many bytes it hashed. */
function speed(work: () => number): number {
  const start = cpuSeconds();
  let bytes = 0;
  while (cpuSeconds() - start < SECONDS) bytes += work();
  return bytes / (cpuSeconds() - start) / 1e6;
}

/** Speed of hashing `count` messages side by side again and again. */
function kernelSpeed(count: number, address: number): number {
  const segments: Segment[] = Array.from({ length: count }, newSegment);
  return speed(() => {
    let bytes = 0;
    for (let round = 0; round < 8; round++) {
      segments.forEach((segment, lane) => {
        segment.address = address + lane * BYTES;
        segment.blocks = BYTES / 64;
      });
      md5Kernel.run(segments);
      bytes += count * BYTES;
    }
    return bytes;
  });
}

function streamSpeed(update: (bytes: Uint8Array) => void): number {
  const piece = new Uint8Array(1 << 20);
  return speed(() => {
    update(piece);
    return piece.length;
  });
}

/** MB/s that OpenSSL reaches with messages of 16 KiB, its best case. */
async function opensslSpeed(): Promise<number> {
  const { stdout } = await new Deno.Command("openssl", {
    args: ["speed", "-bytes", "16384", "-seconds", "1", "md5"],
    stderr: "null",
  }).output();
  const speed = /^md5\s+([\d.]+)k$/m.exec(new TextDecoder().decode(stdout));
  return Number(speed?.[1]) / 1000;
}

const cases: readonly (Case & { measure: (address: number) => number })[] = [
  {
    name: "kernel, 12 messages side by side in memory",
    goal: { ratio: 3.5, better: "more" },
    measure: (address) => kernelSpeed(12, address),
  },
  { name: "kernel, 8 messages", measure: (address) => kernelSpeed(8, address) },
  { name: "kernel, 4 messages", measure: (address) => kernelSpeed(4, address) },
  {
    name: "kernel, one message in memory",
    goal: { ratio: 1.05, better: "more" },
    measure: (address) => kernelSpeed(1, address),
  },
  {
    name: "createMd5, one stream",
    measure: () => {
      const md5 = createMd5();
      return streamSpeed((bytes) => md5.update(bytes));
    },
  },
  {
    name: "updateAll, two MD5s of one stream, bytes of the stream",
    measure: () => {
      const md5s = [createMd5(), createMd5()];
      return streamSpeed((bytes) => updateAll(md5s, bytes));
    },
  },
  {
    name: "node:crypto, one stream, for comparison",
    measure: () => {
      const md5 = createHash("md5");
      return streamSpeed((bytes) => md5.update(bytes));
    },
  },
];

/** Runs the cases; each ratio is the median of five, ours and OpenSSL's taken in turns. */
export async function run(report: Report): Promise<void> {
  const address = md5Kernel.reserve(12 * BYTES);
  crypto.getRandomValues(md5Kernel.memory.subarray(address, address + BYTES));
  // The optimizing compiler needs a moment to take over.
  for (const width of [1, 4, 8, 12]) kernelSpeed(width, address);
  const ours = cases.map((): number[] => []);
  const theirs: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    theirs.push(await opensslSpeed());
    cases.forEach(({ measure }, c) => ours[c].push(measure(address)));
  }
  md5Kernel.release(address, 12 * BYTES);
  cases.forEach(({ name, goal }, c) =>
    report({
      name,
      goal,
      ratio: median(ours[c].map((speed, i) => speed / theirs[i])),
      ours: `${median(ours[c]).toFixed(0)} MB/s`,
      peer: `openssl speed md5: ${median(theirs).toFixed(0)} MB/s`,
    })
  );
}

if (import.meta.main) {
  const { printReport } = await import("./case.ts");
  await run(printReport);
}
