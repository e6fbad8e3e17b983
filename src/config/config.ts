/** The typed configuration: what every command gets to see. Built by `load_config.ts` only. */

/** Credentials by the key names of the configuration's `auth` tables, secrets resolved. */
export type Auth = Readonly<Record<string, string>>;

/** A place: where, and with which credentials. */
export interface Place {
  /** As in the file: a local path, or a URL-like path whose scheme picks the driver. */
  path: string;
  auth: Auth;
}

/** Which symbolic links a walk follows. */
export type FollowLinks = "inside" | "anywhere" | "never";

/** One modality's files at the site. */
export interface Site extends Place {
  /** Canonical spelling, as in central paths and in the journal. */
  modality: string;
  /** Relative to `path`; see `layout/pattern.ts`. */
  pattern: string;
  /** Globs, relative to `path`, of what to leave out. */
  exclude: readonly string[];
  followLinks: FollowLinks;
}

/** One rate from a time of day on. */
export interface RateStep {
  /** Minutes since midnight, local time. */
  fromMinute: number;
  /** Bytes per second; `Infinity` for "off". */
  bytesPerSecond: number;
}

/** A rate limit that may change over the day: steps in order, the last one wraps around midnight. */
export type RateTimetable = readonly RateStep[];

/** A storage driver module of the site's own. */
export interface DriverModule {
  url: string;
  /** Lower-case hex over the module's bytes, when the site pins it. */
  sha256?: string;
}

export interface Config {
  /** The file it came from, for messages. */
  file: string;
  /** Canonical names in configured order, `Metadata` included. */
  modalities: readonly string[];
  /** Files per journal transaction, at most. */
  pageSize: number;
  /** Cap on workers and concurrent transfers; undefined: automatic. */
  numThreads: number | undefined;
  profiling: boolean;
  fileListOutputType: "list" | "azcli" | "azcopy";
  /** Milliseconds; younger files wait for the next update. */
  minAgeMs: number;
  /** Microseconds within which two modification times are the same. */
  mtimeToleranceUs: number;
  journal: {
    mode: "append" | "full";
    /** The working copy, a local path. */
    local: string;
    source: Place;
  };
  central: Place & { patientFirst: boolean };
  /** One per modality, in the order of `modalities`. */
  sites: readonly Site[];
  transfer: {
    /** Undefined: no limit. */
    maxRate: RateTimetable | undefined;
    maxWaitMs: number;
  };
  /** By scheme. */
  drivers: Readonly<Record<string, DriverModule>>;
}

/** A configuration with what the person should know about it. */
export interface LoadedConfig {
  config: Config;
  /**
   * One sentence each: unknown keys, contradictions, … That about the old layout
   * goes on, after a line break, with the new form as TOML.
   */
  warnings: readonly string[];
}
