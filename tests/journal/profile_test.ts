import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Profile, profilePath } from "../../src/journal/profile.ts";
import { TemporaryFolder } from "./journal_files.ts";

Deno.test("the profile lies beside the journal, without its ending", () => {
  assert.equal(profilePath("/data/journal.db"), "/data/journal_profile.db");
  assert.equal(profilePath("/data.db/journal"), "/data.db/journal_profile.db");
});

Deno.test("durations of hashes and uploads are kept per file", () => {
  using folder = new TemporaryFolder();
  const path = folder.at("journal.db");
  {
    using profile = new Profile(path);
    profile.recordHashes([
      { fileId: 1, state: "ADDED", seconds: 0.5 },
      { fileId: 2, state: "MOVED", seconds: 0.25 },
    ]);
    profile.recordUploads([{ fileId: 1, uploadSeconds: 2 }]);
    profile.recordStates([{ fileId: 2, state: "DELETED" }]);
  }
  using again = new Profile(path);
  again.recordUploads([{ fileId: 99, uploadSeconds: 1 }]);
  using database = new DatabaseSync(folder.at("journal_profile.db"), { readOnly: true });
  assert.deepEqual(
    database.prepare("SELECT * FROM performance").all().map((row) => Object.values(row)),
    [[1, "ADDED", 0.5, 2, null], [2, "DELETED", 0.25, null, null]],
  );
});
