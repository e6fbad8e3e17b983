import assert from "node:assert/strict";
import { AzureFailure } from "../../drivers/az/azure_error.ts";
import {
  type AccessToken,
  type KeeperClock,
  TokenKeeper,
  type TokenSource,
} from "../../drivers/az/token_keeper.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A clock that only moves when somebody sleeps, or is told to. */
class FakeClock implements KeeperClock {
  ms = 0;
  now = () => this.ms;
  sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.ms += ms;
    return Promise.resolve();
  };
}

/** A source that gives numbered tokens, good for an hour, and counts. */
class FakeSource implements TokenSource {
  readonly name: string = "az login";
  personal = true;
  asked = 0;
  tenants: (string | undefined)[] = [];
  failure: Error | undefined;
  lifetimeMs = HOUR;
  onAsked: () => void = () => {};
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  getToken(options: { tenantId?: string }): Promise<AccessToken> {
    this.asked++;
    this.tenants.push(options.tenantId);
    this.onAsked();
    if (this.failure) return Promise.reject(this.failure);
    return Promise.resolve({
      token: `token ${this.asked}`,
      expiresMs: this.#clock.ms + this.lifetimeMs,
    });
  }
}

function setUp(options: Partial<ConstructorParameters<typeof TokenKeeper>[1]> = {}) {
  const clock = new FakeClock();
  const source = new FakeSource(clock);
  const said: string[] = [];
  const keeper = new TokenKeeper(source, {
    clock,
    notify: (message) => said.push(message),
    ...options,
  });
  return { clock, source, said, keeper };
}

/** Everything that is under way without waiting for anybody has happened. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

const expired = new AzureFailure("credentials", "AADSTS700082: expired");

Deno.test("many requests share one token", async () => {
  const { keeper, source } = setUp();
  const tokens = await Promise.all(Array.from({ length: 50 }, () => keeper.token()));
  assert.deepEqual([...new Set(tokens)], ["token 1"]);
  assert.equal(source.asked, 1);
});

Deno.test("a token is renewed before it runs out, without making anybody wait", async () => {
  const { keeper, source, clock } = setUp();
  await keeper.token();
  clock.ms = 56 * MINUTE;
  assert.equal(await keeper.token(), "token 1");
  await settled();
  assert.equal(await keeper.token(), "token 2");
  assert.equal(source.asked, 2);
});

Deno.test("a token that has run out is waited for", async () => {
  const { keeper, clock } = setUp();
  await keeper.token();
  clock.ms = 2 * HOUR;
  assert.equal(await keeper.token(), "token 2");
});

Deno.test("a renewal that fails in time doesn't stop the requests", async () => {
  const { keeper, source, clock } = setUp();
  await keeper.token();
  source.failure = new AzureFailure("unavailable", "no line");
  clock.ms = 56 * MINUTE;
  assert.equal(await keeper.token(), "token 1");
  await settled();
  source.failure = undefined;
  clock.ms = 57 * MINUTE;
  assert.equal(await keeper.token(), "token 1");
  await settled();
  assert.equal(await keeper.token(), "token 3");
});

Deno.test("after a refusal many requests share one renewal", async () => {
  const { keeper, source } = setUp();
  const refused = await keeper.token();
  const renewed = await Promise.all(Array.from({ length: 20 }, () => keeper.renew(refused)));
  assert.ok(renewed.every((ok) => ok));
  assert.equal(source.asked, 2);
  assert.equal(await keeper.token(), "token 2");
  // A straggler that was refused with the old token needs no third one.
  assert.equal(await keeper.renew(refused), true);
  assert.equal(source.asked, 2);
});

Deno.test("a refusal that names the account's tenant asks for a token of that tenant", async () => {
  const { keeper, source } = setUp();
  const tenant = "11111111-2222-3333-4444-555555555555";
  const refused = await keeper.token();
  await keeper.renew(
    refused,
    `Bearer authorization_uri=https://login.microsoftonline.com/${tenant}/oauth2/authorize resource_id=https://storage.azure.com`,
  );
  assert.deepEqual(source.tenants, [undefined, tenant]);
});

Deno.test("a source that keeps giving the refused token gives no renewal", async () => {
  const { keeper, source } = setUp();
  source.getToken = () => Promise.resolve({ token: "same", expiresMs: HOUR });
  assert.equal(await keeper.renew(await keeper.token()), false);
});

Deno.test("the first token that can't be had is an error at once, without a pause", async () => {
  const { keeper, source, said } = setUp();
  source.failure = expired;
  await assert.rejects(keeper.token(), expired);
  assert.deepEqual(said, []);
  assert.equal(source.asked, 1);
});

Deno.test("a sign-in that expires pauses everybody, says so once, and goes on by itself", async () => {
  const { keeper, source, said, clock } = setUp();
  await keeper.token();
  source.failure = expired;
  clock.ms = 2 * HOUR;
  source.onAsked = () => {
    if (clock.ms > 5 * HOUR) source.failure = undefined;
  };
  const tokens = await Promise.all(Array.from({ length: 10 }, () => keeper.token()));
  assert.equal(new Set(tokens).size, 1);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? "", /until 1970-01-02 02:00 UTC: run `chorus-upload login`/);
  assert.match(said[1] ?? "", /goes on/);
  assert.ok(clock.ms > 5 * HOUR);
});

Deno.test("what `chorus-upload login` leaves behind ends the pause of an az login", async () => {
  const clock = new FakeClock();
  const kept = new FakeSource(clock);
  const { keeper, source, said } = setUp({ clock, afterPause: [kept] });
  await keeper.token();
  source.failure = expired;
  clock.ms = 2 * HOUR;
  source.lifetimeMs = 0;
  assert.equal(await keeper.token(), "token 1");
  assert.equal(kept.asked, 1);
  assert.equal(said.length, 2);
});

Deno.test("nobody is waited for longer than a day", async () => {
  const { keeper, source, clock } = setUp();
  await keeper.token();
  source.failure = expired;
  clock.ms = 2 * HOUR;
  await assert.rejects(keeper.token(), (error) => {
    assert.ok(error instanceof AzureFailure);
    assert.equal(error.failure.kind, "credentials");
    return true;
  });
  assert.ok(clock.ms >= 26 * HOUR && clock.ms < 27 * HOUR);
});

Deno.test("a machine's sign-in is not waited for", async () => {
  const { keeper, source, clock, said } = setUp();
  source.personal = false;
  await keeper.token();
  source.failure = expired;
  clock.ms = 2 * HOUR;
  await assert.rejects(keeper.token(), expired);
  assert.deepEqual(said, []);
});

Deno.test("an aborted request leaves the pause, and closing ends it", async () => {
  const clock = new FakeClock();
  // Nobody signs in, and time stands still.
  clock.sleep = (_, signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  const { keeper, source } = setUp({ clock });
  await keeper.token();
  source.failure = expired;
  clock.ms = 2 * HOUR;
  const stop = new AbortController();
  const stopped = keeper.token(stop.signal);
  const waiting = keeper.token();
  stop.abort(new Error("Ctrl-C"));
  await assert.rejects(stopped, /Ctrl-C/);
  keeper.close();
  await assert.rejects(waiting, /closed/);
});
