/**
 * chorus-upload: the entry point. Collects the outside world (arguments,
 * environment, terminal, signals, clock) into one value, runs the command, and
 * exits. Nothing else in the program does any of this.
 */

import { userInfo } from "node:os";
import { type Edge, StopRequest } from "./src/commands/edge.ts";
import { run } from "./src/commands/program.ts";
import { reportError } from "./src/report/error_report.ts";
import { processTerminal, type Terminal } from "./src/report/terminal.ts";

/** True when this needs no question to the person: the program itself never asks for permissions. */
function granted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** The environment as far as reading it is permitted. */
function readEnvironment(): Record<string, string> {
  if (granted({ name: "env" })) return Deno.env.toObject();
  const environment: Record<string, string> = {};
  for (const variable of KNOWN_VARIABLES) {
    const value = granted({ name: "env", variable }) ? Deno.env.get(variable) : undefined;
    if (value !== undefined) environment[variable] = value;
  }
  return environment;
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

/**
 * Whether this process was started with SIGHUP ignored, as `nohup` does; where
 * the system doesn't tell, a process without a terminal is taken for one.
 */
function ignoresHangUp(terminal: Terminal): boolean {
  const status = "/proc/self/status";
  if (Deno.build.os === "linux" && granted({ name: "read", path: status })) {
    // A bit mask in hexadecimal: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(Deno.readTextFileSync(status))?.[1];
    if (mask !== undefined) return (parseInt(mask.slice(-1), 16) & 1) === 1;
  }
  return !terminal.live && !terminal.outIsTerminal;
}

/**
 * Turns signals into one abort. A second signal ends the process at once.
 *
 * The runtime catches SIGHUP as soon as any signal is listened to, and would
 * end the process: a `nohup` is only kept by a listener that does nothing.
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
  // Asked before the first listener changes the answer.
  const ignored = ignoresHangUp(terminal);
  Deno.addSignalListener("SIGINT", stop("SIGINT"));
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop("SIGTERM"));
  Deno.addSignalListener("SIGHUP", ignored ? () => {} : stop("SIGHUP"));
  return controller.signal;
}

/** The operating system's name of the person, where asking is permitted. */
function accountName(): string {
  if (!granted({ name: "sys", kind: "uid" }) || !granted({ name: "sys", kind: "gid" })) {
    return "unknown";
  }
  try {
    return userInfo().username;
  } catch {
    // An account without a name, as in a container.
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
    user: () => environment.USER || environment.LOGNAME || environment.USERNAME || accountName(),
    host: () => granted({ name: "sys", kind: "hostname" }) ? Deno.hostname() : "unknown",
  };
  let code: number;
  try {
    code = await run(Deno.args, edge);
  } catch (error) {
    reportError(error, terminal, { verbose: true, json: false });
    code = 5;
  }
  if (code === 0 && terminal.lost !== undefined) {
    terminal.err(`error: The results could not be written to stdout: ${terminal.lost.message}\n`);
    code = 5;
  }
  Deno.exit(code);
}
