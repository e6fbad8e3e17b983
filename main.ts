/**
 * chorus-upload: the entry point. Collects the outside world (arguments,
 * environment, terminal, signals, clock) into one value, runs the command, and
 * exits. Nothing else in the program does any of this.
 */

import { type Edge, StopRequest } from "./src/commands/edge.ts";
import { run } from "./src/commands/program.ts";
import { reportError } from "./src/report/error_report.ts";
import { processTerminal, type Terminal } from "./src/report/terminal.ts";

/** The environment, or nothing where reading it is not permitted. */
function readEnvironment(): Record<string, string> {
  try {
    return Deno.env.toObject();
  } catch {
    return readPermittedEnvironment();
  }
}

/** Variables that the program knows; under `--allow-env=A,B` only single ones can be read. */
const KNOWN_VARIABLES = [
  "NO_COLOR",
  "TERM",
  "HOME",
  "USERPROFILE",
  "APPDATA",
  "XDG_CONFIG_HOME",
  "PATH",
  "USER",
  "LOGNAME",
  "USERNAME",
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "NO_PROXY",
  "no_proxy",
  "AZURE_STORAGE_CONNECTION_STRING",
  "AZURE_TENANT_ID",
  "AZURE_CLIENT_ID",
  "AZURE_CLIENT_SECRET",
  "AZURE_CLIENT_CERTIFICATE_PATH",
  "AZURE_CLIENT_CERTIFICATE_PASSWORD",
  "AZURE_AUTHORITY_HOST",
  "AZURE_POD_IDENTITY_AUTHORITY_HOST",
  "IDENTITY_ENDPOINT",
  "IDENTITY_HEADER",
  "MSI_ENDPOINT",
  "GOOGLE_APPLICATION_CREDENTIALS",
];

function readPermittedEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of KNOWN_VARIABLES) {
    try {
      const value = Deno.env.get(name);
      if (value !== undefined) environment[name] = value;
    } catch {
      // Not permitted: as if it were not set.
    }
  }
  return environment;
}

/**
 * Turns signals into one abort. A second signal ends the process at once.
 * SIGHUP is handled only with a terminal attached: `nohup` makes the process
 * ignore it, and a handler would undo that.
 */
function signalOfStops(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  const stop = (name: "SIGINT" | "SIGTERM" | "SIGHUP") => () => {
    const request = new StopRequest(name);
    if (controller.signal.aborted) Deno.exit(request.exitCode);
    if (name !== "SIGHUP") {
      terminal.err("\nstopping; what is under way is being recorded (again to stop at once)\n");
    }
    controller.abort(request);
  };
  Deno.addSignalListener("SIGINT", stop("SIGINT"));
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop("SIGTERM"));
  if (terminal.live || terminal.outIsTerminal) Deno.addSignalListener("SIGHUP", stop("SIGHUP"));
  return controller.signal;
}

/** A fact about the machine, or "unknown" where reading it is not permitted. */
function permitted(read: () => string | undefined): string {
  try {
    return read() || "unknown";
  } catch {
    return "unknown";
  }
}

if (import.meta.main) {
  const environment = readEnvironment();
  const terminal = processTerminal(environment);
  const edge: Edge = {
    terminal,
    environment,
    now: () => new Date(),
    signal: signalOfStops(terminal),
    user: () => environment.USER ?? environment.LOGNAME ?? environment.USERNAME ?? "unknown",
    host: () => permitted(Deno.hostname),
  };
  let code: number;
  try {
    code = await run(Deno.args, edge);
  } catch (error) {
    reportError(error, terminal, { verbose: true, json: false });
    code = 5;
  }
  Deno.exit(code);
}
