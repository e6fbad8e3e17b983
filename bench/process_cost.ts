/** What a whole process costs: wall time, processor time, peak memory. */

/** The cost of one run, from the start of a process to its end. */
export interface ProcessCost {
  /** Seconds. */
  wall: number;
  /** User and system seconds of the process and all it waited for; NaN off Linux. */
  cpu: number;
  /** Largest resident set, MB of 10^6 bytes; NaN off Linux. */
  peakMb: number;
}

/** What to run. */
export interface ProcessOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Exit codes that are no failure; by default 0 only. */
  allowed?: readonly number[];
}

/** How often the peak is read: it is a high-water mark, so only the last moments can be missed. */
const PEAK_INTERVAL_MS = 5;
/** Linux counts processor time in hundredths of a second for every program. */
const TICKS_PER_SECOND = 100;
const KIB_PER_MB = 1000 / 1.024;
const ERROR_CHARACTERS = 2000;

/**
 * Runs a program to its end and says what it cost. Its output goes nowhere.
 *
 * Processor time is what the kernel adds to this process for children that it
 * has waited for, so that only one measured process may end at a time.
 *
 * @throws Error with the end of its error output when it fails
 */
export async function processCost(
  command: string,
  args: readonly string[],
  { cwd, env, allowed = [0] }: ProcessOptions = {},
): Promise<ProcessCost> {
  const cpuBefore = childrenCpu();
  const start = performance.now();
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env }),
  }).spawn();
  let peakKib = NaN;
  const readPeak = () => {
    const peak = /^VmHWM:\s+(\d+)/m.exec(textOf(`/proc/${child.pid}/status`))?.[1];
    if (peak !== undefined) peakKib = Number(peak);
  };
  const timer = setInterval(readPeak, PEAK_INTERVAL_MS);
  let errors = "";
  try {
    const [status] = await Promise.all([
      child.status,
      (async () => {
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
          errors = (errors + text).slice(-ERROR_CHARACTERS);
        }
      })(),
    ]);
    const wall = (performance.now() - start) / 1000;
    if (!allowed.includes(status.code)) {
      throw new Error(`${command} ${args.join(" ")}: exit code ${status.code}: ${errors}`);
    }
    return { wall, cpu: childrenCpu() - cpuBefore, peakMb: peakKib / KIB_PER_MB };
  } finally {
    clearInterval(timer);
  }
}

/** A pipeline of the shell's. */
export function shellCost(script: string, options?: ProcessOptions): Promise<ProcessCost> {
  return processCost("sh", ["-c", script], options);
}

/** Processor seconds of all children that this process has waited for. */
function childrenCpu(): number {
  // The name, in parentheses, may hold anything; cutime and cstime are the 14th and 15th field behind it.
  const fields = textOf("/proc/self/stat").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
