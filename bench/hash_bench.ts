/** How fast trees and a large file are hashed, whole processes, beside `md5sum` and `openssl md5`. */

import { join } from "node:path";
import { type Case, inTurns, median, type Report } from "./case.ts";

const HASH_TREE = new URL("./hash_tree.ts", import.meta.url).pathname;

interface TreeCase extends Case {
  /** Makes the files. */
  make: (folder: string) => Promise<void>;
  peer: (folder: string) => string;
  peerName: string;
}

/** Files with different content, in folders of 100. */
async function makeFiles(folder: string, count: number, size: number): Promise<void> {
  const content = new Uint8Array(size);
  crypto.getRandomValues(content.subarray(0, Math.min(size, 65_536)));
  const view = new DataView(content.buffer);
  for (let i = 0; i < count; i++) {
    const parent = join(folder, `${Math.floor(i / 100)}`);
    if (i % 100 === 0) await Deno.mkdir(parent, { recursive: true });
    view.setUint32(0, i);
    Deno.writeFileSync(join(parent, `${i}`), content);
  }
}

async function makeLargeFile(folder: string, bytes: number): Promise<void> {
  using file = await Deno.create(join(folder, "large"));
  const piece = new Uint8Array(1 << 20);
  for (let i = 0; i < bytes / piece.length; i++) {
    piece.fill(i, 0, 4096);
    file.writeSync(piece);
  }
}

const md5sum = (files: number) => (folder: string) =>
  `find '${folder}' -type f -print0 | xargs -0 -P2 -n ${files} md5sum >/dev/null`;

const cases: readonly TreeCase[] = [
  {
    name: "tree of 2,000 x 1 MB in page cache, both cores",
    goal: { ratio: 0.4, better: "less" },
    make: (folder) => makeFiles(folder, 2000, 1_000_000),
    peer: md5sum(50),
    peerName: "find | xargs -P2 -n 50 md5sum",
  },
  {
    name: "50,000 x 4 KB, walk and hash without a journal",
    goal: { ratio: 0.9, better: "less" },
    make: (folder) => makeFiles(folder, 50_000, 4096),
    peer: md5sum(500),
    peerName: "find | xargs -P2 -n 500 md5sum",
  },
  {
    name: "one file of 4 GiB in page cache",
    goal: { ratio: 1, better: "less" },
    make: (folder) => makeLargeFile(folder, 2 ** 32),
    peer: (folder) => `openssl md5 '${join(folder, "large")}' >/dev/null`,
    peerName: "openssl md5",
  },
];

async function command(name: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, {
    args,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Makes each tree, runs both sides five times in turns, removes it. */
export async function run(report: Report): Promise<void> {
  for (const { name, goal, make, peer, peerName } of cases) {
    const folder = await Deno.makeTempDir({ prefix: "hash_bench" });
    try {
      await make(folder);
      const { ours, peer: theirs, ratios } = await inTurns(
        () => command(Deno.execPath(), ["run", "-A", HASH_TREE, folder]),
        () => command("sh", ["-c", peer(folder)]),
      );
      report({
        name,
        goal,
        ratio: median(ratios),
        ours: `${median(ours).toFixed(2)} s`,
        peer: `${peerName}: ${median(theirs).toFixed(2)} s`,
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}

if (import.meta.main) {
  const { printReport } = await import("./case.ts");
  await run(printReport);
}
