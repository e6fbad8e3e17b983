/** A certificate authority of the tests' own, made anew each time by openssl. */

import { join } from "node:path";

/** An authority with one server certificate for loopback. PEM files in a folder that disposing removes. */
export interface TestAuthority extends AsyncDisposable {
  /** The authority's certificate: what `ca_cert` names. */
  ca: string;
  cert: string;
  key: string;
}

/** False where openssl is missing: tests that need a certificate are skipped then. */
export const opensslAvailable: boolean = await (async () => {
  try {
    return (await openssl(["version"])).success;
  } catch {
    return false;
  }
})();

/**
 * @param names what the server's certificate is for, besides the loopback address: `DNS:…`, `IP:…`
 */
export async function testAuthority(names: readonly string[] = []): Promise<TestAuthority> {
  const folder = await Deno.makeTempDir();
  const at = (name: string) => join(folder, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  try {
    await made(openssl([
      ...["req", "-x509", ...newKey, "-keyout", at("ca.key"), "-out", at("ca.pem")],
      ...["-subj", "/CN=Authority of a test", "-days", "2"],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
    ]));
    await made(openssl([
      ...["req", ...newKey, "-keyout", at("server.key"), "-out", at("server.csr")],
      ...["-subj", "/CN=127.0.0.1"],
    ]));
    await Deno.writeTextFile(
      at("extensions"),
      `subjectAltName=${["IP:127.0.0.1", "DNS:localhost", ...names].join(",")}\n`,
    );
    await made(openssl([
      ...["x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
      ...["-CAcreateserial", "-out", at("server.pem"), "-days", "2", "-extfile", at("extensions")],
    ]));
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
  return {
    ca: at("ca.pem"),
    cert: at("server.pem"),
    key: at("server.key"),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function openssl(args: string[]): Promise<Deno.CommandOutput> {
  return await new Deno.Command("openssl", { args, stdout: "piped", stderr: "piped" }).output();
}

async function made(output: Promise<Deno.CommandOutput>): Promise<void> {
  const { success, stderr } = await output;
  if (!success) throw new Error(`openssl: ${new TextDecoder().decode(stderr)}`);
}
