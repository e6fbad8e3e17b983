/** From a configured place to an open store: the driver is looked up by the path's scheme. */

import { ChorusError, isChorusError } from "../errors/chorus_error.ts";
import type { Driver, DriverModule, DriverOptions } from "./driver.ts";
import { driverError } from "./driver_error.ts";
import { type ConfiguredDriver, loadConfiguredDriver } from "./configured_driver.ts";
import { parseLocation } from "./location.ts";
import { Store, type StoreOptions } from "./store.ts";

/**
 * The drivers that come with the program. Literal imports, so that a compiled
 * program embeds them; dynamic, so that an SDK is loaded only when it is used.
 */
const BUILT_IN: Readonly<
  Record<string, () => Promise<DriverModule>>
> = {
  az: () => import("../../drivers/az.ts"),
  file: () => import("../../drivers/file.ts"),
};

/** Where something is stored, and with which credentials. */
export interface StorePlace {
  /** A local path, or one whose scheme picks the driver. */
  path: string;
  auth: Readonly<Record<string, string>>;
}

/** Everything that opening a store needs besides the place. */
export interface StoreContext
  extends Omit<DriverOptions, "location" | "auth">, Omit<StoreOptions, "location"> {
  /** Drivers of the configuration, by scheme; they win over built-in ones. */
  drivers: Readonly<Record<string, ConfiguredDriver>>;
}

/**
 * Opens a storage place.
 *
 * @param place where, and with which credentials
 * @param context drivers, environment, retries and hooks
 * @throws {ChorusError} `config` for an unknown scheme or a module that is no driver;
 *   what the driver's own opening throws, classified as `credentials` or as it says
 */
export async function openStore(
  place: StorePlace,
  context: StoreContext,
): Promise<Store> {
  const { drivers, retry, onWaiting, onBytes, ...driverContext } = context;
  const location = parseLocation(place.path);
  const { default: factory } = await loadDriver(location.scheme, place.path, drivers);
  let driver: Driver;
  try {
    driver = await factory({
      ...driverContext,
      location: "path" in location ? location.path : place.path,
      auth: place.auth,
    });
  } catch (error) {
    context.signal?.throwIfAborted();
    throw openingError(error, place.path);
  }
  return new Store(driver, { location: place.path, retry, onWaiting, onBytes });
}

/**
 * The module of a scheme's driver.
 *
 * @param path where the scheme was found, for the message
 * @throws {ChorusError} `config` as {@linkcode openStore} says
 */
export async function loadDriver(
  scheme: string,
  path: string,
  drivers: Readonly<Record<string, ConfiguredDriver>>,
): Promise<DriverModule> {
  const configured = Object.hasOwn(drivers, scheme) ? drivers[scheme] : undefined;
  if (configured !== undefined) {
    return await loadConfiguredDriver(scheme, configured);
  }
  const builtIn = Object.hasOwn(BUILT_IN, scheme) ? BUILT_IN[scheme] : undefined;
  if (builtIn !== undefined) return await builtIn();
  const known = [...new Set([...Object.keys(BUILT_IN), ...Object.keys(drivers)])];
  throw new ChorusError(
    "config",
    `No driver for "${scheme}://" in "${path}"; there is one for ${
      known.sort().map((name) => `"${name}"`).join(", ")
    }`,
    {
      subject: path,
      remedy:
        `Correct the path, or name a driver module in the configuration: [drivers] ${scheme} = "./my_driver.ts"`,
    },
  );
}

/** An error of the driver's own opening: there is no `classify` to ask yet. */
export function openingError(error: unknown, path: string): ChorusError {
  if (isChorusError(error)) return error;
  const classify = error instanceof Error && "failure" in error
    ? () => error.failure as ReturnType<Driver["classify"]>
    : () => ({
      kind: "io" as const,
      message: error instanceof Error ? error.message : String(error),
    });
  return driverError({ classify }, error, {
    action: "open",
    key: "",
    location: path,
  });
}
