/** From what a driver throws to the program's typed error. */

import { ChorusError } from "../errors/chorus_error.ts";
import type { Driver, Failure, FailureKind } from "./driver.ts";

const WHAT: Readonly<Record<FailureKind, string>> = {
  not_found: "it is not there",
  already_exists: "something is there already",
  precondition_failed: "it has changed, or is gone",
  digest_mismatch: "the service received other bytes than were sent",
  credentials: "the sign-in was refused",
  permission: "this is not allowed",
  unsupported: "the store can't hold it",
  disk_full: "no space is left",
  unavailable: "the service did not answer",
  io: "it failed",
};

const REMEDY: Readonly<Partial<Record<FailureKind, string>>> = {
  credentials: "Check the auth section of the configuration, or sign in again.",
  permission: "Ask for the permission, or check the auth section.",
  disk_full: "Make room, then run the same command again.",
};

/**
 * The typed error for what a driver threw.
 *
 * @param driver classifies it
 * @param thrown an error of ours passes unchanged
 * @param context verb, key and place for the sentence
 */
export function driverError(
  driver: Pick<Driver, "classify">,
  thrown: unknown,
  context: { action: string; key: string; location: string },
): ChorusError {
  if (thrown instanceof ChorusError) return thrown;
  const { action, key, location } = context;
  let failure: Failure;
  try {
    failure = driver.classify(thrown);
  } catch {
    failure = { kind: "io" };
  }
  const what = WHAT[failure.kind] ?? WHAT.io;
  const said = failure.message ??
    (failure.kind === "io" && thrown instanceof Error ? thrown.message : undefined);
  const target = key === "" ? location : `"${key}" in ${location}`;
  return new ChorusError(
    WHAT[failure.kind] === undefined ? "io" : failure.kind,
    `Can't ${action} ${target}: ${said ?? what}`,
    {
      subject: key === "" ? location : key,
      cause: thrown,
      remedy: failure.remedy ?? REMEDY[failure.kind],
      retryAfterMs: failure.retryAfterMs,
    },
  );
}
