import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { openStore, type StoreContext } from "../../src/storage/registry.ts";
import { bytesSource } from "../../src/storage/store.ts";
import { bytesOf } from "../contract/driver_contract.ts";

const SHELF = new URL("../../testdata/drivers/shelf.ts", import.meta.url);

const CONTEXT: StoreContext = { drivers: {}, environment: {} };

function hexSha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function inTemporaryFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens, writes, reads. */
async function useStore(path: string, context: StoreContext): Promise<void> {
  await using store = await openStore({ path, auth: {} }, context);
  assert.equal(store.location, path);
  await store.write("a/b", bytesSource(bytesOf("content")));
  const { bytes } = await store.readAll("a/b", { maxBytes: 100 });
  assert.equal(new TextDecoder().decode(bytes), "content");
}

function failsWith(pattern: RegExp, code = "config") {
  return (error: unknown) => {
    assert.ok(isChorusError(error), String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message} ${error.remedy}`, pattern);
    return true;
  };
}

Deno.test("a local path and a file URL open the file driver", () =>
  inTemporaryFolder(async (folder) => {
    await useStore(join(folder, "central"), CONTEXT);
    const url = new URL(`file://${folder}/other%20one`).href;
    await useStore(url, CONTEXT);
    const content = await Deno.readTextFile(join(folder, "other one/a/b"));
    assert.equal(content, "content");
  }));

Deno.test("a scheme without a driver names those that there are and how to add one", async () => {
  await assert.rejects(
    openStore({ path: "ftp://host/x", auth: {} }, {
      ...CONTEXT,
      drivers: { shelf: { url: SHELF.href } },
    }),
    failsWith(
      /No driver for "ftp:\/\/" .*"file".*"shelf".* \[drivers\] ftp = /,
    ),
  );
  for (const scheme of ["constructor", "tostring"]) {
    await assert.rejects(
      openStore({ path: `${scheme}://x`, auth: {} }, CONTEXT),
      (error) => isChorusError(error, "config"),
    );
  }
});

Deno.test("a configured driver is loaded by URL, absolute path and relative path", () =>
  inTemporaryFolder(async (folder) => {
    const path = SHELF.pathname;
    for (const url of [SHELF.href, path, relative(Deno.cwd(), path)]) {
      await useStore(`shelf://${folder}/one.shelf/p`, {
        ...CONTEXT,
        drivers: { shelf: { url } },
      });
    }
  }));

Deno.test("a pinned driver is loaded when its SHA-256 is the pinned one, else refused", () =>
  inTemporaryFolder(async (folder) => {
    const sha256 = hexSha256(await Deno.readFile(SHELF));
    const open = (sha256: string) =>
      useStore(`shelf://${folder}/one.shelf`, {
        ...CONTEXT,
        drivers: { shelf: { url: SHELF.href, sha256 } },
      });
    await open(sha256);
    await open(sha256.toUpperCase());
    await assert.rejects(
      open(sha256.replace(/^./, (digit) => digit === "0" ? "1" : "0")),
      failsWith(/its SHA-256 is [0-9a-f]{64}, the configuration pins/),
    );
  }));

Deno.test("the pinned bytes are the ones that run, whatever the server gives next", async () => {
  const good = driverText("first");
  let served = 0;
  await using server = serve(() => {
    served++;
    return new Response(served === 1 ? good : driverText("second"), {
      headers: { "content-type": "application/typescript" },
    });
  });
  const opened: string[] = [];
  await using _store = await openStore({ path: "memo://x", auth: {} }, {
    ...CONTEXT,
    notify: (message) => opened.push(message),
    drivers: { memo: { url: server.url, sha256: hexSha256(good) } },
  });
  assert.deepEqual(opened, ["first"]);
  assert.equal(served, 1);
});

Deno.test("a driver is loaded over the network", async () => {
  await using server = serve(() =>
    new Response(driverText("here"), {
      headers: { "content-type": "application/typescript" },
    })
  );
  const opened: string[] = [];
  await using _store = await openStore({ path: "memo://x", auth: {} }, {
    ...CONTEXT,
    notify: (message) => opened.push(message),
    drivers: { memo: { url: server.url } },
  });
  assert.deepEqual(opened, ["here"]);
});

