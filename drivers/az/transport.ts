/** One HTTP exchange over pooled connections, with the time limits and the errors that a store needs. */

import * as http from "node:http";
import * as https from "node:https";
import { getCACertificates } from "node:tls";
import { TransportError } from "./azure_error.ts";
import { isLoopback, type ProxyChoice } from "./proxy_choice.ts";

/** A request body: bytes that can be sent again, or a stream of exactly `size` bytes. */
export type Body =
  | Uint8Array
  | { chunks: AsyncIterable<Uint8Array>; size: number };

/** One request, complete with its credentials. Header names in lower case. */
export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: Body;
  signal?: AbortSignal;
}

/** The head of an answer; the body is still to be read with {@linkcode bodyOf} or {@linkcode textOf}. */
export interface HttpResponse {
  status: number;
  headers: http.IncomingHttpHeaders;
  message: http.IncomingMessage;
}

/** How long a connection may stand still, milliseconds. */
export interface TimeLimits {
  /** No connection is made. */
  connectMs: number;
  /** No byte could be sent, or none of a body arrived. */
  idleMs: number;
  /** The request is out and no answer begins. */
  answerMs: number;
}

/** What a transport is made of. */
export interface TransportOptions {
  limits: TimeLimits;
  /** Idle connections to one host that are kept for the next request. */
  keptConnections: number;
  /** PEM text of authorities trusted besides the public ones. */
  authorities?: string;
  /** Which proxy a host is reached through. */
  proxy: ProxyChoice;
}

/** Bodies are handed to the socket in pieces of this size, so that progress and aborts are seen. */
const SLICE_BYTES = 1 << 20;

/** A wait for the other side, and what happens when it lasts too long. */
interface Watch {
  /** Milliseconds since 1970; `Infinity` while the wait is our own. */
  deadline: number;
  expire: () => void;
}

/**
 * Sends requests over kept-alive connections. Retries nothing, follows no
 * redirect, always verifies certificates.
 *
 * It is `node:http` and not `fetch` because of what was measured under Deno
 * 2.9: `fetch` copies every body (250 blocks of 8 MiB: 3.8 s of CPU and 630 MB
 * against 0.5 s and 70 MB), can't send a stream with a Content-Length, and
 * shows no progress by which a stalled line could be told from a slow one.
 */
