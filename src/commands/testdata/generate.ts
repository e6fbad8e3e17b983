import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { commonOptionsOf, leaf, type Outcome, parseCount } from "../leaf.ts";

interface GenerateFlags {
  output: string;
  patients?: number;
  scale: string;
  seed: string;
  snapshots: number;
  overwrite?: true;
  dryRun?: true;
}

/** `testdata generate`: writes a synthetic site, snapshot by snapshot. */
export function generateCommand(edge: Edge, outcome: Outcome): Command {
  const command = leaf("generate", "write a synthetic site: files of nobody, to try things with", [
    "testdata generate",
    "testdata generate --output /scratch/site --scale small --seed 7 --snapshots 3",
  ])
    .option("--output <dir>", "folder for snapshot_1/, snapshot_2/, … and changes.json", "testsite")
    .option("--patients <n>", "of the first snapshot (default: by scale 8, 200, 4,500)", parseCount)
    .option("--scale <scale>", "tiny (110 files), small (6,000) or large (100,000)", "tiny")
    .option("--seed <text>", "the same seed gives the same bytes and times", "chorus")
    .option("--snapshots <n>", "states of the site, a week apart", parseCount, 2)
    .option("--overwrite", "replace an earlier generated site without asking")
    .option("--dry-run", "count files and bytes, write nothing")
    .action(async (flags) => {
      outcome.exitCode = await generate(command as unknown as Command, flags, edge);
    }) as unknown as Command;
  return command;
}

async function generate(command: Command, flags: GenerateFlags, edge: Edge): Promise<number> {
  const { SCALES, specify } = await import("../../../testdata/site/site_options.ts");
  const { generateSite, measureSite } = await import("../../../testdata/site/generate_site.ts");
  const { ChorusError, isCancellation } = await import("../../errors/chorus_error.ts");
  const { JsonOutput } = await import("../../report/json_output.ts");
  const { createReporter } = await import("../../report/reporter.ts");
  const { testdataReport } = await import("../../report/testdata_report.ts");
  const { json } = commonOptionsOf(command);

  const scale = SCALES.find((each) => each === flags.scale.toLowerCase());
  if (scale === undefined) {
    throw new ChorusError("usage", `--scale can't be "${flags.scale}".`, {
      remedy: `Say ${SCALES.slice(0, -1).join(", ")} or ${SCALES.at(-1)}.`,
    });
  }
  const { output, seed, patients, snapshots } = flags;
  const options = { seed, patients, snapshots, scale };
  try {
    specify(options);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ChorusError("usage", cause.message, { cause });
  }
  const dryRun = flags.dryRun === true;
  const overwrite = !dryRun && await mayOverwrite(flags, edge);
  if (overwrite === undefined) {
    edge.terminal.err("Nothing was changed.\n");
    return 1;
  }

  using reporter = createReporter({ terminal: edge.terminal, now: edge.now });
  reporter.emit({ kind: "stage", stage: "generate" });
  const running = {
    signal: edge.signal,
    onProgress: ({ files, bytes, path }: { files: number; bytes: number; path: string }) =>
      reporter.emit({ kind: "progress", stage: "generate", files, bytes, current: path }),
  };
  const site = dryRun
    ? await measureSite({ ...options, ...running })
    : await generateSite({ ...options, ...running, output, overwrite }).catch((cause) => {
      if (isCancellation(cause) || edge.signal.aborted) {
        reporter.emit({
          kind: "warning",
          message: `"${output}" is incomplete; with --overwrite it is begun anew`,
        });
        throw cause;
      }
      throw new ChorusError("io", `The site can't be written to "${output}": ${cause.message}`, {
        subject: output,
        remedy: "Make room or give another folder; --overwrite replaces what is incomplete.",
        cause,
      });
    });
  reporter.pause();
  if (json) new JsonOutput(edge.terminal).end({ testdata: { dryRun, ...site } });
  else {
    edge.terminal.out(
      testdataReport({ ...site, output: dryRun ? undefined : output }, edge.terminal.columns),
    );
  }
  return 0;
}

/**
 * Whether an earlier site in the output folder goes; undefined when the person
 * said no.
 *
 * @throws ChorusError `usage` when something else is there, or nobody can be asked
 */
async function mayOverwrite(flags: GenerateFlags, edge: Edge): Promise<boolean | undefined> {
  const { checkOutput, OutputNotEmpty } = await import("../../../testdata/site/generate_site.ts");
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { confirmed } = await import("../../report/questions.ts");
  const { output } = flags;
  try {
    checkOutput(output, false);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) {
      throw new ChorusError("usage", `"${output}" is no folder.`, {
        subject: output,
        remedy: "Give another one with --output.",
        cause: error,
      });
    }
    if (!(error instanceof OutputNotEmpty)) throw error;
    if (!error.replaceable) {
      throw new ChorusError("usage", `"${output}" holds files that were not generated.`, {
        subject: output,
        remedy: "Give another folder with --output; this one is never overwritten.",
        cause: error,
      });
    }
    if (flags.overwrite || edge.terminal.interactive) {
      const yes = flags.overwrite === true;
      return await confirmed(
        edge.terminal,
        `"${output}" holds an earlier generated site. Replace it?`,
        { yes },
      ) || undefined;
    }
    throw new ChorusError("usage", `"${output}" holds an earlier generated site.`, {
      subject: output,
      remedy: "Replace it with --overwrite, or give another folder with --output.",
      cause: error,
    });
  }
}
