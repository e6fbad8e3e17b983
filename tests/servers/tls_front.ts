/**
 * The https side of a server that speaks http: ends TLS and passes the bytes on.
 *
 * Azurite could speak https itself, but Deno 2.9's `node:https` server, with
 * Azurite on it, doesn't bear a connection that is used again: when a PUT of some
 * 40 to 100 KiB follows a GET on it, every byte arrives and most of the requests
 * are never handled. Deno's own TLS before Azurite's http server has no such trouble.
 */

/** A running front; disposing closes it and every connection. */
export class TlsFront implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #target: Deno.ConnectOptions;
  readonly #connections = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  private constructor(listener: Deno.TlsListener, target: Deno.ConnectOptions) {
    this.#listener = listener;
    this.#target = target;
    this.#accepting = this.#accept();
  }

  /**
   * @param origin where the bytes go: `http://127.0.0.1:PORT`
   * @param tls PEM files of the certificate and its key
   */
  static async start(origin: string, tls: { cert: string; key: string }): Promise<TlsFront> {
    const { hostname, port } = new URL(origin);
    const [cert, key] = await Promise.all([
      Deno.readTextFile(tls.cert),
      Deno.readTextFile(tls.key),
    ]);
    const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    return new TlsFront(listener, { hostname, port: Number(port) });
  }

  /** `https://127.0.0.1:PORT`. */
  get origin(): string {
    return `https://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    const running = new Set<Promise<void>>();
    try {
      for (;;) {
        const client = await this.#listener.accept();
        const done = this.#pass(client).finally(() => running.delete(done));
        running.add(done);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await Promise.all(running);
  }

  /** Passes both directions; where one breaks off, as when a process is killed, both end. */
  async #pass(client: Deno.TlsConn): Promise<void> {
    this.#connections.add(client);
    let server: Deno.Conn | undefined;
    try {
      server = await Deno.connect(this.#target);
      this.#connections.add(server);
      await Promise.all([
        client.readable.pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ]);
    } catch {
      // A client that doesn't trust the certificate, or is gone: nobody is left to tell.
    } finally {
      for (const connection of [client, server]) {
        if (connection === undefined) continue;
        this.#connections.delete(connection);
        close(connection);
      }
    }
  }
}

/** The streams close a connection themselves where they come to their end. */
function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
