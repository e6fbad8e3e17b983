import assert from "node:assert/strict";
import { join } from "node:path";
import { FIXTURE_NOTE, FIXTURES, FIXTURES_ABSENT } from "../journal/journal_files.ts";
import { ManifestSite } from "./manifest_site.ts";

Deno.test({
  name: `the predecessor's journals of both versions give a sound manifest${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  async fn() {
    using site = new ManifestSite();
    const counts: Record<string, number[]> = {};
    for (
      const name of ["journal_v1", "journal_v2_first", "journal_v2_uploaded", "journal_v2_second"]
    ) {
      const output = ["--output", site.at(`${name}.db`)];
      const summary = await site.generate("--journal", join(FIXTURES, `${name}.db`), ...output);
      assert.equal(summary.hashed, 0);
      const { files, records } = summary.counts;
      counts[name] = [files.added, records.active, records.uploaded];
      const check = await site.plain("manifest", "check", "--manifest", site.at(`${name}.db`));
      assert.equal(check.code, 0, check.stdout);
    }
    assert.deepEqual(counts, {
      journal_v1: [7, 6, 4],
      journal_v2_first: [6, 5, 0],
      journal_v2_uploaded: [6, 5, 5],
      journal_v2_second: [7, 6, 4],
    });
  },
});

Deno.test({
  name: `one manifest follows the predecessor's journal from state to state${FIXTURE_NOTE}`,
  ignore: FIXTURES_ABSENT,
  async fn() {
    using site = new ManifestSite();
    const uploaded: number[] = [];
    for (const name of ["journal_v2_first", "journal_v2_uploaded", "journal_v2_second"]) {
      const { counts } = await site.generate("--journal", join(FIXTURES, `${name}.db`));
      uploaded.push(counts.records.uploaded);
    }
    assert.deepEqual(uploaded, [0, 5, 4]);
    const check = await site.plain("manifest", "check", "--manifest", site.manifest);
    assert.equal(check.code, 0, check.stdout);
  },
});
