import type { Command } from "@commander-js/extra-typings";
import type { CheckoutContext } from "../checkout/checkout_context.ts";
import { locateJournal, requireCheckedOut } from "../checkout/journal_access.ts";
import { type ErrorCode, isChorusError } from "../errors/chorus_error.ts";
import { openJournal } from "../journal/open_journal.ts";
import type { Journal } from "../journal/journal.ts";
import { formatCount, formatTime } from "../report/format.ts";
import { isLocal, parseLocation, splitLocation } from "../storage/location.ts";
import type { Edge } from "./edge.ts";
import type { Session } from "./session.ts";

/**
 * What the check-out protocol needs to know of this site.
 *
 * @param options.localJournal another working copy than the configured one
 */
export async function checkoutContext(
  session: Session,
  edge: Edge,
  options: { localJournal?: string } = {},
): Promise<CheckoutContext> {
  const { config, emit } = session;
  const { source, local } = config.journal;
  const location = parseLocation(source.path);
  const journalSource = "path" in location
    ? { kind: "local" as const, path: location.path }
    : await cloudSource();
  return {
    source: journalSource,
    workingCopy: options.localJournal ?? local,
    holder: { user: edge.user(), host: edge.host() },
    now: edge.now,
    newLockId: () => crypto.randomUUID(),
    formatTime: (time) => formatTime(time),
    emit,
    signal: edge.signal,
  };

  async function cloudSource() {
    const { parent, name } = splitLocation(source.path);
    const store = await session.openStore({ path: parent, auth: source.auth });
    return { kind: "cloud" as const, store, key: name, location: source.path };
  }
}

/** A journal that a command may read; closed, and removed when it was downloaded, in the end. */
export interface ReadableSession extends AsyncDisposable {
  readonly journal: Journal;
  /** Which journal this is and how old, one sentence. */
  readonly origin: string;
}

/**
 * Opens the journal for a command that only reads, wherever the newest one is.
 *
 * @param options.file any journal file, as `--journal` names it
 * @throws ChorusError `not_found` when there is none yet
 */
