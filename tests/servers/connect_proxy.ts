/** A CONNECT proxy on loopback, as sites have them between their machines and the world. */

import { Buffer } from "node:buffer";
import * as net from "node:net";

/** What the proxy does besides its work. */
export interface ConnectProxyOptions {
  /** `user:password` that it asks for. */
  credentials?: string;
  /** Leads a host and port elsewhere: names that exist only in the test. */
  route?: (host: string, port: number) => { host: string; port: number };
}

/** A running proxy; disposing closes it. */
export class ConnectProxy implements AsyncDisposable {
  /** `host:port` of every tunnel asked for, in order. */
  readonly tunnels: string[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(options: ConnectProxyOptions) {
    this.#server = net.createServer((socket) => this.#handle(socket, options));
  }

  static async start(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** `http://127.0.0.1:PORT`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #handle(socket: net.Socket, options: ConnectProxyOptions): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    let head = "";
    const read = (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", read);
      const [, host, port] = /^CONNECT (\S+):(\d+) HTTP/.exec(head) ?? [];
      if (host === undefined || port === undefined) {
        socket.end("HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      this.tunnels.push(`${host}:${port}`);
      const wanted = options.credentials &&
        `proxy-authorization: basic ${Buffer.from(options.credentials).toString("base64")}`;
      if (wanted && !head.toLowerCase().includes(wanted.toLowerCase())) {
        socket.end(
          "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        );
        return;
      }
      const target = options.route?.(host, Number(port)) ?? { host, port: Number(port) };
      const upstream = net.connect(target.port, target.host, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.pipe(socket);
        socket.pipe(upstream);
      });
      this.#sockets.add(upstream);
      upstream.on("error", () => socket.destroy());
      upstream.on("close", () => {
        this.#sockets.delete(upstream);
        socket.destroy();
      });
      socket.on("close", () => upstream.destroy());
    };
    socket.on("data", read);
  }
}
