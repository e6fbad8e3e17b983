import assert from "node:assert/strict";
import { MAIN, TestSite } from "./site.ts";

Deno.test("a version that the journal doesn't have is refused, not taken for one without work", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "a" });
  await site.run(["journal", "update", "--version", "v1"]);
  for (const command of ["file upload", "file list", "journal list"]) {
    const { code, value } = await site.json([...command.split(" "), "--version", "v2"]);
    assert.equal(code, 2, command);
    assert.match(value.error.message, /no version "v2"/);
    assert.match(value.error.remedy, /v1/);
  }
});

Deno.test("with --json even a command line that is not understood is answered in JSON", async () => {
  await using site = await TestSite.make({});
  for (const args of [["file"], ["nope"], ["file", "upload", "--nope"], []]) {
    const { code, value } = await site.json(args);
    assert.equal(code, 2);
    assert.equal(value.error.code, "usage");
    assert.doesNotMatch(value.error.message, /^error:|outputHelp/);
  }
});

Deno.test({
  name: "results that could not be written to stdout are no success",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using site = await TestSite.make({ "OMOP/a.csv": "a" });
    await site.run(["journal", "update"]);
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", '"$0" run -A "$1" file list > /dev/full', Deno.execPath(), MAIN],
      cwd: site.folder,
    }).output();
    assert.equal(code, 5);
    assert.match(new TextDecoder().decode(stderr), /could not be written to stdout/);
  },
});

Deno.test("a permission that Deno was not given is exit code 4 and named", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "a" });
  const allowed: [string, RegExp][] = [
    ["--allow-read=site", /config\.toml/],
    ["--allow-read=config.toml,site,central", /journal\.db/],
  ];
  for (const [flag, named] of allowed) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", flag, MAIN, "journal", "update"],
      cwd: site.folder,
    }).output();
    const told = new TextDecoder().decode(stderr);
    assert.equal(code, 4, told);
    assert.match(told, named);
    assert.match(told, /without this permission/);
  }
});

Deno.test("a site of many folders needs no permission but for the folders it names", async () => {
  const files: Record<string, string> = {};
  for (let n = 0; n < 400; n++) files[`${n}/Images/a.dcm`] = `${n}`;
  await using site = await TestSite.make(files);
  const run = async (write: string, ...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        `--allow-read=${site.folder}`,
        ...(write === "" ? [] : [`--allow-write=${write}`]),
        MAIN,
        ...args,
      ],
      cwd: site.folder,
    }).output();
    const text = new TextDecoder();
    assert.equal(code, 0, text.decode(stderr));
    return text.decode(stdout);
  };
  await run(site.folder, "journal", "update", "--version", "v1");
  await run(site.folder, "file", "upload", "--max-num-files", "3");
  // Without a permission to write, nothing is remembered, but all is verified.
  assert.match(await run("", "file", "verify", "--deep"), /equal +3/);
});

Deno.test("a file changed under its old size and time is sent after the update that the upload asks for", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "before", "OMOP/b.csv": "same" });
  await site.run(["journal", "update", "--version", "v1"]);
  await site.write("OMOP/a.csv", "after!");
  const refused = await site.run(["file", "upload"]);
  assert.equal(refused.code, 1);
  const update = await site.json(["journal", "update", "--amend"]);
  const { updated, kept } = update.value.update.modalities[0];
  assert.deepEqual([updated, kept], [1, 1]);
  assert.equal((await site.run(["file", "upload"])).code, 0);
  assert.equal(await Deno.readTextFile(site.at("central/v1/OMOP/a.csv")), "after!");
});

Deno.test("an update that finds nothing new still names the upload that is waiting", async () => {
  await using site = await TestSite.make({ "OMOP/a.csv": "a" });
  await site.run(["journal", "update"]);
  const again = await site.run(["journal", "update"]);
  assert.match(again.stdout, /Next: .* file upload/);
  await site.run(["file", "upload"]);
  const after = await site.run(["journal", "update"]);
  assert.match(after.stdout, /Next: .* file verify/);
});
