/**
 * A real Azure Blob server on loopback: Azurite, from npm, in memory.
 *
 * What it does not check, so that no test may lean on it: the Content-MD5 of a
 * block list, the length of names, roles, and the difference between `\` and `/`.
 */

import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { TlsFront } from "./tls_front.ts";

/** Azurite's well-known development account. */
export const ACCOUNT = "devstoreaccount1";
/** Azurite's well-known development key; a secret of nobody. */
export const ACCOUNT_KEY =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** How to start it. */
export interface AzuriteOptions {
  /** PEM files; with them it speaks https. */
  tls?: { cert: string; key: string };
  /** Accept Entra tokens (unsigned ones too); needs `tls`. */
  oauth?: boolean;
  /** Names of further accounts with the same key: `upload` answers as `https://upload.any.domain`. */
  accounts?: readonly string[];
}

/** A running server; disposing stops it. */
export class Azurite implements AsyncDisposable {
  /** `http://127.0.0.1:PORT/devstoreaccount1`. */
  readonly accountUrl: string;
  readonly #process: Deno.ChildProcess;
  readonly #drained: Promise<unknown>;
  readonly #front: TlsFront | undefined;
  #containers = 0;

  private constructor(
    origin: string,
    process: Deno.ChildProcess,
    drained: Promise<unknown>,
    front: TlsFront | undefined,
  ) {
    this.accountUrl = `${front?.origin ?? origin}/${ACCOUNT}`;
    this.#process = process;
    this.#drained = drained;
    this.#front = front;
  }

  /** Starts a server on a free port and waits until it listens. */
  static async start(options: AzuriteOptions = {}): Promise<Azurite> {
    const args = [
      "run",
      "-A",
      "--no-prompt",
      `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
      new URL("azurite_process.ts", import.meta.url).pathname,
      "--blobHost",
      "127.0.0.1",
      "--blobPort",
      "0",
      "--inMemoryPersistence",
      "--silent",
      "--skipApiVersionCheck",
      "--disableTelemetry",
    ];
    if (options.oauth) args.push("--oauth", "basic");
    const process = new Deno.Command(Deno.execPath(), {
      args,
      env: {
        AZURITE_ACCOUNTS: [ACCOUNT, ...options.accounts ?? []]
          .map((name) => `${name}:${ACCOUNT_KEY}`).join(";"),
        ...(options.tls && { AZURITE_BEHIND_TLS: "1" }),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = { stderr: "" };
    const errors = (async () => {
      for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
        said.stderr = (said.stderr + text).slice(-4000);
      }
    })();
    const lines = process.stdout.pipeThrough(new TextDecoderStream());
    let text = "";
    const reader = lines.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        await errors;
        throw new Error(`Azurite did not start: ${text}${said.stderr}`);
      }
      text += value;
      const origin = /successfully listens on (https?:\/\/[^\s]+)/.exec(text)?.[1];
      if (origin === undefined) continue;
      const drained = (async () => {
        while (!(await reader.read()).done) { /* discard */ }
        await errors;
      })();
      const front = options.tls && await TlsFront.start(origin, options.tls);
      return new Azurite(origin, process, drained, front);
    }
  }

  /** The origin without the account: `http://127.0.0.1:PORT`. */
  get origin(): string {
    return new URL(this.accountUrl).origin;
  }

  get connectionString(): string {
    return `DefaultEndpointsProtocol=${
      new URL(this.accountUrl).protocol.slice(0, -1)
    };AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};BlobEndpoint=${this.accountUrl};`;
  }

  /** The SDK's own client, to look behind the driver's back. */
  client(): BlobServiceClient {
    return new BlobServiceClient(
      this.accountUrl,
      new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY),
      { retryOptions: { maxTries: 1 } },
    );
  }

  /** Makes a new container and gives its name. */
  async container(account: string = ACCOUNT): Promise<string> {
    const name = `c${++this.#containers}-${crypto.randomUUID().slice(0, 8)}`;
    const url = new URL(`${this.origin}/${account}/${name}`);
    // Not through the SDK: over https the certificate is the tests' own.
    const { createHmac } = await import("node:crypto");
    const date = new Date().toUTCString();
    const version = "2024-11-04";
    const text = [
      "PUT",
      ...Array(11).fill(""),
      `x-ms-date:${date}`,
      `x-ms-version:${version}`,
      `/${account}${url.pathname}`,
      "restype:container",
    ].join("\n");
    const signature = createHmac("sha256", new Uint8Array(atobBytes(ACCOUNT_KEY))).update(text)
      .digest("base64");
    const client = this.#httpClient;
    const response = await fetch(`${url}?restype=container`, {
      method: "PUT",
      headers: {
        "x-ms-date": date,
        "x-ms-version": version,
        authorization: `SharedKey ${account}:${signature}`,
      },
      ...(client && { client }),
    });
    const answer = await response.text();
    if (response.status !== 201) {
      throw new Error(`No container: ${response.status} ${answer}`);
    }
    return name;
  }

  #httpClient: Deno.HttpClient | undefined;

  /** Trusts an authority in {@linkcode container}. */
  trust(caCert: string): void {
    this.#httpClient = Deno.createHttpClient({ caCerts: [caCert] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#httpClient?.close();
    await this.#front?.[Symbol.asyncDispose]();
    await this.#process.stdin.close();
    await this.#process.status;
    await this.#drained;
  }
}

function atobBytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
