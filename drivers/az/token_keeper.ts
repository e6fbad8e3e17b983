/** Keeps one access token for all requests: renewed in time, once for all, and waited for when a person must act. */

import type { DriverOptions, Failure } from "../../src/storage/driver.ts";
import { AzureFailure, classify } from "./azure_error.ts";

/** A token and how long it is good. */
export interface AccessToken {
  token: string;
  /** Milliseconds since 1970 UTC. */
  expiresMs: number;
}

/** One way of getting tokens. */
export interface TokenSource {
  /** For messages: "signed in through …". */
  readonly name: string;
  /** A person signed in, so a person can sign in again. */
  readonly personal: boolean;
  /**
   * @param options.fresh not one that was given before
   * @param options.tenantId the tenant that the account belongs to, where the service named it
   * @throws AzureFailure `credentials` when this way gives no token, `unavailable` when trying again may help
   */
  getToken(
    options: { fresh: boolean; tenantId?: string; signal?: AbortSignal },
  ): Promise<AccessToken>;
}

/** Time, as the keeper needs it; injected by tests. */
export interface KeeperClock {
  now(): number;
  /** Resolves after `ms`, rejects when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What a keeper needs besides its source. */
export interface KeeperOptions extends Pick<DriverOptions, "notify"> {
  /** A token that the source has already given. */
  first?: AccessToken;
  clock?: KeeperClock;
  /** How often to look whether somebody has signed in again, milliseconds. */
  pollMs?: number;
  /** How long to wait for somebody, milliseconds. */
  patienceMs?: number;
  /** Other ways that may work after a pause: what `chorus-upload login` leaves behind. */
  afterPause?: readonly TokenSource[];
}

/** Renewed this long before it runs out, milliseconds. */
const AHEAD_MS = 5 * 60_000;
/** No request begins with a token that is good for less than this, milliseconds. */
const MARGIN_MS = 30_000;

const WALL_CLOCK: KeeperClock = {
  now: Date.now,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};

/** One token for many requests. */
export class TokenKeeper {
  #source: TokenSource;
  readonly #others: readonly TokenSource[];
  readonly #notify: (message: string) => void;
  readonly #clock: KeeperClock;
  readonly #pollMs: number;
  readonly #patienceMs: number;
  readonly #closing = new AbortController();
  #current: AccessToken | undefined;
  #fetching: Promise<AccessToken> | undefined;
  #tenantId: string | undefined;

  constructor(source: TokenSource, options: KeeperOptions = {}) {
    this.#source = source;
    this.#current = options.first;
    this.#others = options.afterPause ?? [];
    this.#notify = options.notify ?? (() => {});
    this.#clock = options.clock ?? WALL_CLOCK;
    this.#pollMs = options.pollMs ?? 15_000;
    this.#patienceMs = options.patienceMs ?? 24 * 60 * 60_000;
  }

  /**
   * A token that is good now. The first one that can't be had is an error at
   * once; a later one pauses every caller until somebody has signed in again.
   *
   * @throws AzureFailure `credentials`, `unavailable`; the signal's reason
   */
  async token(signal?: AbortSignal): Promise<string> {
    const left = (this.#current?.expiresMs ?? 0) - this.#clock.now();
    if (this.#current !== undefined && left > MARGIN_MS) {
      // Good enough for this request; its successor is fetched meanwhile, and
      // if that fails now it will be tried again.
      if (left < AHEAD_MS && this.#fetching === undefined) this.#fetch(false).catch(() => {});
      return this.#current.token;
    }
    return (await this.#wait(this.#fetch(false), signal)).token;
  }

  /**
   * After a 401: another token than the refused one.
   *
   * @param challenge `WWW-Authenticate`; names the tenant that the account trusts
   * @returns false when there is none to be had
   */
  async renew(
    refused: string | undefined,
    challenge?: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    if (this.#current !== undefined && this.#current.token !== refused) return true;
    this.#tenantId = tenantOf(challenge) ?? this.#tenantId;
    const renewed = await this.#wait(this.#fetch(true), signal);
    return renewed.token !== refused;
  }

  /** What a refusal means for somebody who signed in this way. */
  explain(status: number, code: string | undefined): Partial<Failure> | undefined {
    const { name } = this.#source;
    if (status === 401) {
      return {
        message: `the service does not accept the sign-in (${name})`,
        remedy: "Run `chorus-upload login`, and set azure_tenant_id to the tenant of the account.",
      };
    }
    if (status === 403 && code === "AuthorizationPermissionMismatch") {
      return {
        message: `the sign-in (${name}) lacks the permission`,
        remedy:
          'Ask the account\'s owner for the role "Storage Blob Data Contributor" on the container; a new role takes some minutes to work.',
      };
    }
    return undefined;
  }

  /** Ends a pause. */
  close(): void {
    this.#closing.abort(new Error("The store was closed"));
  }

  /** Waits with one caller's signal for what is fetched for all. */
  #wait<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return shared;
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      shared.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }

  #fetch(fresh: boolean): Promise<AccessToken> {
    this.#fetching ??= this.#fetchOrPause(fresh).then(
      (token) => {
        this.#current = token;
        return token;
      },
    ).finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOrPause(fresh: boolean): Promise<AccessToken> {
    const options = { fresh, tenantId: this.#tenantId, signal: this.#closing.signal };
    try {
      return await this.#source.getToken(options);
    } catch (error) {
      const opened = this.#current !== undefined;
      const needsPerson = classify(error).kind === "credentials" && this.#source.personal;
      if (!opened || !needsPerson) throw error;
      return await this.#pause(error);
    }
  }

  async #pause(cause: unknown): Promise<AccessToken> {
    const { signal } = this.#closing;
    const until = this.#clock.now() + this.#patienceMs;
    this.#notify(
      `The sign-in to Azure (${this.#source.name}) has expired. The run waits until ${
        new Date(until).toISOString().slice(0, 16).replace("T", " ")
      } UTC: run \`chorus-upload login\` in another terminal, and it goes on by itself.`,
    );
    while (this.#clock.now() < until) {
      await this.#clock.sleep(this.#pollMs, signal);
      for (const source of [this.#source, ...this.#others]) {
        try {
          const token = await source.getToken({ fresh: true, tenantId: this.#tenantId, signal });
          this.#source = source;
          this.#notify(`Signed in again (${source.name}); the run goes on.`);
          return token;
        } catch {
          signal.throwIfAborted();
        }
      }
    }
    throw new AzureFailure(
      "credentials",
      "the sign-in has expired, and nobody has signed in again",
      {
        remedy: "Run `chorus-upload login`, then the same command again.",
        cause,
      },
    );
  }
}

/** The tenant in `Bearer authorization_uri=https://login.microsoftonline.com/<tenant>/oauth2/authorize …`. */
export function tenantOf(challenge: string | undefined): string | undefined {
  return /authorization_uri="?https:\/\/[^/\s"]+\/([0-9a-f-]{36})(?:[/"\s,]|$)/i.exec(
    challenge ?? "",
  )?.[1];
}
