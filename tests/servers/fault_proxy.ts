/** A proxy of the tests' own between client and server, which does to a request what lines and services do. */

import { Buffer } from "node:buffer";
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";

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
  /** The request's body is no longer read, and nothing answers. */
  | { kind: "stop_reading" }
  /** The line is cut when so many bytes of the answer's body have passed. */
  | { kind: "cut_answer"; after: number }
  /** The answer stops after so many bytes of its body, and the line stays open. */
  | { kind: "stall_answer"; after: number }
  /** The answer's text arrives as another one. */
  | { kind: "edit_answer"; edit: (text: string) => string }
  /** Something is done when the server has answered, before the answer passes. */
  | { kind: "meanwhile"; act: () => Promise<void> };

/** A request as the proxy saw it. */
export interface SeenRequest {
  method: string;
  /** Without query, percent-encoded. */
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string>>;
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

/**
 * A running proxy; disposing closes it. It speaks http on plain sockets, because
 * destroying the socket below Deno's http server does not cut the line.
 */
export class FaultProxy implements AsyncDisposable {
  /** Every request so far, in order. */
  readonly requests: SeenRequest[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #target: URL;
  readonly #agent: http.Agent;
  readonly #planned: Planned[] = [];

  private constructor(target: URL, ca?: string) {
    this.#target = target;
    this.#agent = ca === undefined
      ? new http.Agent({ keepAlive: true })
      : new https.Agent({ keepAlive: true, ca });
    this.#server = net.createServer((socket) => this.#serve(socket));
  }

  /**
   * @param origin where requests go: `http://127.0.0.1:PORT`
   * @param ca PEM text of the authority, where that is https; the proxy itself speaks http
   */
  static async start(origin: string, ca?: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(origin), ca);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
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
    for (const socket of this.#sockets) socket.destroy();
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

  /** One connection: requests one after the other. */
  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    let head = Buffer.alloc(0);
    let exchange: Exchange | undefined;
    socket.on("data", (chunk: Buffer) => {
      while (chunk.length > 0 && !socket.destroyed) {
        if (exchange === undefined) {
          head = Buffer.concat([head, chunk]);
          const end = head.indexOf("\r\n\r\n");
          if (end === -1) return;
          chunk = head.subarray(end + 4);
          exchange = this.#exchange(socket, head.subarray(0, end).toString("latin1"));
          head = Buffer.alloc(0);
        }
        const body = chunk.subarray(0, exchange.left);
        chunk = chunk.subarray(body.length);
        exchange.left -= body.length;
        exchange.body(body);
        if (exchange.left > 0) return;
        exchange.end();
        exchange = undefined;
      }
    });
    socket.on("close", () => exchange?.aborted());
  }

  #exchange(socket: net.Socket, head: string): Exchange {
    const [first = "", ...lines] = head.split("\r\n");
    const [method = "", target = "/"] = first.split(" ");
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const url = new URL(target, this.origin);
    const seen: SeenRequest = {
      method,
      path: url.pathname,
      query: url.searchParams,
      headers,
      bytes: 0,
    };
    this.requests.push(seen);
    const fault = this.#take(seen);
    const left = Number(headers["content-length"] ?? 0);
    const idle: Exchange = { left, body: () => {}, end: () => {}, aborted: () => {} };
    if (fault?.kind === "silence") return idle;
    if (fault?.kind === "stop_reading") {
      socket.pause();
      return idle;
    }
    if (fault?.kind === "answer") {
      const answer = () => {
        seen.status = fault.status;
        sendHead(socket, fault.status, {
          ...fault.headers,
          "content-length": String(Buffer.byteLength(fault.body ?? "")),
        });
        socket.write(fault.body ?? "");
      };
      if (fault.early) answer();
      return { ...idle, end: fault.early ? () => {} : answer };
    }
    const upstream = (this.#target.protocol === "https:" ? https : http).request({
      agent: this.#agent,
      host: this.#target.hostname,
      port: this.#target.port,
      method,
      path: target,
      headers,
    });
    upstream.on("error", () => socket.destroy());
    upstream.on("response", (answer) => {
      void this.#answer(socket, seen, fault, answer).catch(() => socket.destroy());
    });
    return {
      left,
      body: (chunk) => {
        const from = seen.bytes;
        seen.bytes += chunk.length;
        if (fault?.kind === "cut_request" && seen.bytes >= fault.after) {
          upstream.destroy();
          socket.destroy();
          return;
        }
        upstream.write(
          fault?.kind === "flip_request_byte"
            ? flipped(chunk, fault.at - from)
            : Buffer.from(chunk),
        );
      },
      end: () => {
        if (!socket.destroyed) upstream.end();
      },
      aborted: () => upstream.destroy(),
    };
  }

  async #answer(
    socket: net.Socket,
    seen: SeenRequest,
    fault: Fault | undefined,
    answer: http.IncomingMessage,
  ): Promise<void> {
    const { statusCode = 502, headers } = answer;
    if (fault?.kind === "lose_answer") {
      for await (const _ of answer) { /* the server is done */ }
      socket.destroy();
      return;
    }
    if (fault?.kind === "meanwhile") await fault.act();
    seen.status = statusCode;
    const chunks: Buffer[] = [];
    if (seen.method === "HEAD") {
      answer.resume();
      sendHead(socket, statusCode, headers);
      return;
    }
    for await (const chunk of answer) chunks.push(chunk);
    let body = Buffer.concat(chunks);
    if (fault?.kind === "edit_answer") body = Buffer.from(fault.edit(body.toString()));
    sendHead(socket, statusCode, { ...headers, "content-length": String(body.length) });
    if (fault?.kind === "cut_answer" || fault?.kind === "stall_answer") {
      socket.write(body.subarray(0, fault.after), () => {
        if (fault.kind === "cut_answer") socket.destroySoon();
      });
      return;
    }
    socket.write(body);
  }
}

/** One request under way. */
interface Exchange {
  /** Bytes of its body that have not come yet. */
  left: number;
  body(chunk: Buffer): void;
  end(): void;
  aborted(): void;
}

function sendHead(
  socket: net.Socket,
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): void {
  const lines = Object.entries(headers)
    .filter(([name]) => !["transfer-encoding", "connection", "keep-alive"].includes(name))
    .map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n`);
}

function flipped(chunk: Buffer, at: number): Buffer {
  const copy = Buffer.from(chunk);
  if (at >= 0 && at < copy.length) copy[at] = (copy[at] ?? 0) ^ 0x20;
  return copy;
}