export async function openForReading(
  session: Session,
  edge: Edge,
  options: { file?: string; localJournal?: string } = {},
): Promise<ReadableSession> {
  const context = options.file !== undefined && !isLocal(session.config.journal.source.path)
    // Naming a file must work without a network.
    ? await offlineContext(session, edge, options.file)
    : await checkoutContext(session, edge, options);
  const located = await locateJournal(context, { file: options.file });
  try {
    const journal = openJournal(located.path, { access: "read", signal: edge.signal });
    return {
      journal,
      origin: originOf(located, edge),
      async [Symbol.asyncDispose]() {
        journal[Symbol.dispose]();
        await located[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await located[Symbol.asyncDispose]();
    throw error;
  }
}

/** A journal for a command that checks, and remembers what it found where it may. */
export interface CheckingSession extends ReadableSession {
  /** True when the journal is open for writing: results may be remembered in it. */
  readonly record: boolean;
}

/**
 * Opens the journal for checking: for writing when it is checked out here and
 * nobody else is writing, else for reading wherever the newest one is.
 */
export async function openForChecking(
  session: Session,
  edge: Edge,
  options: { file?: string },
): Promise<CheckingSession> {
  if (options.file === undefined) {
    const context = await checkoutContext(session, edge);
    try {
      await requireCheckedOut(context);
      const journal = openJournal(context.workingCopy, { access: "write", signal: edge.signal });
      return {
        journal,
        origin: `Journal ${context.workingCopy} (working copy)`,
        record: true,
        [Symbol.asyncDispose]: () => Promise.resolve(journal[Symbol.dispose]()),
      };
    } catch (error) {
      const readable = isChorusError(error)
        ? READ_INSTEAD.has(error.code)
        : error instanceof Deno.errors.NotCapable;
      if (!readable) throw error;
    }
  }
  const readable = await openForReading(session, edge, options);
  return {
    journal: readable.journal,
    origin: readable.origin,
    record: false,
    [Symbol.asyncDispose]: () => readable[Symbol.asyncDispose](),
  };
}

/** Why a journal can't be written to though it may be readable. */
const READ_INSTEAD: ReadonlySet<ErrorCode> = new Set([
  "not_checked_out",
  "not_found",
  "locked",
  "journal_version",
  "io",
]);

/** A context in which only the named file is looked at. */
function offlineContext(session: Session, edge: Edge, path: string): Promise<CheckoutContext> {
  return Promise.resolve({
    source: { kind: "local", path },
    workingCopy: path,
    holder: { user: edge.user(), host: edge.host() },
    now: edge.now,
    newLockId: () => crypto.randomUUID(),
    emit: session.emit,
    signal: edge.signal,
  });
}

type Located = Awaited<ReturnType<typeof locateJournal>>;

function originOf({ from, location, modified, heldBy }: Located, edge: Edge): string {
  const age = modified === undefined ? "" : `, last changed ${ageOf(modified, edge.now())}`;
  switch (from) {
    case "working_copy":
      return `Journal ${location} (working copy)${age}`;
    case "journal":
      return `Journal ${location}${age}`;
    case "lock":
      return `Journal ${location}, as it was before its check-out${age}` +
        (heldBy === undefined ? "" : `; it is ${heldBy}`);
    case "file":
      return `Journal file ${location}${age}`;
    default:
      return from satisfies never;
  }
}

/** `2 min ago (2026-11-22 17:03:20 GMT+1)`. */
function ageOf(when: Date, now: Date): string {
  const minutes = Math.max(0, Math.round((now.getTime() - when.getTime()) / 60_000));
  const ago = minutes < 2
    ? "just now"
    : minutes < 120
    ? `${minutes} min ago`
    : minutes < 2880
    ? `${Math.round(minutes / 60)} h ago`
    : `${Math.round(minutes / 1440)} days ago`;
  return `${ago} (${formatTime(when)})`;
}

/** How a writing command is recorded in the journal's own history. */
export interface Recorded {
  /** `journal update`. */
  command: string;
  /** Its options as typed. */
  params: string;
  /** True when it reads the site. */
  readsSite: boolean;
  /** True when it writes to the central store. */
  writesCentral: boolean;
  /** True when nothing is to be written: the history stays as it is. */
  dryRun: boolean;
}

/**
 * Opens the working copy for a command that writes, records the command in the
 * journal's history, runs it, and records how long it took.
 *
 * @throws ChorusError `not_checked_out` (exit code 3), `locked` when another process is writing
 */
export async function withWritableJournal<T>(
  session: Session,
  edge: Edge,
  recorded: Recorded,
  run: (journal: Journal) => Promise<T>,
  options: { localJournal?: string } = {},
): Promise<T> {
  const context = await checkoutContext(session, edge, options);
  await requireCheckedOut(context);
  await using scratch = recorded.dryRun ? await scratchFor(context.workingCopy) : undefined;
  using journal = openJournal(scratch?.path ?? context.workingCopy, {
    access: "write",
    create: true,
    onIndexing: (done, total) => {
      if (done === 0 && total >= 100_000) {
        session.emit({
          kind: "notice",
          message: `making an index over the journal's ${formatCount(total)} rows, once`,
        });
      }
    },
    signal: edge.signal,
  });
  // Once more under the writer's lock: it may have been checked in meanwhile.
  await requireCheckedOut(context);
  if (recorded.dryRun) return await run(journal);
  const { config } = session;
  const started = performance.now();
  const id = journal.beginCommand({
    startedMs: edge.now().getTime(),
    commonParams: `--config ${config.file}`,
    command: recorded.command,
    params: recorded.params,
    sourcePaths: recorded.readsSite
      ? Object.fromEntries(config.sites.map((site) => [site.modality, site.path]))
      : undefined,
    destinationPath: recorded.writesCentral ? config.central.path : undefined,
  });
  const result = await run(journal);
  journal.finishCommand(id, (performance.now() - started) / 1000);
  return result;
}

/** A journal to look into and throw away, where a dry run meets none yet. */
async function scratchFor(path: string): Promise<{ path: string } & AsyncDisposable | undefined> {
  try {
    await Deno.stat(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const folder = await Deno.makeTempDir({ prefix: "chorus-dry-run-" });
  return {
    path: `${folder}/journal.db`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Options as they were typed, for the history: `--version V --modalities OMOP`. */
export function typedParams(command: Command): string {
  const parts: string[] = [];
  for (const option of command.options) {
    const name = option.attributeName();
    if (NOT_RECORDED.has(name) || command.getOptionValueSource(name) !== "cli") continue;
    const value: unknown = command.getOptionValue(name);
    if (value === true) parts.push(option.long ?? name);
    else parts.push(`${option.long} ${Array.isArray(value) ? value.join(",") : String(value)}`);
  }
  return parts.join(" ");
}

/** Options of every command; the history has them elsewhere or not at all. */
const NOT_RECORDED: ReadonlySet<string> = new Set(["config", "verbose", "json", "logFile"]);

/** How the person called the program, for the next command of the runbook. */
export function runbookOf(session: Session): string {
  const { config } = session.common;
  return config === undefined ? "chorus-upload" : `chorus-upload -c ${config}`;
}
