import assert from "node:assert/strict";
import { FileCalls } from "../../src/scan/file_calls.ts";
import type { FoundColumns } from "../../src/scan/folder_job.ts";
import type { ScanProblem } from "../../src/scan/found_file.ts";
import { readFolder } from "../../src/scan/read_folder.ts";
import { planSource, ScanPlan } from "../../src/scan/scan_plan.ts";
import { SampleTree, STANDARD } from "./sample_tree.ts";

/** Reads the folder OMOP while something happens just before each file is asked for. */
async function readWhile(
  tree: SampleTree,
  happening: (path: string) => void,
): Promise<{ files: Record<string, number>; problems: ScanProblem[] }> {
  const plan = await ScanPlan.compile(STANDARD.map(planSource));
  const found: FoundColumns[] = [];
  const problems: ScanProblem[] = [];
  await readFolder(
    { folder: "OMOP", path: `${tree.root}/OMOP/`, modalities: [0], excluded: false, followed: [] },
    {
      plan,
      realRoot: tree.root,
      stat: true,
      stopped: false,
      calls: new FileCalls({
        now: () => 0,
        lstat: Deno.lstat,
        lstatSync(path) {
          happening(path);
          return Deno.lstatSync(path);
        },
      }),
    },
    {
      files: (columns) => void found.push(columns),
      problem: (problem) => void problems.push(problem),
    },
  );
  const files = Object.fromEntries(
    found.flatMap(({ names, numbers }) =>
      names.split("/").map((name, index) => [name, numbers[index]])
    ),
  );
  return { files, problems };
}

Deno.test("a file that vanishes while its folder is read is a problem, the others keep their sizes", async () => {
  await using tree = new SampleTree();
  for (const size of [1, 2, 3, 4]) tree.write(`OMOP/${"f".repeat(size)}`);
  const { files, problems } = await readWhile(tree, (path) => {
    if (path.endsWith("/ff")) Deno.removeSync(path);
  });
  assert.deepEqual(files, { f: 6, fff: 8, ffff: 9 });
  assert.deepEqual(problems, [{
    kind: "problem",
    path: "OMOP/ff",
    reason: "it vanished while the folder was being read",
    modalities: ["OMOP"],
    cause: "read_error",
  }]);
});

Deno.test("when all files vanish there is no batch, only problems", async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/a", "OMOP/b");
  const { files, problems } = await readWhile(tree, (path) => Deno.removeSync(path));
  assert.deepEqual(files, {});
  assert.deepEqual(problems.map(({ path }) => path), ["OMOP/a", "OMOP/b"]);
});

Deno.test("a file that becomes a folder or a link while its folder is read is a problem", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using tree = new SampleTree();
  tree.write("OMOP/a", "OMOP/b", "OMOP/c");
  const { files, problems } = await readWhile(tree, (path) => {
    if (path.endsWith("/c")) return;
    Deno.removeSync(path);
    if (path.endsWith("/a")) Deno.mkdirSync(path);
    else Deno.symlinkSync("/etc/passwd", path);
  });
  assert.deepEqual(files, { c: 6 });
  assert.deepEqual(problems.map(({ path, cause }) => [path, cause]), [
    ["OMOP/a", "read_error"],
    ["OMOP/b", "read_error"],
  ]);
});
