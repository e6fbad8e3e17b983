/**
 * `deno task demo`: a synthetic site, two submissions to a local folder, and the
 * proof, by a comparison that shares no code with the program, that every file
 * arrived. Runs the real program as a process of its own, in a temporary folder.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareRegistry } from "./demo/compare_registry.ts";
import { compareWithOracle, type Finding } from "./demo/compare_with_oracle.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** The submission versions, named after the days of the two snapshots. */
const FIRST = "2024-01-29";
const SECOND = "2024-02-05";

/** Lines of a command's output that are shown. */
const MOST_LINES = 10;

const began = performance.now();
const folder = await Deno.makeTempDir({ prefix: "chorus-demo-" });
let failedCommands = 0;

function say(text: string): void {
  const bytes = new TextEncoder().encode(text + "\n");
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}

/** Runs one command line of the program in the demo's folder and shows it. */
async function show(line: string): Promise<void> {
  say(`$ chorus-upload ${line}`);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...line.split(" ")],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  // Empty lines and hints at the next command are left out: the next command follows.
  let hint = false;
  const lines = (decoder.decode(stderr) + decoder.decode(stdout)).split("\n").filter((text) => {
    hint = /^(Next|To prove the content):/.test(text) || (hint && text.startsWith(" "));
    return text !== "" && !hint;
  });
  const shown = code === 0 ? lines.slice(0, MOST_LINES) : lines;
  for (const text of shown) say(`  ${text}`);
  if (shown.length < lines.length) say(`  … and ${lines.length - shown.length} lines more`);
  if (code === 0) return;
  failedCommands++;
  say(`  (exit code ${code}, expected 0)`);
}

function incomparable(error: unknown): Finding[] {
  return [{ holds: false, statement: `comparable: ${error}` }];
}

/** The site becomes what it is in a snapshot. */
async function takeSnapshot(snapshot: number): Promise<void> {
  await Deno.rename(join(folder, `generated/snapshot_${snapshot}`), join(folder, "site"));
}

say(`A synthetic site and two submissions, in ${folder}\n`);
await show("testdata generate --output generated");
if (failedCommands > 0) Deno.exit(1);
await takeSnapshot(1);
await Deno.mkdir(join(folder, "work"));
await Deno.mkdir(join(folder, "store"));
await show(
  "config init --data site --central central --journal store/journal.db " +
    "--local-journal work/journal.db --mode full --yes",
);

say("\n--- First submission ---\n");
await show("journal checkout");
await show(`journal update --version ${FIRST}`);
await show("file list --max-num-files 3");
await show("file upload");
await show("file verify");
await show("journal checkin");

say("\n--- A week later: files were added, changed, touched, removed ---\n");
await Deno.remove(join(folder, "site"), { recursive: true });
await takeSnapshot(2);
await show("journal checkout");
await show(`journal update --version ${SECOND}`);
await show("file upload");
await show("file verify --all --deep");
await show("journal checkin");
await show(`journal list --version ${SECOND}`);
await show("history");
await show("manifest generate --sessions visits");
await show("manifest list --person 00123");

say("\n--- Proven with generated/changes.json, which the program has not seen ---\n");
const changes = join(folder, "generated", "changes.json");
const versions = [FIRST, SECOND];
const findings = [
  ...await compareWithOracle({
    changes,
    central: join(folder, "central"),
    journal: join(folder, "store", "journal.db"),
    versions,
  }).catch(incomparable),
  ...await compareRegistry(changes, join(folder, "manifest.db"), versions).catch(incomparable),
];
for (const { holds, statement } of findings) say(`${holds ? "ok " : "NOT"} ${statement}`);

const failed = findings.filter(({ holds }) => !holds).length + failedCommands;
say(
  `\n${failed === 0 ? "All as it should be" : `${failed} NOT as it should be`}, ` +
    `in ${((performance.now() - began) / 1000).toFixed(1)} s. The files are in ${folder}:
  site/ (the source), central/ (what was sent), store/journal.db (the record), generated/
To remove them:  ${Deno.build.os === "windows" ? "rmdir /s /q" : "rm -r"} ${folder}`,
);
if (failed > 0) Deno.exitCode = 1;
