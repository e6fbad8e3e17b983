import type { FollowLinks } from "../config/config.ts";
import type { Pattern } from "../layout/pattern.ts";

/** What a walk needs to know of one modality that lives below its root. */
export interface TreeModality {
  /** Canonical name. */
  modality: string;
  pattern: Pattern;
  /** Globs, relative to the root, of files and folders to leave out. */
  exclude: readonly string[];
  /** Meaningless where the root is in a cloud store. */
  followLinks: FollowLinks;
  /** False: its files are not yielded, but known to belong to a modality. */
  wanted: boolean;
}
