import assert from "node:assert/strict";
import { MAIN, TestSite } from "./site.ts";

async function available(command: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, { args: ["-V"], stdout: "null" }).output();
    return success;
  } catch {
    // deno-lint-ignore no-console
    console.log(`skipped: there is no ${command} here`);
    return false;
  }
}

/** A terminal of 80 columns by 24 lines in a tmux server of its own. */
class Terminal implements AsyncDisposable {
  readonly #socket = `chorus-${crypto.randomUUID()}`;

  async tmux(...args: string[]): Promise<string> {
    const { stdout } = await new Deno.Command("tmux", {
      args: ["-L", this.#socket, ...args],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  }

  async open(folder: string, environment: Record<string, string> = {}): Promise<void> {
    const env = Object.entries(environment).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    await this.tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      "80",
      "-y",
      "24",
      ...env,
      "-c",
      folder,
      "sh",
    );
  }

  async type(line: string): Promise<void> {
    await this.tmux("send-keys", line, "Enter");
  }

  async key(name: string): Promise<void> {
    await this.tmux("send-keys", name);
  }

  /** The screen; lines that the terminal wrapped are not joined. */
  async screen(): Promise<string> {
    return await this.tmux("capture-pane", "-p");
  }

  /** Waits until the screen shows something. */
  async until(shown: RegExp, seconds = 30): Promise<string> {
    let screen = "";
    for (let n = 0; n < seconds * 10; n++) {
      screen = await this.screen();
      if (shown.test(screen)) return screen;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the terminal never showed ${shown}:\n${screen}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tmux("kill-server");
  }
}

const PROGRAM = `${Deno.execPath()} run -A ${MAIN}`;
const hasTmux = await available("tmux");

Deno.test("progress is drawn on one line of an 80-column terminal, and Ctrl-C ends it cleanly", {
  ignore: !hasTmux,
}, async () => {
  const files: Record<string, string> = {};
  for (let n = 0; n < 300; n++) files[`p_${n}/Images/${"long name ".repeat(6)}${n}.dcm`] = `${n}`;
  await using site = await TestSite.make(files);
  await site.run(["journal", "update"]);
  await using terminal = new Terminal();
  await terminal.open(site.folder);
  await terminal.type(`clear; ${PROGRAM} file upload --max-rate 60`);
  const screen = await terminal.until(/uploading .*300 files/);
  const lines = screen.split("\n").filter((line) => line.includes("uploading"));
  assert.equal(lines.length, 1, screen);
  assert.ok(lines[0].length < 80, lines[0]);
  await terminal.key("C-c");
  const ended = await terminal.until(/stopped by SIGINT/);
  assert.match(ended, /what was proven is recorded/);
  assert.ok(ended.split("\n").every((line) => line.length <= 80), ended);
});

Deno.test(
  "a question is asked on a terminal, and Enter means no",
  { ignore: !hasTmux },
  async () => {
    await using site = await TestSite.make({ "OMOP/a.csv": "a" }, { mode: "full" });
    await site.run(["journal", "update"]);
    await Deno.remove(site.at("site/OMOP"), { recursive: true });
    await using terminal = new Terminal();
    await terminal.open(site.folder);
    await terminal.type(`clear; ${PROGRAM} journal update; echo code=$?`);
    await terminal.until(/Declare them gone/);
    await terminal.key("Enter");
    const ended = await terminal.until(/code=\d/);
    assert.match(ended, /code=1/);
    const list = await site.json(["journal", "list"]);
    assert.equal(list.value.versions[0].active, 1);
  },
);

Deno.test("config init asks on a terminal and writes a file that loads", {
  ignore: !hasTmux,
}, async () => {
  await using site = await TestSite.make();
  await using terminal = new Terminal();
  await terminal.open(site.folder);
  await terminal.type(`clear; ${PROGRAM} config init -c asked.toml; echo code=$?`);
  await terminal.until(/Where do the files go/);
  await terminal.type("central");
  await terminal.until(/Where is the site's data/);
  await terminal.type("site");
  await terminal.until(/code=0/);
  assert.equal((await site.run(["-c", "asked.toml", "journal", "checkout"])).code, 0);
  const update = await site.run(["-c", "asked.toml", "journal", "update"]);
  assert.equal(update.code, 0, update.stderr);
  assert.equal(update.stderr, "");
});

Deno.test("colours are left out with NO_COLOR and when stderr is no terminal", {
  ignore: !hasTmux,
}, async () => {
  await using site = await TestSite.make();
  await using terminal = new Terminal();
  const escape = String.fromCharCode(27);
  await terminal.open(site.folder, { NO_COLOR: "1" });
  await terminal.type(`clear; ${PROGRAM} -c missing.toml file list`);
  await terminal.until(/does not exist/);
  assert.doesNotMatch(await terminal.tmux("capture-pane", "-p", "-e"), new RegExp(`${escape}\\[3`));
  const piped = await site.run(["-c", "missing.toml", "file", "list"], { NO_COLOR: "" });
  assert.equal(piped.code, 2);
  assert.equal(piped.stderr.includes(escape), false);
});

Deno.test("nohup keeps an upload alive when its terminal goes away", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const files: Record<string, string> = {};
  for (let n = 0; n < 20; n++) files[`OMOP/${n}.csv`] = "x".repeat(100);
  await using site = await TestSite.make(files);
  await site.run(["journal", "update"]);
  const process = new Deno.Command("nohup", {
    args: [Deno.execPath(), "run", "-A", MAIN, "file", "upload", "--max-rate", "1000"],
    cwd: site.folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  process.kill("SIGHUP");
  const { code, stdout, stderr } = await process.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.match(new TextDecoder().decode(stdout), /20 files proven/);
});

Deno.test("a lost terminal stops the program cleanly", { ignore: !hasTmux }, async () => {
  const files: Record<string, string> = {};
  for (let n = 0; n < 20; n++) files[`OMOP/${n}.csv`] = "x".repeat(100);
  await using site = await TestSite.make(files);
  await site.run(["journal", "update"]);
  {
    await using terminal = new Terminal();
    await terminal.open(site.folder);
    await terminal.type(`${PROGRAM} --log-file run.log file upload --max-rate 200; echo $? > code`);
    await terminal.until(/uploading/);
  }
  const rest = await site.json(["file", "upload"]);
  assert.equal(rest.code, 0, rest.stderr);
  assert.ok(rest.value.upload.modalities[0].created < 20, "nothing was recorded before the end");
});
