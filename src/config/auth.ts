/** One auth table to the credentials of one place, complete and free of contradictions. */

import { completeAzure } from "./azure_auth.ts";
import type { Auth } from "./config.ts";
import { authKeyInfo } from "./key_table.ts";
import type { KeyPath, Problems } from "./problems.ts";
import type { AuthTable, SecretValue } from "./schema.ts";
import { resolveSecret } from "./secret.ts";
import { quote } from "./shown_value.ts";
import { containerOf } from "./place_path.ts";
import { insecureUrl } from "./service_url.ts";
import { schemeOf } from "../storage/location.ts";

/** Where credentials are needed, and what they can be completed from. */
export interface AuthRequest {
  /** The place's path; its scheme says what is needed. */
  location: string;
  /** As in the file, undefined when there is no table. */
  table: AuthTable | undefined;
  /** Where the table is or would be. */
  path: KeyPath;
  /** For an error about missing credentials: why there are none. */
  hint?: string;
  environment: Readonly<Record<string, string>>;
  problems: Problems;
}

/**
 * Resolves secrets, fills in what follows from other keys, and tells what is
 * missing. Credentials that an SDK finds by itself (AWS profiles and roles,
 * Google's default credentials, an Azure sign-in) are left to the drivers.
 */
export async function resolveAuth(request: AuthRequest): Promise<Auth> {
  const { table, path, environment, problems } = request;
  const resolved = new Map<string, string>();
  for (const [name, value] of Object.entries(table ?? {})) {
    const at = [...path, name];
    if (value === undefined || problems.hasErrorAt(at)) continue;
    const text = await resolveSecret(
      value satisfies SecretValue,
      at,
      environment,
      problems,
    );
    if (text !== undefined) resolved.set(name, text);
  }
  const scheme = schemeOf(request.location);
  if (scheme === "az") completeAzure(resolved, request);
  else if (scheme === "s3") checkS3(resolved, request);
  for (const name of ["aws_endpoint_url", "google_endpoint_url"]) {
    const url = resolved.get(name);
    const wrong = url === undefined ? undefined : insecureUrl(url);
    if (wrong !== undefined) problems.error([...path, name], wrong);
  }
  return Object.fromEntries(resolved);
}

/** True when an auth value by this name must not be shown; names we don't know are a driver's own. */
export function isSecretName(name: string): boolean {
  return authKeyInfo.get(name)?.secret ?? !authKeyInfo.has(name);
}

function checkS3(auth: Map<string, string>, request: AuthRequest): void {
  const { path, problems } = request;
  const [id, secret] = ["aws_access_key_id", "aws_secret_access_key"];
  for (const [given, missing] of [[id, secret], [secret, id]]) {
    if (
      auth.has(given) && !auth.has(missing) &&
      !problems.hasErrorAt([...path, missing])
    ) {
      problems.error(
        [...path, missing],
        `is missing: ${given} is of no use without it`,
      );
    }
  }
  const bucket = auth.get("s3_container");
  const actual = containerOf(request.location);
  if (bucket !== undefined && bucket !== actual) {
    problems.warn(
      [...path, "s3_container"],
      `is ${quote(bucket)}, the path's bucket is ${quote(actual)}: the path counts`,
    );
  }
}
