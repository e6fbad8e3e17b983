/** Addresses of services: https, and plain http only to this very machine. */

import { maskText, quote } from "./shown_value.ts";

/**
 * What is wrong with a service's address, as the end of a sentence that begins
 * with the key; undefined when it may be used.
 */
export function insecureUrl(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return "must be an address that begins with https://";
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return `must begin with https:// (http:// is for the loopback address only), found ${
      quote(maskText(url.origin))
    }`;
  }
  return undefined;
}

/** True for names and addresses that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") ||
    hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
