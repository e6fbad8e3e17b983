/**
 * Azure Blob Storage: `az://container/prefix`.
 *
 * What the service checks and what this driver checks is laid down in
 * docs/azure.md. Requests are in az/blob_service.ts, sign-in is in az/sign_in.ts.
 */

import type { Driver, DriverOptions } from "../src/storage/driver.ts";
import { openAzure } from "./az/open_azure.ts";

export { signIn, signOut } from "./az/person.ts";

/**
 * Opens a container with the credentials of an `auth` section.
 *
 * @throws an error with `failure` when the sign-in is missing or refused, or a setting is wrong
 */
export default function open(options: DriverOptions): Promise<Driver> {
  return openAzure(options);
}
