import assert from "node:assert/strict";
import { type CaseResult, goalText, median, ratioText, reached } from "../../bench/case.ts";
import { compare, compareToLimit, takeTurns } from "../../bench/comparison.ts";
import { section, table, withSections } from "../../bench/results.ts";

function cost(wall: number, cpu = wall, peakMb = 100) {
  return { wall, cpu, peakMb };
}

const CASE: CaseResult = { name: "a case", ours: "1 s", peer: "find: 2 s" };

Deno.test("the median is the middle one, or lies between the two in the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9]), 9.5);
});

Deno.test("a goal is reached from the right side, and not without a peer", () => {
  const less: CaseResult = { ...CASE, goal: { ratio: 0.4, better: "less" } };
  const more: CaseResult = { ...CASE, goal: { ratio: 3.5, better: "more" } };
  assert.equal(reached({ ...less, ratio: 0.4 }), true);
  assert.equal(reached({ ...less, ratio: 0.41 }), false);
  assert.equal(reached({ ...more, ratio: 3.5 }), true);
  assert.equal(reached({ ...more, ratio: 3.4 }), false);
  assert.equal(reached(less), undefined);
  assert.equal(reached({ ...CASE, ratio: 1 }), undefined);
  assert.equal(goalText(less), "≤ 0.4");
  assert.equal(goalText(more), "≥ 3.5");
});

Deno.test("sides take turns after one warm-up each", async () => {
  const order: string[] = [];
  const side = (name: string) => () => {
    order.push(name);
    return Promise.resolve(cost(order.length));
  };
  const costs = await takeTurns({ peer: side("peer"), absent: undefined, ours: side("ours") }, 2);
  assert.deepEqual(order, ["peer", "ours", "peer", "ours", "peer", "ours"]);
  assert.deepEqual(costs.peer?.map(({ wall }) => wall), [3, 5]);
  assert.deepEqual(costs.ours?.map(({ wall }) => wall), [4, 6]);
  assert.equal(costs.absent, undefined);
});

Deno.test("a ratio is taken run by run, so that a slow moment of the machine cancels out", () => {
  const result = compare({
    name: "a case",
    measure: "wall",
    ours: [cost(1), cost(10), cost(3)],
    peer: [cost(2), cost(20), cost(2)],
    peerName: "find",
  });
  assert.deepEqual(result.ratios, [0.5, 0.5, 1.5]);
  assert.equal(result.ratio, 0.5);
  assert.equal(ratioText(result), "0.50 (0.50–1.50)");
  assert.equal(result.ours, "3.00 s");
  assert.equal(result.peer, "find: 2.00 s");
});

Deno.test("a peer that is not here leaves the ratio open", () => {
  const result = compare({
    name: "a case",
    goal: { ratio: 1, better: "less" },
    measure: "cpu",
    ours: [cost(1, 0.25)],
    peer: undefined,
    peerName: "rclone",
  });
  assert.equal(result.ratio, undefined);
  assert.equal(ratioText(result), "–");
  assert.equal(result.ours, "0.250 CPU s");
  assert.equal(result.peer, "rclone: not here");
});

Deno.test("a limit is reached up to itself", () => {
  const within = { name: "peak", measure: "peakMb", limit: 200, limitName: "limit" } as const;
  assert.equal(reached(compareToLimit({ ...within, ours: [cost(1, 1, 200)] })), true);
  assert.equal(reached(compareToLimit({ ...within, ours: [cost(1, 1, 201)] })), false);
});

Deno.test("a table escapes bars and has a row per case", () => {
  const lines = table([{ ...CASE, peer: "find | xargs", ratio: 0.5 }]).split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[2], /^\| a case \| 1 s {2}\| find \\\| xargs \| 0\.50 {2}\| {6}\| {5}\|$/);
});

Deno.test("written results replace their own section and leave the others", () => {
  const occasion = { date: new Date(Date.UTC(2026, 0, 2)), machine: "2 × a processor", runs: 5 };
  const group = { name: "startup", about: "the help", results: [CASE], skipped: ["x: not here"] };
  const before = "# Results\n\n## kernel\n\nold\n\n## startup\n\nold\n";
  const after = withSections(
    before,
    new Map([["startup", section(group, occasion)]]),
    ["startup", "kernel"],
  );
  assert.match(
    after,
    /^# Results\n\n## startup\n\nthe help\. 2026-01-02, 2 × a processor, 5 pairs\./,
  );
  assert.match(after, /Left out: x: not here\.\n\n## kernel\n\nold\n$/);
  assert.equal(after.match(/^## /gm)?.length, 2);
});
