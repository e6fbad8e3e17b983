/** Which proxy a host is reached through, from the environment variables that every tool reads. */

/** The proxy's URL for a target, or undefined for a direct connection. */
export type ProxyChoice = (target: URL) => string | undefined;

/** True for the names and addresses of this machine itself. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return host === "localhost" || host.endsWith(".localhost") ||
    host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * Reads `HTTPS_PROXY` and `NO_PROXY` (either case). In `NO_PROXY`, separated by
 * commas or spaces: a host name counts for itself and everything below it, with
 * or without a leading `.` or `*.`; `host:port` for that port only; `*` for all.
 */
export function proxyChoice(
  environment: Readonly<Record<string, string>>,
): ProxyChoice {
  const proxy = environment.HTTPS_PROXY ?? environment.https_proxy ?? "";
  if (proxy.trim() === "") return () => undefined;
  const url = /^[a-z]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  const exceptions = (environment.NO_PROXY ?? environment.no_proxy ?? "")
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .map((entry) => entry.toLowerCase().replace(/^\*?\./, ""));
  return (target) => exceptions.some((exception) => matches(exception, target)) ? undefined : url;
}

function matches(exception: string, target: URL): boolean {
  if (exception === "*") return true;
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const [, name = exception, port] = /^(.+?):(\d+)$/.exec(exception) ?? [];
  if (port !== undefined && port !== (target.port || "443")) return false;
  return host === name || host.endsWith(`.${name}`);
}
