import { joinJournalPath } from "../layout/local_path.ts";
import type { FolderEnd, FolderJob, FoundColumns } from "./folder_job.ts";
import { withSeparator } from "./read_folder.ts";
import type { ScanProblem } from "./found_file.ts";
import type { ScanPlan } from "./scan_plan.ts";

/** A folder that is being read or was read, with what waits to be yielded. */
export interface FolderSlot {
  readonly kind: "folder";
  readonly id: number;
  readonly job: FolderJob;
  readonly waiting: (FoundColumns | ScanProblem)[];
  end: FolderEnd | undefined;
  next: Slot | undefined;
}

/** The folders below one that was read, not yet begun. */
interface ChildrenSlot {
  readonly kind: "children";
  readonly parent: FolderJob;
  /** Packed; millions of patients are one string. */
  readonly names: string;
  /** Where in `names` the next one begins. */
  at: number;
  readonly linked: ReadonlyMap<string, FolderJob>;
  next: Slot | undefined;
}

type Slot = FolderSlot | ChildrenSlot;

/**
 * The order in which a tree is yielded, while folders are read in whatever order
 * the readers finish: each folder before those below it, names ascending.
 *
 * A linked list from the first folder not yet yielded to the last one known.
 * What is ahead is bounded by the caller, who asks for folders to begin.
 */
export class WalkOrder {
  readonly #plan: ScanPlan;
  readonly #byId = new Map<number, FolderSlot>();
  #first: Slot | undefined;
  #lastId = 0;
  /** Files that wait to be yielded. */
  waitingFiles = 0;

  /** @param root the folder to begin with */
  constructor(plan: ScanPlan, root: FolderJob) {
    this.#plan = plan;
    this.#first = {
      kind: "children",
      parent: root,
      names: ".",
      at: 0,
      linked: new Map([[".", root]]),
      next: undefined,
    };
  }

  /** The first folder whose items are to be yielded, when it has been begun. */
  get first(): FolderSlot | undefined {
    return this.#first?.kind === "folder" ? this.#first : undefined;
  }

  /** True when everything was yielded. */
  get finished(): boolean {
    return this.#first === undefined;
  }

  /** Folders begun and not yet yielded whole. */
  get begun(): number {
    return this.#byId.size;
  }

  /** Begins the next folders in order, `count` at most. */
  begin(count: number): FolderSlot[] {
    const started: FolderSlot[] = [];
    let before: Slot | undefined;
    let slot = this.#first;
    while (slot !== undefined && started.length < count) {
      if (slot.kind === "folder") {
        before = slot;
        slot = slot.next;
        continue;
      }
      const name = takeName(slot);
      const folder: Slot | undefined = name === undefined
        ? slot.next
        : this.#folderSlot(slot, name);
      if (before === undefined) this.#first = folder;
      else before.next = folder;
      if (folder?.kind === "folder" && name !== undefined) {
        started.push(folder);
        before = folder;
      } else slot = folder;
    }
    return started;
  }

  #folderSlot(slot: ChildrenSlot, name: string): FolderSlot {
    const linked = slot.linked.get(name);
    const folder: FolderSlot = {
      kind: "folder",
      id: ++this.#lastId,
      job: linked ?? this.#childJob(slot.parent, name),
      waiting: [],
      end: undefined,
      next: slot,
    };
    this.#byId.set(folder.id, folder);
    return folder;
  }

  #childJob(parent: FolderJob, name: string): FolderJob {
    const folder = joinJournalPath(parent.folder, name);
    const judged = this.#plan.judge(folder, parent.modalities);
    return {
      folder,
      path: withSeparator(parent.path + name),
      modalities: judged.modalities,
      excluded: parent.excluded || judged.excluded,
      followed: parent.followed,
    };
  }

  /** Adds files that were found in a folder. */
  files(id: number, columns: FoundColumns): void {
    const slot = this.#byId.get(id);
    slot?.waiting.push(columns);
    this.waitingFiles += columns.count;
  }

  /** Adds a problem that was met in a folder. */
  problem(id: number, problem: ScanProblem): void {
    this.#byId.get(id)?.waiting.push(problem);
  }

  /** Notes that a folder was read to its end. */
  end(id: number, end: FolderEnd): void {
    const slot = this.#byId.get(id);
    if (slot === undefined) return;
    slot.end = end;
    if (end.folders === "") return;
    slot.next = {
      kind: "children",
      parent: slot.job,
      names: end.folders,
      at: 0,
      linked: new Map(end.linked),
      next: slot.next,
    };
  }

  /** Forgets the first folder, of which everything was yielded. */
  drop(): void {
    if (this.#first?.kind !== "folder") return;
    this.#byId.delete(this.#first.id);
    this.#first = this.#first.next;
  }
}

/** The next name of a packed list, undefined at its end. */
function takeName(slot: ChildrenSlot): string | undefined {
  if (slot.at >= slot.names.length) return undefined;
  const slash = slot.names.indexOf("/", slot.at);
  const end = slash < 0 ? slot.names.length : slash;
  const name = slot.names.slice(slot.at, end);
  slot.at = end + 1;
  return name;
}