Deno.test("a driver over plain http from another machine is refused", async () => {
  for (const host of ["example.org", "127.example.org", "10.0.0.1"]) {
    await assert.rejects(
      openStore({ path: "memo://x", auth: {} }, {
        ...CONTEXT,
        drivers: { memo: { url: `http://${host}/driver.ts` } },
      }),
      failsWith(/http can be changed on the way/),
    );
  }
});

Deno.test("a server that has no such module is named", async () => {
  await using server = serve(() => new Response("no", { status: 404 }));
  await assert.rejects(
    openStore({ path: "memo://x", auth: {} }, {
      ...CONTEXT,
      drivers: { memo: { url: server.url } },
    }),
    failsWith(/the server answered 404/),
  );
});

Deno.test("a module that is missing, broken or no driver is named as that", () =>
  inTemporaryFolder(async (folder) => {
    const cases: [string, string, RegExp][] = [
      ["no_default.ts", "export const x = 1;", /no default export/],
      ["not_a_function.ts", "export default {};", /no default export/],
      ["throws.ts", "throw new Error('at the top');", /at the top/],
      ["syntax.ts", "export default (;", /syntax\.ts/],
    ];
    for (const [name, content, message] of cases) {
      const url = join(folder, name);
      await Deno.writeTextFile(url, content);
      await assert.rejects(
        openStore({ path: "memo://x", auth: {} }, {
          ...CONTEXT,
          drivers: { memo: { url } },
        }),
        failsWith(message),
      );
    }
    for (const pin of [{}, { sha256: "0".repeat(64) }]) {
      await assert.rejects(
        openStore({ path: "memo://x", auth: {} }, {
          ...CONTEXT,
          drivers: { memo: { url: join(folder, "missing.ts"), ...pin } },
        }),
        failsWith(/missing\.ts/),
      );
    }
  }));

Deno.test("what a driver throws while it opens keeps the meaning it gives", () =>
  inTemporaryFolder(async (folder) => {
    const url = join(folder, "refuses.ts");
    const open = async (content: string) => {
      const file = url.replace(".ts", `${hexSha256(content)}.ts`);
      await Deno.writeTextFile(file, content);
      await openStore({ path: "memo://x", auth: {} }, {
        ...CONTEXT,
        drivers: { memo: { url: file } },
      });
    };
    await assert.rejects(
      open(`export default () => {
        throw Object.assign(new Error("x"), {
          failure: { kind: "credentials", message: "nobody is signed in" },
        });
      };`),
      failsWith(/Can't open memo:\/\/x: nobody is signed in/, "credentials"),
    );
    await assert.rejects(
      open(`export default () => { throw new Error("some reason"); };`),
      failsWith(/Can't open memo:\/\/x: some reason/, "io"),
    );
  }));

Deno.test("opening ends when its signal aborts", async () => {
  const reason = new Error("stopped");
  await assert.rejects(
    openStore({ path: "shelf:///nowhere/x.shelf", auth: {} }, {
      ...CONTEXT,
      drivers: { shelf: { url: SHELF.href } },
      signal: AbortSignal.abort(reason),
    }),
    (error) => error === reason,
  );
});

/** The text of a driver that says something while it opens. */
function driverText(says: string): string {
  return `
    import type { Driver, DriverFactory } from "./src/storage/driver.ts";
    const open: DriverFactory = ({ notify }) => {
      notify?.(${JSON.stringify(says)});
      return {
        limits: { maxKeyBytes: 1, maxWriteBytes: 1, maxObjectBytes: 1 },
        traits: { verifiesMd5: false, storesMd5: false, storesMetadata: false },
        classify: () => ({ kind: "io" as const }),
      } as unknown as Driver;
    };
    export default open;
  `;
}

function serve(
  handler: () => Response,
): AsyncDisposable & { url: string } {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    handler,
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/driver.ts`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
