/** Prints the bytes in use after 500 files and at the end. Run with `--v8-flags=--expose-gc`. */

import { generateSite } from "../../testdata/site/generate_site.ts";

const collect = (globalThis as unknown as { gc: () => void }).gc;

function used(): number {
  collect();
  return Deno.memoryUsage().heapUsed;
}

let early = 0;
let late = 0;
const { snapshots: [{ files }] } = await generateSite({
  output: Deno.args[0],
  scale: "small",
  snapshots: 1,
  onProgress: (done) => {
    if (done.files === 500) early = used();
    if (done.files === 5_500) late = used();
  },
});
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ files, early, late })));
