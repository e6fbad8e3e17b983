/** The known name that a mistyped one most likely stands for. */

/** A known name and how far it is from the mistyped one. */
export interface NearestName {
  name: string;
  /** Letters to insert, delete, replace or swap; 0 when only the case differs. */
  distance: number;
}

/**
 * The nearest of some names, undefined when there are none. Of equally near ones
 * the first.
 *
 * @param name as typed
 * @param known the names there are
 */
export function nearestName(
  name: string,
  known: Iterable<string>,
): NearestName | undefined {
  let nearest: NearestName | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (nearest === undefined || distance < nearest.distance) {
      nearest = { name: candidate, distance };
    }
  }
  return nearest;
}

/** Optimal string alignment: like Levenshtein, and two swapped neighbours count once. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(
        last[column] + 1,
        current[column - 1] + 1,
        last[column - 1] + (same ? 0 : 1),
      );
      if (
        row > 1 && column > 1 && from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1]
      ) best = Math.min(best, beforeLast[column - 2] + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length];
}
