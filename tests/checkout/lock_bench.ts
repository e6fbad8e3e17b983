/** Sites, machines and journals for the tests of check-out and check-in. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { CheckoutContext, CloudJournal } from "../../src/checkout/checkout_context.ts";
import { md5Of } from "../../src/checkout/lock.ts";
import { openJournal } from "../../src/journal/open_journal.ts";
import type { Driver, DriverFactory } from "../../src/storage/driver.ts";
import { bytesSource, Store } from "../../src/storage/store.ts";
import type { WorkflowEvent } from "../../src/workflows/workflow_event.ts";
import { FaultyDriver } from "../storage/faulty_driver.ts";

/** A fresh, empty place in a store of any kind; plain data, so that a child process can open it too. */
export interface BenchPlace {
  /** URL of the driver's module. */
  driver: string;
  /** What the driver is opened with: the folder that will hold the journal. */
  location: string;
  auth: Record<string, string>;
  environment: Record<string, string>;
}

export const JOURNAL_KEY = "journal.db";
export const LOCK_KEY = "journal.db.locked";

/** Opens the driver of a place. */
export async function openDriver(place: BenchPlace): Promise<Driver> {
  const module: { default: DriverFactory } = await import(place.driver);
  return await module.default({
    location: place.location,
    auth: place.auth,
    environment: place.environment,
  });
}

/** Opens a place as a store; retries are quick and few. */
export async function openPlace(
  place: BenchPlace,
  wrap: (driver: Driver) => Driver = (driver) => driver,
): Promise<Store> {
  return new Store(wrap(await openDriver(place)), {
    location: place.location,
    retry: { firstPauseMs: 1, longestPauseMs: 4, maxAttempts: 3, maxWaitMs: 20 },
  });
}

/** One machine that works on the journal of a place. */
export class Machine {
  readonly events: WorkflowEvent[] = [];

  constructor(
    readonly place: BenchPlace,
    readonly store: Store,
    readonly folder: string,
    readonly name: string,
  ) {}

  get workingCopy(): string {
    return join(this.folder, "journal.db");
  }

  get source(): CloudJournal {
    return {
      kind: "cloud",
      store: this.store,
      key: JOURNAL_KEY,
      location: `${this.place.location}/${JOURNAL_KEY}`,
    };
  }

  context(changes: Partial<CheckoutContext> = {}): CheckoutContext {
    return {
      source: this.source,
      workingCopy: this.workingCopy,
      holder: { user: "ada", host: this.name },
      now: () => new Date(),
      newLockId: () => crypto.randomUUID(),
      emit: (event) => this.events.push(event),
      ...changes,
    };
  }

  /** Names in this machine's folder. */
  files(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }
}

/** A place, machines beside it, and what is needed to end them. */
export class Bench implements AsyncDisposable {
  readonly #stores: Store[] = [];
  readonly folder = Deno.makeTempDirSync({ prefix: "checkout-" });

  constructor(readonly place: BenchPlace) {}

  /** Another machine; `wrap` puts something around its driver. */
  async machine(name: string, wrap?: (driver: Driver) => Driver): Promise<Machine> {
    const store = await openPlace(this.place, wrap);
    this.#stores.push(store);
    const folder = join(this.folder, name);
    Deno.mkdirSync(folder, { recursive: true });
    return new Machine(this.place, store, folder, name);
  }

  /** A machine whose driver fails by rules that may be added later. */
  async faultyMachine(name: string): Promise<{ machine: Machine; faults: FaultyDriver }> {
    let faults: FaultyDriver | undefined;
    const machine = await this.machine(name, (driver) => faults = new FaultyDriver(driver));
    assert.ok(faults);
    return { machine, faults };
  }

  /** Puts a journal with these versions where the journal lives; gives its MD5. */
  async putJournal(versions: readonly string[]): Promise<string> {
    const path = join(this.folder, `${crypto.randomUUID()}.db`);
    for (const version of versions) addVersion(path, version);
    const machine = await this.machine("putter");
    await machine.store.write(JOURNAL_KEY, bytesSource(Deno.readFileSync(path)), {});
    return await this.md5("journal") ?? "";
  }

  /** MD5 of the journal or the lock as it is stored now; undefined when there is none. */
  async md5(which: "journal" | "lock"): Promise<string | undefined> {
    const store = this.#stores.at(0) ?? (await this.machine("looker")).store;
    const object = await store.stat(which === "journal" ? JOURNAL_KEY : LOCK_KEY);
    return object === undefined ? undefined : md5Of(object) ?? "unknown";
  }

