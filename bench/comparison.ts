/** Costs of several sides, measured in turns, and what they say. */

import { type Case, type CaseResult, median } from "./case.ts";
import type { ProcessCost } from "./process_cost.ts";

/** A figure of a cost. */
export type Measure = keyof ProcessCost;

/** Programs by side; one that is not on this machine is undefined. */
type Sides = Readonly<Record<string, (() => Promise<ProcessCost>) | undefined>>;

/** Costs by side, one per run. */
export type Costs<S extends Sides> = {
  [Side in keyof S]: undefined extends S[Side] ? ProcessCost[] | undefined : ProcessCost[];
};

/**
 * Runs every side once to warm up, then all of them in turns (A B A B …), so
 * that a machine that slows down slows them all.
 */
export async function takeTurns<S extends Sides>(
  sides: S,
  runs: number,
  { warmUp = true }: { warmUp?: boolean } = {},
): Promise<Costs<S>> {
  const costs = new Map<string, ProcessCost[]>();
  for (const [side, run] of Object.entries(sides)) {
    if (run === undefined) continue;
    if (warmUp) await run();
    costs.set(side, []);
  }
  for (let round = 0; round < runs; round++) {
    for (const [side, ofSide] of costs) {
      const cost = await sides[side]?.();
      if (cost !== undefined) ofSide.push(cost);
    }
  }
  return Object.fromEntries(costs) as Costs<S>;
}

/** What to compare. */
export interface Comparison extends Case {
  measure: Measure;
  ours: readonly ProcessCost[];
  /** Undefined when the peer is not on this machine. */
  peer: readonly ProcessCost[] | undefined;
  peerName: string;
}

/** Ours divided by the peer's, run by run. */
export function compare(
  { name, goal, measure, ours, peer, peerName }: Comparison,
): CaseResult {
  const own = ours.map((cost) => cost[measure]);
  const head = { name, ...(goal !== undefined && { goal }), ours: figure(median(own), measure) };
  if (peer === undefined) return { ...head, peer: `${peerName}: not here` };
  const theirs = peer.map((cost) => cost[measure]);
  const ratios = own.map((value, run) => value / theirs[run]);
  return {
    ...head,
    ratio: median(ratios),
    ratios,
    peer: `${peerName}: ${figure(median(theirs), measure)}`,
  };
}

/** Ours beside a fixed limit: a peak of 200 MB. */
export function compareToLimit(
  { name, measure, ours, limit, limitName }: Omit<Comparison, "peer" | "peerName" | "goal"> & {
    limit: number;
    limitName: string;
  },
): CaseResult {
  const values = ours.map((cost) => cost[measure]);
  const ratios = values.map((value) => value / limit);
  return {
    name,
    goal: { ratio: 1, better: "less" },
    ratio: median(ratios),
    ratios,
    ours: figure(median(values), measure),
    peer: `${limitName}: ${figure(limit, measure)}`,
  };
}

/** A figure with its unit. */
export function figure(value: number, measure: Measure): string {
  if (measure === "peakMb") return `${value.toFixed(0)} MB`;
  return `${value.toFixed(value < 1 ? 3 : 2)} ${measure === "cpu" ? "CPU s" : "s"}`;
}
