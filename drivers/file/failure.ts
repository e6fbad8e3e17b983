/** An error of this driver's own, with its meaning. */

import type { Failure, FailureKind } from "../../src/storage/driver.ts";

/** Carries what `classify` will answer. */
export class FileFailure extends Error {
  override readonly name = "FileFailure";
  readonly failure: Failure;

  constructor(kind: FailureKind, message: string, remedy?: string) {
    super(message);
    this.failure = remedy === undefined ? { kind, message } : { kind, message, remedy };
  }
}