  /** Versions in the journal or the lock, or undefined when there is none; an empty one has none. */
  async versions(which: "journal" | "lock"): Promise<string[] | undefined> {
    const store = this.#stores.at(0) ?? (await this.machine("looker")).store;
    const key = which === "journal" ? JOURNAL_KEY : LOCK_KEY;
    const object = await store.stat(key);
    if (object === undefined) return undefined;
    if (object.size === 0) return [];
    const { bytes } = await store.readAll(key, { maxBytes: 100 << 20 });
    const path = join(this.folder, `${crypto.randomUUID()}.db`);
    Deno.writeFileSync(path, bytes);
    const found = versionsOf(path);
    Deno.removeSync(path);
    return found;
  }

  /** Refuses when neither journal nor lock holds all of `versions`, or either is not whole. */
  async requireWholeInCloud(versions: readonly string[], when: string): Promise<void> {
    const found = [await this.versions("journal"), await this.versions("lock")];
    assert.ok(
      found.some((each) => each !== undefined && versions.every((one) => each.includes(one))),
      `${when}: no whole journal in the cloud, found ${JSON.stringify(found)}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Adds a version with one file and its history row, as an update would. */
export function addVersion(path: string, version: string): void {
  using journal = openJournal(path, { access: "write", create: true });
  const id = journal.beginCommand({
    startedMs: Date.now(),
    commonParams: "--config config.toml",
    command: "journal update",
    params: `--version ${version}`,
    sourcePaths: { OMOP: "/data/site" },
    destinationPath: undefined,
  });
  journal.writePage([{
    kind: "added",
    modality: "OMOP",
    folder: "OMOP",
    file: {
      name: `file of ${version}.csv`,
      personId: undefined,
      size: 3,
      mtimeUs: 1_700_000_000_000_000,
      md5: "900150983cd24fb0d6963f7d28e17f72",
      version,
      hashedUs: 1_750_000_000_000_000,
      hashSeconds: 0,
    },
  }], Date.now() * 1000);
  journal.finishCommand(id, 0.1);
}

/** The versions in a journal file that must be sound. */
export function versionsOf(path: string): string[] {
  using journal = openJournal(path, { access: "read" });
  assert.deepEqual(journal.integrityCheck(), []);
  return journal.versions().map(({ version }) => version);
}

/** What the tool's predecessor does at check-out: looks, then locks without a condition. */
export async function predecessorCheckOut(
  store: Store,
  local: string,
  options: { blind?: boolean } = {},
): Promise<void> {
  if (options.blind !== true && await store.stat(LOCK_KEY) !== undefined) {
    throw new Error("journal is locked. Please try again later.");
  }
  const journal = await store.stat(JOURNAL_KEY);
  if (journal === undefined) {
    await store.write(LOCK_KEY, bytesSource(new Uint8Array(0)), {});
    Deno.writeFileSync(local, new Uint8Array(0));
    return;
  }
  const { bytes } = await store.readAll(JOURNAL_KEY, { maxBytes: 100 << 20 });
  // A copy of the journal, its metadata included.
  await store.write(LOCK_KEY, bytesSource(bytes), { metadata: journal.metadata });
  Deno.writeFileSync(local, bytes);
  await store.remove(JOURNAL_KEY);
}

/** What it does at check-in: doesn't look whose lock it is. */
export async function predecessorCheckIn(store: Store, local: string): Promise<void> {
  if (await store.stat(LOCK_KEY) === undefined) throw new Error("no lock file");
  await store.write(JOURNAL_KEY, bytesSource(Deno.readFileSync(local)), {});
  await store.remove(LOCK_KEY);
}

/** What a child process is told to do. */
export interface ChildTask {
  place: BenchPlace;
  folder: string;
  name: string;
  act: "check-out" | "check-in" | "unlock" | "add-version-in-turn" | "add-versions";
  /** Kill -9 right after this step. */
  dieAfter?: string;
  version?: string;
  /** For `add-versions`: each in a check-out of its own, unless it is in already. */
  versions?: readonly string[];
}

/** What a child process says. */
export type ChildAnswer =
  | { ok: true; outcome: string }
  | { ok: false; code: string; message: string }
  | { ok: false; killed: true };

/**
 * Runs a task in a process of its own.
 *
 * @param killAfterMs kill -9 at that time, if it still runs then
 */
export async function runChild(task: ChildTask, killAfterMs?: number): Promise<ChildAnswer> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "-A",
      new URL("./lock_child.ts", import.meta.url).href,
      JSON.stringify(task),
    ],
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const timer = killAfterMs === undefined
    ? undefined
    : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  const { stdout, stderr, signal } = await child.output();
  clearTimeout(timer);
  if (signal === "SIGKILL") return { ok: false, killed: true };
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", `the child said nothing: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(text);
}
