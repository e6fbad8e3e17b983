import assert from "node:assert/strict";
import { join } from "node:path";
import { isChorusError } from "../../src/errors/chorus_error.ts";
import { localFiles, type SiteFiles } from "../../src/transfer/site_files.ts";
import { someBytes } from "./sending.ts";

/** Both ways of calling the system: a mount that counts as quick, and one that never does. */
const MOUNTS = [["a quick", false], ["a slow", true]] as const;

function filesOn(folder: string, slow: boolean): SiteFiles {
  return localFiles(folder, "posix", { slow, probeDue: () => false, add() {} });
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "site-files-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [mount, slow] of MOUNTS) {
  Deno.test(`a file on ${mount} mount is read in pieces of any length, again after a rewind`, async () => {
    await inFolder(async (folder) => {
      const bytes = someBytes(600_000);
      await Deno.mkdir(join(folder, "7"));
      await Deno.writeFile(join(folder, "7", "a.dcm"), bytes);
      const files = filesOn(folder, slow);
      for (const piece of [1000, 299_999, 600_000, 700_000]) {
        await using file = await files.open("7/a.dcm");
        assert.equal(file.size, bytes.length);
        for (let round = 0; round < 2; round++) {
          const into = new Uint8Array(bytes.length);
          let done = 0;
          for (let read = -1; read !== 0;) {
            const part = new Uint8Array(piece);
            read = await file.read(part);
            assert.ok(read === piece || done + read === bytes.length);
            into.set(part.subarray(0, read), done);
            done += read;
          }
          assert.equal(done, bytes.length);
          assert.deepEqual(into, bytes);
          await file.rewind();
        }
        await file.checkUnchanged();
      }
    });
  });

  Deno.test({
    name: `a named pipe in a file's place on ${mount} mount is refused and not waited for`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await inFolder(async (folder) => {
        const pipe = join(folder, "a");
        const { success } = await new Deno.Command("mkfifo", { args: [pipe] }).output();
        assert.equal(success, true);
        // Without a writer its opening would never return.
        await assert.rejects(
          filesOn(folder, slow).open("a"),
          (error) => isChorusError(error, "io") && /not a regular file/.test(error.message),
        );
      });
    },
  });

  Deno.test(`a file on ${mount} mount that changes after its opening is noticed`, async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "a");
      const files = filesOn(folder, slow);
      await Deno.writeFile(path, someBytes(10));
      await Deno.utime(path, 1_000_000, 1_000_000);
      const touch = () => Deno.utime(path, 1_000_000, 1_000_001);
      const grow = () => Deno.writeFile(path, someBytes(1), { append: true });
      for (const change of [touch, grow]) {
        await using file = await files.open("a");
        await file.checkUnchanged();
        await change();
        await assert.rejects(
          file.checkUnchanged(),
          (error) => isChorusError(error, "source_changed"),
        );
      }
    });
  });

  Deno.test(`what can't be opened on ${mount} mount is said`, async () => {
    await inFolder(async (folder) => {
      const files = filesOn(folder, slow);
      await Deno.mkdir(join(folder, "folder"));
      await Deno.writeFile(join(folder, "file"), someBytes(1));
      for (const gone of ["missing", "missing/a", "file/a"]) {
        await assert.rejects(
          files.open(gone),
          (error) =>
            isChorusError(error, "source_changed") && /no longer there/.test(error.message),
        );
      }
      await assert.rejects(
        files.open("folder"),
        (error) => isChorusError(error, "io") && /not a regular file|directory/.test(error.message),
      );
      await assert.rejects(
        files.open("../outside"),
        (error) => isChorusError(error, "unsupported"),
      );
    });
  });

  Deno.test({
    name: `a file on ${mount} mount without permission fails alone: it is not the run's permission`,
    ignore: Deno.build.os === "windows" || Deno.uid() === 0,
    fn: () =>
      inFolder(async (folder) => {
        await Deno.writeFile(join(folder, "a"), someBytes(1), { mode: 0o000 });
        await assert.rejects(
          filesOn(folder, slow).open("a"),
          (error) => isChorusError(error, "io") && /permission denied/.test(error.message),
        );
      }),
  });
}
