/** `chorus-upload login` and `logout` for Azure. */

import type { SignedIn, SignInOptions, SignOutOptions } from "../../src/storage/driver.ts";
import { AzureFailure } from "./azure_error.ts";
import { SERVICE_VERSION } from "./blob_service.ts";
import { createTransport } from "./open_azure.ts";
import { TokenCacheFile, tokenCachePath } from "./token_cache.ts";
import { tenantOf } from "./token_keeper.ts";
import type { Transport } from "./transport.ts";

const NO_FOLDER = new AzureFailure(
  "credentials",
  "there is no folder to keep a sign-in in",
  { remedy: "Set HOME or XDG_CONFIG_HOME." },
);

/**
 * Signs a person in by device code and keeps the sign-in for the runs to come.
 *
 * @throws an error with `failure`: `credentials` when the code is declined or expires
 */
export async function signIn(options: SignInOptions): Promise<SignedIn> {
  const { signInByDeviceCode } = await import("./device_code.ts");
  const { hasServicePrincipal, personOptions } = await import("./sign_in.ts");
  const transport = await createTransport(options);
  try {
    const person = personOptions({ ...options, transport });
    if (person === undefined) throw NO_FOLDER;
    const tenantId = person.tenantId ?? await tenantOfAccount(options, transport);
    const { username, tenantId: tenant } = await signInByDeviceCode(
      { ...person, tenantId },
      options.notify ?? (() => {}),
      options.signal,
    );
    return {
      account: username,
      place: `tenant ${tenant}`,
      keptIn: person.cache.path,
      ...(hasServicePrincipal(options.environment) && {
        warning:
          "The environment holds a service principal (AZURE_CLIENT_ID), which goes before this sign-in.",
      }),
    };
  } finally {
    transport.close();
  }
}

/** Forgets the kept sign-in; false when there was none. */
export async function signOut(options: SignOutOptions): Promise<boolean> {
  const path = tokenCachePath(options.environment);
  return path === undefined ? false : await new TokenCacheFile(path).remove();
}

/**
 * The tenant that the storage account trusts: people are often guests there,
 * and their own tenant would be the wrong one. The service names it to whoever
 * comes without a token.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge
 */
async function tenantOfAccount(
  { auth, signal }: SignInOptions,
  transport: Transport,
): Promise<string | undefined> {
  const url = auth.azure_account_url ??
    (auth.azure_account_name && `https://${auth.azure_account_name}.blob.core.windows.net`);
  if (!url) return undefined;
  try {
    const response = await transport.send({
      method: "GET",
      url: `${url.replace(/\/+$/, "")}/?comp=list`,
      headers: { "x-ms-version": SERVICE_VERSION, authorization: "Bearer none" },
      signal,
    });
    response.message.resume();
    return tenantOf(response.headers["www-authenticate"]);
  } catch {
    // The sign-in works without; the account is only asked to save a question.
    signal?.throwIfAborted();
    return undefined;
  }
}
