/** Connections through a proxy. */

import type * as https from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";

/** Goes to the proxy with `CONNECT`; the authorities count for the server behind it too. */
export class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #authorities: string[] | undefined;

  constructor(
    proxy: string,
    options: https.AgentOptions,
    authorities: string[] | undefined,
  ) {
    super(proxy, options);
    this.#authorities = authorities;
  }

  /** Told here because it would be guessed from the stack, which looks otherwise under Deno. */
  override isSecureEndpoint(): boolean {
    return true;
  }

  override connect(
    ...[request, options]: Parameters<HttpsProxyAgent<string>["connect"]>
  ): ReturnType<HttpsProxyAgent<string>["connect"]> {
    return super.connect(
      request,
      {
        ...options,
        rejectUnauthorized: true,
        ...(this.#authorities && { ca: this.#authorities }),
      } as typeof options,
    );
  }
}
