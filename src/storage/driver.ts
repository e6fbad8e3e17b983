/**
 * The contract between the core and a storage driver. Types only, so that a
 * driver loaded from any URL imports nothing of ours at run time.
 *
 * A driver is a module whose default export is a {@linkcode DriverFactory}. It
 * implements few plain methods, throws whatever its SDK throws, and says what
 * an error means in {@linkcode Driver.classify}. Everything clever (key checks,
 * digests, typed errors, retries, byte counting) lives in `store.ts` and
 * `retrying.ts`. A driver never retries: SDK retries are switched off.
 *
 * Keys are relative to the location that the driver was opened with, `/`
 * separated, never empty, never absolute, without `.`, `..` or empty segments,
 * without control characters, backslashes or lone surrogates; the store has
 * checked that before a driver sees a key (`object_key.ts`).
 *
 * No method may hang: a request on which no byte moves for some two minutes
 * fails, with kind `unavailable`. An aborted signal ends any method soon.
 */

/** What a driver is opened with. */
export interface DriverOptions {
  /** The root of everything this driver will see, as configured: `az://container/prefix`, a path. */
  location: string;
  /** Credentials and endpoints by the key names of the configuration's `auth` tables. */
  auth: Readonly<Record<string, string>>;
  /** The environment variables the command was given; a driver reads no other. */
  environment: Readonly<Record<string, string>>;
  /** Upper bound for requests in flight; the caller keeps to it, a driver may size its pools by it. */
  maxConcurrency?: number;
  /** Tells the person something that can't wait for a result: a device code, a paused sign-in. */
  notify?: (message: string) => void;
  /** True when a person can answer a prompt. */
  interactive?: boolean;
  /** Ends whatever opening does. */
  signal?: AbortSignal;
}

/**
 * The default export of a driver module. Opening checks what can be checked
 * without a request, or with one. What it throws is shown to the person; an
 * `Error` with a property `failure` ({@linkcode Failure}) says what it means.
 */
export type DriverFactory = (
  options: DriverOptions,
) => Promise<Driver> | Driver;

/** What a driver module may export besides its factory. */
export interface SignInExports {
  /**
   * Signs a person in ahead of time and keeps the sign-in for later runs.
   * Throws as a {@linkcode DriverFactory} does.
   */
  signIn?(options: SignInOptions): Promise<SignedIn>;
  /** Forgets what `signIn` kept; false when there was nothing. */
  signOut?(options: SignOutOptions): Promise<boolean>;
}

/** What a driver module exports. */
export interface DriverModule extends SignInExports {
  default: DriverFactory;
}

/** What `signIn` is given. */
export type SignInOptions = Pick<DriverOptions, "auth" | "environment" | "notify" | "signal">;

/** What `signOut` is given. */
export type SignOutOptions = Pick<DriverOptions, "environment">;

/** A sign-in that was made. */
export interface SignedIn {
  /** Who, as the service calls the person. */
  account: string;
  /** Where the account is known, one clause: "tenant …". */
  place?: string;
  /** The file that keeps the sign-in. */
  keptIn?: string;
  /** One sentence that the person should know: another sign-in goes before this one. */
  warning?: string;
}

/** Limits of the store, as data. `Infinity` where there is none. */
export interface DriverLimits {
  /**
   * The longest key that this location takes, UTF-8 bytes: what the service
   * allows less the location's own prefix. What can't be said in bytes is said
   * by {@linkcode Driver.keyProblem}.
   */
  maxKeyBytes: number;
  /** The largest object that one `write` may carry, bytes. */
  maxWriteBytes: number;
  /** The largest object at all, bytes. */
  maxObjectBytes: number;
}

/** What the store does by itself, as data. */
export interface DriverTraits {
  /** The service computes or checks MD5 of what one `write` carries and refuses a wrong one. */
  verifiesMd5: boolean;
  /** `stat` and `list` give the content MD5 of objects that were written with one. */
  storesMd5: boolean;
  /** Metadata given to `write` come back from `stat`. */
  storesMetadata: boolean;
}

