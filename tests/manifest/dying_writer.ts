/** Begins to change a manifest, writes half of it to disk, says so, and waits to be killed. */

import { openManifestForWriting } from "../../src/manifest/manifest.ts";

const { connection } = openManifestForWriting(Deno.args[0]);
connection.execute(`
  PRAGMA cache_size = 5;
  BEGIN IMMEDIATE;
  UPDATE source_files SET Time_Invalid = Time_Valid + 1, MD5 = upper(MD5);
  UPDATE registry SET IsActive = 0;
`);
Deno.stdout.writeSync(new TextEncoder().encode("."));
await new Promise((resolve) => setTimeout(resolve, 60_000));
