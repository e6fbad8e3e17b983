/** What hashing yields, one per file. */

/** A file to hash. */
export interface HashRequest {
  /** A path the operating system understands. */
  path: string;
  /** Bytes, when the scan knows; lets long files start first. */
  size?: number;
  /**
   * The scan saw that it is a regular file. It is then opened without asking the file system
   * again, which opening needs otherwise: that of a named pipe waits for a writer.
   */
  isFile?: boolean;
}

/** MD5 of a file together with the size and time that it had before and after. */
export interface Hashed {
  ok: true;
  /** Lower-case hex. */
  md5: string;
  /** Bytes hashed, equal to the file's size before and after. */
  size: number;
  /** From `fstat` on the open file, the same before and after; milliseconds since 1970 UTC. */
  mtimeMs: number;
  /** Seconds spent on this file, reading included. */
  seconds: number;
}

/** Why a file has no MD5. */
export interface HashFailure {
  ok: false;
  reason: "vanished" | "unreadable" | "changed" | "not_a_file" | "worker_died";
  message: string;
}

export type HashOutcome = Hashed | HashFailure;