/** One stored object. Times in milliseconds since 1970 UTC. */
export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  /** Opaque; changes whenever the content is replaced. Compared for equality only. */
  etag: string;
  modifiedMs: number;
  /** 16 bytes, when the store keeps one. Who vouches for it is not said here. */
  md5?: Uint8Array;
  /** Keys lower-case. From `list` only when the store sends them along. */
  metadata?: Readonly<Record<string, string>>;
}

/** An entry of `list`. */
export type ListEntry =
  | { kind: "object"; object: ObjectInfo }
  /** With `recursive: false`: deeper objects lie below it. The key ends with `/`. */
  | { kind: "folder"; key: string }
  /**
   * End of a page: a listing that is begun again with `from: token` goes on
   * behind everything given so far. Without marks a listing that breaks off
   * can't be resumed. Callers of the store never see it.
   */
  | { kind: "mark"; token: string };

export interface ListOptions {
  /** False: one level below `prefix`, deeper objects as folders. */
  recursive: boolean;
  /** Ask for metadata where that costs no extra request per object. */
  metadata?: boolean;
  /** Go on where an earlier listing of the same prefix and kind gave this mark. */
  from?: string;
  signal?: AbortSignal;
}

export interface ReadOptions {
  /** First byte, default 0. */
  offset?: number;
  /** Number of bytes, at least 1, default to the end. */
  length?: number;
  /** Fail (kind `precondition_failed`) when the object has another ETag. */
  ifMatch?: string;
  signal?: AbortSignal;
}

/** When a write or a removal may happen. The check and the act are one atomic step. */
export type Condition =
  /** Only if nothing is there (kind `already_exists` otherwise). */
  | { ifAbsent: true }
  /** Only over the object with this ETag (kind `precondition_failed` otherwise, also when gone). */
  | { ifMatch: string };

export interface WriteOptions {
  /** Bytes that the body will give, exactly. */
  size: number;
  /**
   * MD5 of the body, 16 bytes, when known before. A driver whose service checks
   * it passes it on; the store has the body checked on the way in any case.
   */
  md5?: Uint8Array;
  /** Absent: overwrite whatever is there. */
  condition?: Condition;
  /** Keys: lower-case letters, digits, underscore. Values: visible ASCII. */
  metadata?: Readonly<Record<string, string>>;
  contentType?: string;
  signal?: AbortSignal;
}

/** What the store answered to a successful write. */
export interface WriteResult {
  etag: string;
  /** Set only when the service itself computed or checked it over the received bytes. */
  serviceMd5?: Uint8Array;
}

/** What an error means to the caller. */
export type FailureKind =
  | "not_found"
  | "already_exists"
  | "precondition_failed"
  | "digest_mismatch"
  | "credentials"
  | "permission"
  | "unsupported"
  | "disk_full"
  /** Worth trying again: cut lines, time-outs, 408, 429, 5xx. */
  | "unavailable"
  | "io";

export interface Failure {
  kind: FailureKind;
  /** One sentence for a person, without secrets. */
  message?: string;
  /** What the person can do. */
  remedy?: string;
  /** How long the service asked to wait. */
  retryAfterMs?: number;
}

/** One part that the service holds uncommitted or committed, in order. */
export interface PartInfo {
  id: string;
  /** Bytes. */
  size: number;
}

/**
 * Objects too large for one request, in parts. Optional as a whole.
 * The caller (transfer) cuts the object into parts of one size, keeps the MD5
 * over the very bytes, and commits only when that MD5 is the intended one.
 */
export interface MultipartAbility {
  /** Smallest part (all but the last), largest part, most parts. Bytes. */
  minPartBytes: number;
  maxPartBytes: number;
  maxParts: number;
  /** True when the driver heeds {@linkcode MultipartBeginOptions.pace}. */
  paces?: boolean;
  /**
   * Parts that an interrupted upload of the same object left behind and that
   * this driver can vouch for: index to proof. `token` is what an earlier
   * `begin` returned for it, where there was one. Parts that are foreign or in
   * the way are discarded here.
   */
  begin(key: string, options: MultipartBeginOptions): Promise<MultipartUpload>;
}

