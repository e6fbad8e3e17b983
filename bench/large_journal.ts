/** How commands grow with the journal: 1, 2 and 4 million rows. */

import { dirname, join } from "node:path";
import { openJournal } from "../src/journal/open_journal.ts";
import type { JournalChange } from "../src/journal/journal_row.ts";
import { BenchSite } from "./bench_site.ts";
import { type CaseResult, median } from "./case.ts";
import { figure, takeTurns } from "./comparison.ts";
import { count, type Group } from "./group.ts";
import { LISTED_BYTES, LISTED_PER_FOLDER, listedModifiedMs } from "./listed_store.ts";
import type { ProcessCost } from "./process_cost.ts";
import { treePath } from "./tree.ts";

const SIZES = [1_000_000, 2_000_000, 4_000_000];
/** What every command takes whatever the journal holds: measured with a journal of few rows. */
const START_ROWS = 100;
const PAGE = 10_000;
/** Memory may differ by this much and still count as flat. */
const FLAT_MB = 30;
/** A journal of millions of rows is its own many repetitions, and takes its time. */
const RUNS = 1;

const COMMANDS = {
  "journal update": ["journal", "update"],
  "journal list": ["journal", "list"],
  "file list": ["file", "list", "--output-file", "files.txt"],
  "file upload --dry-run (plan)": ["file", "upload", "--dry-run"],
} as const;
type CommandName = keyof typeof COMMANDS;

/** A journal that knows every object of the store `listed://rows`. */
function makeJournal(path: string, rows: number): void {
  using journal = openJournal(path, { access: "write", create: true });
  const nowUs = Date.now() * 1000;
  for (let from = 0; from < rows; from += PAGE) {
    const changes: JournalChange[] = [];
    for (let number = from; number < Math.min(from + PAGE, rows); number++) {
      changes.push(addedRow(number, nowUs));
    }
    journal.writePage(changes, nowUs);
  }
}

function addedRow(number: number, nowUs: number): JournalChange {
  const path = treePath(number, LISTED_PER_FOLDER);
  const folder = dirname(path);
  return {
    kind: "added",
    modality: "Images",
    folder,
    file: {
      name: path.slice(folder.length + 1),
      personId: path.slice(0, path.indexOf("/")),
      size: LISTED_BYTES,
      mtimeUs: listedModifiedMs(number) * 1000,
      md5: number.toString(16).padStart(32, "0"),
      version: "1",
      hashedUs: nowUs,
      hashSeconds: 0,
    },
  };
}

/** Time per row at the largest size beside the smallest's, less what starting takes. */
function linearity(
  command: string,
  sizes: readonly number[],
  costs: readonly (readonly ProcessCost[])[],
  start: readonly ProcessCost[],
): CaseResult {
  const begin = median(start.map((cost) => cost.wall));
  const net = costs.map((each) => each.map((cost) => cost.wall - begin));
  const growth = (sizes.at(-1) ?? 1) / sizes[0];
  const ratios = (net.at(-1) ?? []).map((seconds, run) => seconds / net[0][run] / growth);
  const seconds = net.map((each) => figure(median(each), "wall"));
  return {
    name: `${command}: time per row, ${count(sizes.at(-1) ?? 0)} rows beside ${count(sizes[0])}`,
    goal: { ratio: 1.15, better: "less" },
    ratio: median(ratios),
    ratios,
    ours: `${seconds.slice(1).join(", ")} without start-up`,
    peer: `at ${count(sizes[0])}: ${seconds[0]}`,
  };
}

function flatness(
  command: string,
  sizes: readonly number[],
  costs: readonly (readonly ProcessCost[])[],
): CaseResult {
  const peaks = costs.map((each) => median(each.map((cost) => cost.peakMb)));
  return {
    name: `${command}: peak memory, ${count(sizes.at(-1) ?? 0)} rows beside ${count(sizes[0])}`,
    goal: { ratio: 1, better: "less" },
    ratio: (peaks.at(-1) ?? NaN) / (peaks[0] + FLAT_MB),
    ours: peaks.slice(1).map((peak) => figure(peak, "peakMb")).join(", "),
    peer: `at ${count(sizes[0])}, plus ${FLAT_MB} MB: ${figure(peaks[0] + FLAT_MB, "peakMb")}`,
  };
}

export const largeJournal: Group = {
  name: "large-journal",
  about: "commands on a journal of millions of rows",
  async run({ report, folder, scaled }) {
    const sizes = SIZES.map(scaled);
    const driver = new URL("./listed_store.ts", import.meta.url).href;
    const makeSite = async (rows: number) => {
      const site = await BenchSite.make({
        folder: join(folder, `${rows}`),
        root: `listed://${rows}`,
        sections: `[drivers]\nlisted = "${driver}"\n`,
      });
      makeJournal(site.journal, rows);
      return site;
    };
    const start = await makeSite(START_ROWS);
    const sites: BenchSite[] = [];
    for (const rows of sizes) sites.push(await makeSite(rows));
    for (const command of Object.keys(COMMANDS) as CommandName[]) {
      const sides = Object.fromEntries([
        ["start", () => start.run(...COMMANDS[command])] as const,
        ...sites.map((site, index) =>
          [`${sizes[index]}`, () => site.run(...COMMANDS[command])] as const
        ),
      ]);
      const costs = await takeTurns(sides, RUNS, { warmUp: false });
      const bySize = sizes.map((rows) => costs[rows] ?? []);
      report(linearity(command, sizes, bySize, costs.start ?? []));
      report(flatness(command, sizes, bySize));
    }
  },
};
