/** What a benchmark reports: ratios to a peer in the same run. */

/** A case and what it should reach. */
export interface Case {
  name: string;
  /** Ours divided by the peer's; `better` says in which direction. */
  goal?: { ratio: number; better: "more" | "less" };
}

/** A case that was measured. */
export interface CaseResult extends Case {
  /** Median of the runs' ratios; undefined where there was no peer. */
  ratio?: number;
  /** The ratio of each run, or of each pair of neighbours. */
  ratios?: readonly number[];
  /** Both sides in words, with units. */
  ours: string;
  peer: string;
}

/** Takes the results as they come. */
export type Report = (result: CaseResult) => void;

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** True when the goal is reached; undefined where there is none, or no peer. */
export function reached({ goal, ratio }: CaseResult): boolean | undefined {
  if (goal === undefined || ratio === undefined) return undefined;
  return goal.better === "more" ? ratio >= goal.ratio : ratio <= goal.ratio;
}

/** A goal as it stands in the tables. */
export function goalText({ goal }: Case): string {
  return goal === undefined ? "" : `${goal.better === "more" ? "≥" : "≤"} ${goal.ratio}`;
}

/** A median with its smallest and largest value: `0.40 (0.38–0.44)`. */
export function ratioText({ ratio, ratios = [] }: CaseResult): string {
  if (ratio === undefined) return "–";
  if (ratios.length < 2) return ratio.toFixed(2);
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${ratio.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}

/** Wall seconds of two things done in turns: a warm-up of each, then five times. */
export async function inTurns(
  ours: () => Promise<void>,
  peer: () => Promise<void>,
  runs = 5,
): Promise<{ ours: number[]; peer: number[]; ratios: number[] }> {
  const seconds = async (work: () => Promise<void>) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  const result = { ours: [] as number[], peer: [] as number[], ratios: [] as number[] };
  await peer();
  await ours();
  for (let i = 0; i < runs; i++) {
    const theirs = await seconds(peer);
    const own = await seconds(ours);
    result.ours.push(own);
    result.peer.push(theirs);
    result.ratios.push(own / theirs);
  }
  return result;
}

/** A result in one line. */
export function reportLine(result: CaseResult): string {
  const { name, goal, ours, peer } = result;
  const verdict = goal === undefined || result.ratio === undefined
    ? ""
    : `, goal ${goalText(result)}: ${reached(result) ? "reached" : "missed"}`;
  return `${name}: ${ratioText(result)}${verdict} (${ours}; ${peer})\n`;
}

/** Prints a result as a line; for running a benchmark by itself. */
export function printReport(result: CaseResult): void {
  Deno.stdout.writeSync(new TextEncoder().encode(reportLine(result)));
}
