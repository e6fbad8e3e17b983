import { Command, CommanderError } from "@commander-js/extra-typings";
import { exitCodeOf } from "../errors/exit_code.ts";
import { reportError } from "../report/error_report.ts";
import { wrapText } from "../report/format.ts";
import type { Edge } from "./edge.ts";
import { StopRequest } from "./edge.ts";
import { commonOptionsOf, type LeafFactory, type Outcome, withCommonOptions } from "./leaf.ts";
import { VERSION } from "./version.ts";
import { configHelpCommand } from "./config_help.ts";
import { initCommand } from "./config/init.ts";
import { listCommand as fileListCommand } from "./file/list.ts";
import { uploadCommand } from "./file/upload.ts";
import { verifyCommand } from "./file/verify.ts";
import { historyCommand } from "./history.ts";
import { checkinCommand } from "./journal/checkin.ts";
import { checkoutCommand } from "./journal/checkout.ts";
import { listCommand as journalListCommand } from "./journal/list.ts";
import { statusCommand } from "./journal/status.ts";
import { unlockCommand } from "./journal/unlock.ts";
import { updateCommand } from "./journal/update.ts";
import { loginCommand, logoutCommand } from "./login.ts";
import { generateCommand as testdataGenerateCommand } from "./testdata/generate.ts";
import { checkCommand as manifestCheckCommand } from "./manifest/check.ts";
import { exportCommand as manifestExportCommand } from "./manifest/export.ts";
import { generateCommand as manifestGenerateCommand } from "./manifest/generate.ts";
import { listCommand as manifestListCommand } from "./manifest/list.ts";
import { usageCommand } from "./usage.ts";

const DESCRIPTION = "Sends a site's clinical files to the central store, and proves that each " +
  "of them arrived.";

const RUNBOOK = `
The runbook:
  $ chorus-upload -c config.toml journal checkout
  $ chorus-upload -c config.toml journal update
  $ chorus-upload -c config.toml file list
  $ chorus-upload -c config.toml file upload
  $ chorus-upload -c config.toml file verify
  $ chorus-upload -c config.toml journal checkin

Exit codes: 0 all done, 1 finished with failures (listed), 2 wrong usage or
configuration, 3 journal locked or not checked out, 4 credentials or
permission, 5 could not go on, 129/130/143 stopped by a signal.
`;

/** Groups of commands: a folder of `src/commands/` each. */
const GROUPS: readonly { name: string; description: string; leaves: readonly LeafFactory[] }[] = [
  {
    name: "journal",
    description: "the record of every version of every file",
    leaves: [
      checkoutCommand,
      updateCommand,
      journalListCommand,
      statusCommand,
      checkinCommand,
      unlockCommand,
    ],
  },
  {
    name: "file",
    description: "list, send and verify the files that the journal knows",
    leaves: [fileListCommand, uploadCommand, verifyCommand],
  },
  { name: "config", description: "the configuration file", leaves: [initCommand] },
  {
    name: "manifest",
    description: "waveform records: their files, sessions and submissions",
    leaves: [
      manifestGenerateCommand,
      manifestListCommand,
      manifestCheckCommand,
      manifestExportCommand,
    ],
  },
  {
    name: "testdata",
    description: "a synthetic site to try things with",
    leaves: [testdataGenerateCommand],
  },
];

const LEAVES: readonly LeafFactory[] = [
  historyCommand,
  loginCommand,
  logoutCommand,
  configHelpCommand,
  usageCommand,
];

/** Builds the whole command tree. */
export function buildProgram(edge: Edge, outcome: Outcome): Command {
  const program = withCommonOptions(new Command("chorus-upload"))
    .description(DESCRIPTION)
    .version(VERSION, "--version", "print the version")
    // So that `journal update --version V` is the update's option and not this one's.
    .enablePositionalOptions()
    .addHelpText("after", RUNBOOK);
  const root = program as unknown as Command;
  for (const group of GROUPS) {
    const command = new Command(group.name).description(group.description)
      .enablePositionalOptions() as unknown as Command;
    for (const leaf of group.leaves) command.addCommand(leaf(edge, outcome));
    root.addCommand(command);
  }
  for (const leaf of LEAVES) root.addCommand(leaf(edge, outcome));
  settle(root, edge);
  return root;
}

/** Makes the command and all below it throw instead of exiting, and fit the terminal. */
function settle(command: Command, edge: Edge): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => edge.terminal.out(text),
    writeErr: (text) => edge.terminal.err(text),
    getOutHelpWidth: () => Math.min(edge.terminal.columns, 100),
    getErrHelpWidth: () => Math.min(edge.terminal.columns, 100),
    outputError: (text, write) => write(wrapText(text, edge.terminal.columns)),
  }).showSuggestionAfterError(true).showHelpAfterError(
    `(add --help for what ${command.name()} takes)`,
  );
  for (const each of command.commands) settle(each as Command, edge);
}

/** True for the two ways in which commander ends after printing what was asked for. */
function isAnswered(error: CommanderError): boolean {
  return error.exitCode === 0;
}

/** True when the output is to be JSON, though the command line could not be understood. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).includes("--json");
}

/** The envelope of `reportError` for what the option parser has told on stderr already. */
function usageErrorJson(error: CommanderError): string {
  const message = error.code === "commander.help"
    ? "The command is not complete."
    : error.message.replace(/^error: /, "");
  return JSON.stringify({ error: { code: "usage", message, exitCode: 2 } }) + "\n";
}

/**
 * Runs one command line.
 *
 * @param args the arguments after the program's name
 * @returns the exit code; errors have been printed
 */
export async function run(args: readonly string[], edge: Edge): Promise<number> {
  const outcome: Outcome = { exitCode: 0 };
  const program = buildProgram(edge, outcome);
  let current: Command = program;
  program.hook("preAction", (_, actionCommand) => {
    current = actionCommand as unknown as Command;
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (isAnswered(error)) return 0;
      if (asksForJson(args)) edge.terminal.out(usageErrorJson(error));
      return 2;
    }
    const stop = edge.signal.aborted ? edge.signal.reason : undefined;
    if (stop instanceof StopRequest) {
      edge.terminal.err(
        wrapText(
          `${stop.message}; what was finished is kept, and the same command may be run again.`,
          edge.terminal.columns,
        ) + "\n",
      );
      return stop.exitCode;
    }
    const { verbose, json } = commonOptionsOf(current);
    reportError(error, edge.terminal, { verbose: verbose === true, json: json === true });
    return exitCodeOf(error);
  }
}
