/** Signing a person in ahead of time, by the driver of a place. */

import { ChorusError } from "../errors/chorus_error.ts";
import type { ConfiguredDriver } from "./configured_driver.ts";
import type { DriverModule, SignedIn, SignInOptions } from "./driver.ts";
import { schemeOf } from "./location.ts";
import { loadDriver, openingError, type StorePlace } from "./registry.ts";

/** What signing in needs besides the place. */
export interface SignInContext extends Omit<SignInOptions, "auth"> {
  /** Drivers of the configuration, by scheme. */
  drivers: Readonly<Record<string, ConfiguredDriver>>;
}

/**
 * Signs a person in at a place and keeps the sign-in for later runs.
 *
 * @throws {ChorusError} `usage` where there is nothing to sign in to; `credentials` when the
 *   sign-in is declined or expires
 */
export async function signIn(place: StorePlace, context: SignInContext): Promise<SignedIn> {
  const { signIn } = await moduleOf(place, context);
  if (signIn === undefined) throw nothingToSignInTo(place);
  const { drivers: _, ...options } = context;
  try {
    return await signIn({ ...options, auth: place.auth });
  } catch (error) {
    context.signal?.throwIfAborted();
    throw openingError(error, place.path);
  }
}

/** Forgets a kept sign-in; false when there was none. */
export async function signOut(
  place: StorePlace,
  context: Pick<SignInContext, "drivers" | "environment">,
): Promise<boolean> {
  const { signOut } = await moduleOf(place, context);
  if (signOut === undefined) throw nothingToSignInTo(place);
  return await signOut({ environment: context.environment });
}

async function moduleOf(
  { path }: StorePlace,
  { drivers }: Pick<SignInContext, "drivers">,
): Promise<DriverModule> {
  return await loadDriver(schemeOf(path), path, drivers);
}

function nothingToSignInTo({ path }: StorePlace): ChorusError {
  return new ChorusError("usage", `There is nothing to sign in to at "${path}".`, {
    subject: path,
    remedy: "login and logout are for central places in Azure (az://).",
  });
}