export interface MultipartBeginOptions {
  size: number;
  partBytes: number;
  md5: Uint8Array;
  /** Where an earlier try of the same object left off, as it returned it. */
  token?: string;
  metadata?: Readonly<Record<string, string>>;
  contentType?: string;
  /**
   * Where the bytes per second are limited: the slices in which the bytes of a
   * part are to be handed to the line, each when it comes. A driver that can
   * only send a part at once leaves {@linkcode MultipartAbility.paces} out; it
   * is then given parts no faster than the limit allows on average.
   */
  pace?: (
    bytes: Uint8Array,
    signal?: AbortSignal,
  ) => AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
}

/** One object being sent in parts. */
export interface MultipartUpload {
  /** To be remembered for a later `begin` of the same object. */
  readonly token: string;
  /**
   * Parts already held by the service: index (from 0) to the part's MD5, 16
   * bytes, as proven when it was sent. The caller reads the source anyway and
   * skips sending a part only when its own digest of the bytes is this one.
   */
  readonly held: ReadonlyMap<number, Uint8Array>;
  /**
   * Sends one part. The driver has the service verify a checksum of it; `md5`
   * is of exactly these bytes. The caller doesn't touch `bytes` before the
   * promise settles. Calls may overlap.
   */
  put(
    index: number,
    bytes: Uint8Array,
    md5: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * Makes the object visible, from parts 0 to `count - 1`, on the condition,
   * and sets its content MD5. Resolves only after the service's own list of
   * committed parts was compared with the intended one.
   */
  commit(
    count: number,
    condition: Condition,
    signal?: AbortSignal,
  ): Promise<WriteResult>;
  /** Gives the parts up, best effort. */
  abort(signal?: AbortSignal): Promise<void>;
}

/** Copy inside the store without the bytes passing through here. */
export interface CopyOptions {
  /** The source must still have this ETag. */
  sourceIfMatch?: string;
  condition?: Condition;
  metadata?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** A storage driver. */
export interface Driver {
  readonly limits: DriverLimits;
  readonly traits: DriverTraits;

  /**
   * Objects whose key starts with `prefix` (`""` for all; else it ends with
   * `/`), each once, in the service's order, page by page with a mark between
   * pages. A prefix with nothing below gives nothing; that is no error. A
   * missing container or root is `not_found`.
   */
  list(prefix: string, options: ListOptions): AsyncIterable<ListEntry>;

  /** The object, or undefined when the service is sure that there is none. */
  stat(
    key: string,
    options: { signal?: AbortSignal },
  ): Promise<ObjectInfo | undefined>;

  /**
   * The object's bytes, in chunks that the caller may keep. A body shorter than
   * the service announced is an error, never an early end.
   */
  read(key: string, options: ReadOptions): AsyncIterable<Uint8Array>;

  /**
   * Creates or replaces an object, visible only when the whole body was read
   * without an error. When iterating the body throws, or the signal aborts,
   * nothing becomes visible, nothing is left behind, and that error is thrown.
   * The body gives exactly `options.size` bytes or throws; its last chunk comes
   * only when the store has proven the digest, so nothing may be published
   * before the iteration has ended by itself.
   */
  write(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<WriteResult>;

  /** Removes the object. Gone already: kind `not_found`, with a condition `precondition_failed`. */
  remove(
    key: string,
    options: { ifMatch?: string; signal?: AbortSignal },
  ): Promise<void>;

  /** What an error thrown by one of these methods means. Never throws. */
  classify(error: unknown): Failure;

  /**
   * Why this store can't hold a key that is well-formed and short enough, one
   * clause ("ends in a dot"), else undefined. Asks nobody, costs nothing.
   */
  keyProblem?(key: string): string | undefined;

  /** Server-side copy inside this location; absent where the store has none. */
  copy?(from: string, to: string, options: CopyOptions): Promise<WriteResult>;

  /** Absent where the store takes an object of any size in one `write`. */
  multipart?: MultipartAbility;

  /** Closes connections and pools. */
  close?(): Promise<void> | void;
}
