import type { FollowLinks } from "../config/config.ts";
import { compilePattern, type FolderMatch, type Pattern } from "../layout/pattern.ts";
import { isVersion } from "../layout/version.ts";
import type { TreeModality } from "./tree_modality.ts";

/** A {@linkcode TreeModality} as it travels to a worker: the pattern as text. */
export type PlanSource = Omit<TreeModality, "pattern"> & { pattern: string };

/** One modality with everything compiled. */
export interface PlannedModality {
  readonly name: string;
  readonly pattern: Pattern;
  readonly followLinks: FollowLinks;
  readonly wanted: boolean;
  /** Undefined where nothing is excluded. */
  readonly excludes: ((path: string) => boolean) | undefined;
}

/** A modality that may have files in a folder, and how far its pattern has matched. */
export interface Claim {
  /** Index in the plan's modalities. */
  index: number;
  modality: PlannedModality;
  match: FolderMatch;
}

/** What the plan says of a folder before it is read. */
export interface FolderJudgement {
  /** Indexes of the modalities that the folder may lead to, unwanted ones included. */
  modalities: readonly number[];
  /** True when one of `modalities` is wanted: only then is the folder read. */
  read: boolean;
  /** True when a modality excludes the folder: what is in it is nothing to wonder about. */
  excluded: boolean;
  /** Wanted modalities whose version, found in this folder's name, is none. */
  badVersion: readonly number[];
}

/** The modalities of one root, compiled, and the judgement over its folders. */
export class ScanPlan {
  readonly modalities: readonly PlannedModality[];
  /** What a worker needs to compile the same plan. */
  readonly source: readonly PlanSource[];

  private constructor(
    source: readonly PlanSource[],
    modalities: readonly PlannedModality[],
  ) {
    this.source = source;
    this.modalities = modalities;
  }

  /** Compiles a plan; the glob library is loaded only when something is excluded. */
  static async compile(source: readonly PlanSource[]): Promise<ScanPlan> {
    const picomatch = source.some(({ exclude }) => exclude.length > 0)
      ? (await import("picomatch")).default
      : undefined;
    return new ScanPlan(
      source,
      source.map(({ modality, pattern, exclude, followLinks, wanted }) => ({
        name: modality,
        pattern: compilePattern(pattern),
        followLinks,
        wanted,
        excludes: exclude.length > 0
          ? picomatch?.(exclude.map((glob) => glob.replace(/\/+$/, "")), {
            dot: true,
          })
          : undefined,
      })),
    );
  }

  /** Every modality, as the root folder has them. */
  get all(): readonly number[] {
    return this.modalities.map((_, index) => index);
  }

  /** The names of some modalities. */
  names(indexes: readonly number[]): string[] {
    return indexes.map((index) => this.modalities[index].name);
  }

  /** How far the patterns of some modalities match a folder that they lead to. */
  claims(folder: string, indexes: readonly number[]): Claim[] {
    const claims: Claim[] = [];
    for (const index of indexes) {
      const modality = this.modalities[index];
      const match = modality.pattern.folder(folder);
      if (match !== undefined) claims.push({ index, modality, match });
    }
    return claims;
  }

  /**
   * Judges a folder by its path.
   *
   * @param path relative to the root
   * @param among the modalities that its parent may lead to
   */
  judge(path: string, among: readonly number[]): FolderJudgement {
    const modalities: number[] = [];
    const badVersion: number[] = [];
    let read = false;
    let excluded = false;
    for (const index of among) {
      const { pattern, excludes, wanted } = this.modalities[index];
      if (excludes?.(path)) {
        excluded = true;
        continue;
      }
      const match = pattern.folder(path);
      if (match === undefined) continue;
      if (match.version !== undefined && !isVersion(match.version)) {
        if (wanted) badVersion.push(index);
      } else {
        modalities.push(index);
        read ||= wanted;
      }
    }
    return { modalities, read, excluded, badVersion };
  }
}

/** A modality without its compiled pattern, for {@linkcode ScanPlan.compile}. */
export function planSource(tree: TreeModality): PlanSource {
  return { ...tree, pattern: tree.pattern.source };
}