export class Transport {
  readonly #limits: TimeLimits;
  readonly #proxy: ProxyChoice;
  readonly #authorities: string[] | undefined;
  readonly #plain: http.Agent;
  readonly #agentOptions: https.AgentOptions;
  readonly #secure = new Map<string, Promise<https.Agent>>();
  readonly #watches = new Set<Watch>();
  /** Hosts spoken to so far, by the part of a URL before its path. */
  readonly #hosts = new Map<string, URL>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: TransportOptions) {
    this.#limits = options.limits;
    this.#proxy = options.proxy;
    // Named authorities replace the public ones unless those are given too;
    // behind an inspecting proxy some hosts still show public certificates.
    this.#authorities = options.authorities === undefined
      ? undefined
      : [...getCACertificates("default"), options.authorities];
    this.#agentOptions = {
      keepAlive: true,
      maxFreeSockets: options.keptConnections,
      scheduling: "lifo",
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      ...(this.#authorities && { ca: this.#authorities }),
    };
    this.#plain = new http.Agent(this.#agentOptions);
  }

  /**
   * Sends a request and resolves when the head of the answer is there.
   *
   * @throws TransportError when the line fails, is refused or stands still
   * @throws the signal's reason, or what the body's iterator threw
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    const { url, path } = this.#placeOf(request.url);
    const secure = url.protocol === "https:";
    const { body, signal } = request;
    const size = body instanceof Uint8Array ? body.byteLength : body?.size;
    const headers: Record<string, string> = { ...request.headers };
    if (size !== undefined) headers["content-length"] = String(size);

    const outgoing = (secure ? https : http).request({
      agent: secure ? await this.#agentFor(url) : this.#plain,
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port || (secure ? 443 : 80),
      path,
      method: request.method,
      headers,
    });

    const { promise: answered, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const settled = answered.then(() => {}, () => {});
    // A destroyed request doesn't always say so, hence the rejection first.
    const fail = (error: unknown) => {
      reject(error);
      outgoing.destroy();
      outgoing.socket?.destroy();
    };
    const abort = () => fail(signal?.reason);
    const watch = this.#watchFor(this.#limits.connectMs, () => fail(stalled(url)));
    signal?.addEventListener("abort", abort, { once: true });
    // Deno (2.9) sends a request again by itself, whatever its method, when a
    // kept connection breaks before the answer: a write would be done twice
    // and its second answer, "exists already", taken for the first. It does so
    // for requests that say they reuse a connection.
    outgoing.once("socket", () => outgoing.reusedSocket = false);
    outgoing.on("error", reject);
    outgoing.once("close", () => reject(new Error("the line was cut")));
    outgoing.once("response", (message) => {
      // Without a listener a cut line would end the process before the body is
      // read.
      message.on("error", () => {});
      resolve(message);
    });
    let bodyFailure: { error: unknown } | undefined;
    let over = false;
    settled.then(() => over = true);
    const sending = connected(outgoing, settled)
      .then(() => this.#sendBody(outgoing, body, watch, settled, () => over))
      .then(() => {
        watch.deadline = Date.now() + this.#limits.answerMs;
      }, (error) => {
        bodyFailure = { error };
        fail(error);
      });
    try {
      const message = await answered;
      await sending;
      // An answer before the end of the body is a refusal: the connection
      // can't be used again.
      if (!outgoing.writableEnded) message.once("end", () => outgoing.destroy());
      return { status: message.statusCode ?? 0, headers: message.headers, message };
    } catch (error) {
      outgoing.destroy();
      // The source must be at rest when the caller gets the error, except that
      // nobody who wants to stop waits for it.
      if (!signal?.aborted) await sending;
      if (bodyFailure) throw bodyFailure.error;
      throw lineError(error, url, signal);
    } finally {
      this.#watches.delete(watch);
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * The body of an answer, chunk by chunk. Ends only when the announced length
   * has arrived; leaving early closes the connection.
   *
   * @throws TransportError when the body is cut short or stands still
   */
  async *bodyOf(
    response: HttpResponse,
    url: string,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { message } = response;
    const announced = response.headers["content-length"];
    let received = 0;
    const where = new URL(url);
    const abort = () => message.destroy(toError(signal?.reason));
    signal?.addEventListener("abort", abort, { once: true });
    const watch = this.#watchFor(
      this.#limits.idleMs,
      () => message.destroy(stalled(where)),
    );
    try {
      signal?.throwIfAborted();
      for await (const chunk of message as AsyncIterable<Uint8Array>) {
        watch.deadline = Infinity;
        received += chunk.byteLength;
        yield chunk;
        watch.deadline = Date.now() + this.#limits.idleMs;
      }
    } catch (error) {
      throw lineError(error, where, signal);
    } finally {
      this.#watches.delete(watch);
      signal?.removeEventListener("abort", abort);
    }
    if (
      !message.complete ||
      (announced !== undefined && received !== Number(announced))
    ) {
      throw new TransportError(
        `the answer was cut short after ${received} of ${announced ?? "unknown"} bytes`,
        where,
      );
    }
  }

  /** The whole body of an answer as text; for lists and error messages, not for blobs. */
  async textOf(
    response: HttpResponse,
    url: string,
    signal?: AbortSignal,
  ): Promise<string> {
    if (response.headers["content-length"] === "0") {
      response.message.resume();
      return "";
    }
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of this.bodyOf(response, url, signal)) {
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  }

  /** Closes every connection. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#plain.destroy();
    for (const agent of this.#secure.values()) agent.then((made) => made.destroy(), () => {});
    this.#secure.clear();
  }

  /** The host and the path of a URL; parsing each in full shows in the CPU time of small files. */
  #placeOf(text: string): { url: URL; path: string } {
    const slash = text.indexOf("/", text.indexOf("//") + 2);
    const origin = text.slice(0, slash);
    let url = slash === -1 ? undefined : this.#hosts.get(origin);
    if (url === undefined) {
      url = new URL(text);
      const path = url.pathname + url.search;
      // Only what needs no parsing is remembered: no name or password, no other way to write it.
      if (origin === url.origin) this.#hosts.set(origin, new URL(origin));
      return { url, path };
    }
    return { url, path: text.slice(slash) };
  }

  /** Hands the body over at the pace of the line, as long as it is wanted. */
  async #sendBody(
    outgoing: http.ClientRequest,
    body: Body | undefined,
    watch: Watch,
    settled: Promise<void>,
    over: () => boolean,
  ): Promise<void> {
    if (body === undefined) {
      outgoing.end();
      return;
    }
    if (body instanceof Uint8Array && body.byteLength <= SLICE_BYTES) {
      outgoing.end(body);
      return;
    }
    watch.deadline = Infinity;
    for await (
      const chunk of body instanceof Uint8Array ? [body] : body.chunks
    ) {
      for (let at = 0; at < chunk.byteLength; at += SLICE_BYTES) {
        if (over()) return;
        if (outgoing.write(chunk.subarray(at, at + SLICE_BYTES))) continue;
        watch.deadline = Date.now() + this.#limits.idleMs;
        await drained(outgoing, settled);
        watch.deadline = Infinity;
      }
    }
    if (!over()) outgoing.end();
  }

  #watchFor(ms: number, expire: () => void): Watch {
    const watch = { deadline: Date.now() + ms, expire };
    this.#watches.add(watch);
    // One timer for all exchanges: a timer each shows in the CPU time of
    // many small files.
    this.#timer ??= setInterval(
      () => this.#expire(),
      Math.min(this.#limits.idleMs, this.#limits.answerMs, 10_000) / 10,
    );
    return watch;
  }

  #expire(): void {
    if (this.#watches.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = Date.now();
    for (const watch of this.#watches) {
      if (watch.deadline > now) continue;
      this.#watches.delete(watch);
      watch.expire();
    }
  }

  #agentFor(url: URL): Promise<https.Agent> {
    const proxy = isLoopback(url.hostname) ? undefined : this.#proxy(url);
    const key = proxy ?? "";
    let agent = this.#secure.get(key);
    if (agent === undefined) {
      agent = this.#secureAgent(proxy);
      this.#secure.set(key, agent);
    }
    return agent;
  }

  async #secureAgent(proxy: string | undefined): Promise<https.Agent> {
    if (proxy === undefined) return new https.Agent(this.#agentOptions);
    const { TunnelAgent } = await import("./tunnel_agent.ts");
    return new TunnelAgent(proxy, this.#agentOptions, this.#authorities) as unknown as https.Agent;
  }
}

/** Resolves when the connection stands, or the exchange is over. */
function connected(outgoing: http.ClientRequest, settled: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    settled.then(resolve);
    outgoing.once("socket", (socket) => {
      if (socket.connecting) socket.once("connect", resolve);
      else resolve();
    });
  });
}

/** Resolves when the socket takes more, or the exchange is over. */
function drained(outgoing: http.ClientRequest, settled: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    outgoing.once("drain", resolve);
    settled.then(resolve);
  });
}

function stalled(url: URL): TransportError {
  return new TransportError("no answer came in time", url, {
    code: "ETIMEDOUT",
  });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** What a socket reported, as an error that names the host; aborts and our own errors as they are. */
function lineError(error: unknown, url: URL, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof TransportError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new TransportError(message, url, { code, cause: error });
}
