/** A proxy of the tests' own between client and server, which does to a request what lines and services do. */

import { Buffer } from "node:buffer";
import * as http from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to a request. */
export type Fault =
  /** One byte of the request's body arrives as another one. */
  | { kind: "flip_request_byte"; at: number }
  /** The line is cut when so many bytes of the request's body have passed. */
  | { kind: "cut_request"; after: number }
  /** The server does it, and the line is cut before its answer. */
  | { kind: "lose_answer" }
  /** Something answers in the server's place, which never sees the request. */
  | {
    kind: "answer";
    status: number;
    headers?: Record<string, string>;
    body?: string;
    early?: boolean;
  }
  /** Nothing ever answers; the server never sees the request. */
  | { kind: "silence" }
  /** The line is cut when so many bytes of the answer's body have passed. */
  | { kind: "cut_answer"; after: number }
  /** The answer stops after so many bytes of its body, and the line stays open. */
  | { kind: "stall_answer"; after: number }
  /** One byte of the answer's body arrives as another one. */
  | { kind: "flip_answer_byte"; at: number }
  /** Something is done when the server has answered, before the answer passes. */
  | { kind: "meanwhile"; act: () => Promise<void> };

/** A request as the proxy saw it. */
export interface SeenRequest {
  method: string;
  /** Without query, percent-encoded. */
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  /** Bytes of the body that arrived. */
  bytes: number;
  /** Of the answer that passed, if one did. */
  status?: number;
}

interface Planned {
  when: (request: SeenRequest) => boolean;
  fault: Fault;
  times: number;
}

/** A running proxy; disposing closes it. */
export class FaultProxy implements AsyncDisposable {
  /** Every request so far, in order. */
  readonly requests: SeenRequest[] = [];
  readonly #server: http.Server;
  readonly #target: URL;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #planned: Planned[] = [];

  private constructor(target: URL) {
    this.#target = target;
    this.#server = http.createServer((request, response) => this.#handle(request, response));
  }

  /** @param origin where requests go: `http://127.0.0.1:PORT` */
  static async start(origin: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(origin));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The URL's counterpart that leads through the proxy. */
  through(url: string): string {
    const { pathname, search } = new URL(url);
    return `${this.origin}${pathname}${search}`;
  }

  /** Plans a fault for the next requests that match, `times` of them. */
  inject(when: (request: SeenRequest) => boolean, fault: Fault, times = 1): void {
    this.#planned.push({ when, fault, times });
  }

  /** Faults that were planned and have not happened; a test that ends with one has tested nothing. */
  get pending(): number {
    return this.#planned.reduce(
      (sum, { times }) => sum + (Number.isFinite(times) ? times : 0),
      0,
    );
  }

  /** Forgets planned faults. */
  calm(): void {
    this.#planned.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #take(request: SeenRequest): Fault | undefined {
    const index = this.#planned.findIndex(({ when }) => when(request));
    const planned = this.#planned[index];
    if (planned === undefined) return undefined;
    if (--planned.times <= 0) this.#planned.splice(index, 1);
    return planned.fault;
  }

  #handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const url = new URL(request.url ?? "/", this.origin);
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      bytes: 0,
    };
    this.requests.push(seen);
    const fault = this.#take(seen);
    const cut = () => {
      request.socket.destroy();
    };
    request.on("error", () => {});
    response.on("error", () => {});
    if (fault?.kind === "silence") {
      request.resume();
      return;
    }
    if (fault?.kind === "answer") {
      const answer = () => {
        response.writeHead(fault.status, fault.headers);
        response.end(fault.body ?? "");
        seen.status = fault.status;
      };
      if (fault.early) answer();
      else request.on("end", answer);
      request.resume();
      return;
    }
    const upstream = http.request({
      agent: this.#agent,
      host: this.#target.hostname,
      port: this.#target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
    upstream.on("error", cut);
    request.on("aborted", () => upstream.destroy());
    request.on("data", (chunk: Buffer) => {
      const from = seen.bytes;
      seen.bytes += chunk.length;
      if (fault?.kind === "cut_request" && seen.bytes >= fault.after) {
        upstream.destroy();
        cut();
        return;
      }
      upstream.write(
        fault?.kind === "flip_request_byte" ? flipped(chunk, fault.at - from) : chunk,
      );
    });
    request.on("end", () => upstream.end());
    upstream.on("response", async (answer) => {
      answer.on("error", cut);
      if (fault?.kind === "lose_answer") {
        answer.resume();
        answer.on("end", cut);
        return;
      }
      if (fault?.kind === "meanwhile") await fault.act();
      seen.status = answer.statusCode;
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      let passed = 0;
      answer.on("data", (chunk: Buffer) => {
        const from = passed;
        passed += chunk.length;
        if (fault?.kind === "cut_answer" || fault?.kind === "stall_answer") {
          if (from >= fault.after) return;
          response.write(chunk.subarray(0, fault.after - from));
          if (passed >= fault.after && fault.kind === "cut_answer") setTimeout(cut, 20);
          return;
        }
        response.write(
          fault?.kind === "flip_answer_byte" ? flipped(chunk, fault.at - from) : chunk,
        );
      });
      answer.on("end", () => {
        if (fault?.kind !== "cut_answer" && fault?.kind !== "stall_answer") response.end();
      });
    });
  }
}

function flipped(chunk: Buffer, at: number): Buffer {
  if (at < 0 || at >= chunk.length) return chunk;
  const copy = Buffer.from(chunk);
  copy[at] = (copy[at] ?? 0) ^ 0x20;
  return copy;
}
