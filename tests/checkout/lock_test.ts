import assert from "node:assert/strict";
import fc from "fast-check";
import { describeHolder, lockMetadata, parseLock } from "../../src/checkout/lock.ts";
import type { ObjectInfo } from "../../src/storage/driver.ts";

const object: ObjectInfo = {
  key: "journal.db.locked",
  size: 10,
  etag: "e1",
  modifiedMs: Date.UTC(2025, 2, 1, 8),
};

Deno.test("what a lock's metadata say is read back, whatever the names are", () => {
  fc.assert(fc.property(
    fc.string({ unit: "grapheme", minLength: 1 }),
    fc.string({ unit: "grapheme", minLength: 1 }),
    fc.string({ minLength: 1 }),
    (user, host, etag) => {
      const since = new Date("2025-03-01T07:59:00.000Z");
      const metadata = lockMetadata({
        user,
        host,
        id: "id 1",
        since,
        journal: { etag, md5: "0".repeat(32) },
      });
      for (const [key, value] of Object.entries(metadata)) {
        assert.match(key, /^[a-z0-9_]+$/);
        assert.match(value, /^[\x21-\x7e]+$/);
      }
      const lock = parseLock({ ...object, metadata });
      assert.deepEqual(lock.holder, { user, host });
      assert.deepEqual([lock.id, lock.since, lock.journalEtag], ["id 1", since, etag]);
      assert.equal(lock.md5, "0".repeat(32));
    },
  ));
});

Deno.test("a name that can't be told is unknown", () => {
  const fields = { id: "1", since: new Date(0), journal: undefined };
  const metadata = lockMetadata({ ...fields, user: "", host: "a\ud800" });
  const lock = parseLock({ ...object, metadata });
  assert.deepEqual(lock.holder, { user: "unknown", host: "a\ufffd" });
});

Deno.test("a lock without an id is the predecessor's, held since it was written", () => {
  const lock = parseLock({ ...object, metadata: { chorus_user: "stray" } });
  assert.deepEqual([lock.id, lock.holder], [undefined, undefined]);
  assert.match(describeHolder(lock), /predecessor.* since 2025-03-01T08:00:00/);
});

Deno.test("the holder is described with the person's own form of time", () => {
  const metadata = lockMetadata({
    user: "ada",
    host: "node7",
    id: "1",
    since: new Date(0),
    journal: undefined,
  });
  const lock = parseLock({ ...object, metadata });
  assert.equal(lock.journalEtag, undefined);
  assert.equal(
    describeHolder(lock, (time) => `noon of ${time.getUTCFullYear()}`),
    "held by ada on node7 since noon of 1970",
  );
});
