import { HOUR, snapshotTime } from "./calendar.ts";
import type { FileAction } from "./planned_file.ts";
import { Random } from "./random.ts";

/** Files that share a fate: a waveform record's, or a single one. */
export interface FileGroup {
  /** What it is drawn by; unique at the site. */
  key: string;
  /** The snapshot in which it appears. */
  born: number;
  /** The snapshot in which it goes for good, with its patient. */
  gone?: number;
  /** What befalls it in a snapshot after `born`, in place of chance. */
  fixed?: (snapshot: number) => Fate | undefined;
}

/** What can befall a group: changes of content keep the size or not. */
export type Fate = "kept" | "touched" | "changed_same_size" | "changed_size" | "gone";

/** A group as it is in one snapshot. */
export interface GroupState {
  action: FileAction;
  /** Grows with every change of content. */
  revision: number;
  /** True while the content has its other size. */
  enlarged: boolean;
  /** Milliseconds since 1970 UTC. */
  mtimeMs: number;
}

/** Of 100 groups, how many of each; the rest is kept. */
const TOUCHED = 6;
const CHANGED_SAME_SIZE = 4;
const CHANGED_SIZE = 4;
const GONE = 4;
/** Of 100 groups that are gone, how many come back, as they were. */
const BACK = 30;

/**
 * What a group is in a snapshot: undefined when it isn't there and wasn't in
 * the one before. Follows from the seed alone, so nothing has to be remembered
 * between two snapshots.
 */
export function stateOf(seed: string, group: FileGroup, snapshot: number): GroupState | undefined {
  if (snapshot < group.born) return undefined;
  const state: GroupState = {
    action: "added",
    revision: 0,
    enlarged: false,
    mtimeMs: timeIn(seed, group, group.born),
  };
  for (let each = group.born + 1; each <= snapshot; each++) {
    const absent = state.action === "gone";
    if (group.gone !== undefined && each >= group.gone) {
      if (absent || each > group.gone) return undefined;
      state.action = "gone";
      continue;
    }
    const chance = new Random(seed, "fate", group.key, each);
    if (absent) {
      if (chance.chance(BACK)) {
        state.action = "added";
        state.mtimeMs = timeIn(seed, group, each);
      } else if (each === snapshot) return undefined;
      continue;
    }
    apply(state, group.fixed?.(each) ?? draw(chance));
    if (state.action === "touched" || state.action === "changed") {
      state.mtimeMs = timeIn(seed, group, each);
    }
  }
  return state;
}

function apply(state: GroupState, fate: Fate): void {
  if (fate === "changed_same_size" || fate === "changed_size") {
    state.action = "changed";
    state.revision++;
    if (fate === "changed_size") state.enlarged = !state.enlarged;
  } else state.action = fate;
}

function draw(chance: Random): Fate {
  const lot = chance.below(100);
  if (lot < TOUCHED) return "touched";
  if (lot < TOUCHED + CHANGED_SAME_SIZE) return "changed_same_size";
  if (lot < TOUCHED + CHANGED_SAME_SIZE + CHANGED_SIZE) return "changed_size";
  if (lot < TOUCHED + CHANGED_SAME_SIZE + CHANGED_SIZE + GONE) return "gone";
  return "kept";
}

/** A moment in the six hours before a snapshot, to the millisecond. */
function timeIn(seed: string, group: FileGroup, snapshot: number): number {
  const chance = new Random(seed, "time", group.key, snapshot);
  return snapshotTime(snapshot) - 6 * HOUR + chance.below(6 * 3600) * 1000 + chance.below(1000);
}
