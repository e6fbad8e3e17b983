/** Where interrupted uploads of large files left off, kept outside this stage. */

/**
 * Remembers what a driver needs to go on with an object sent in parts. The
 * journal keeps them; losing one costs sending again, never a file.
 */
export interface ResumeTokens {
  /** @param centralKey relative to the central location */
  get(centralKey: string): string | undefined;
  set(centralKey: string, token: string): void;
  delete(centralKey: string): void;
}

/** Tokens for the length of one run only. */
export function temporaryTokens(): ResumeTokens {
  return new Map<string, string>();
}
