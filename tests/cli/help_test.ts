import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Edge } from "../../src/commands/edge.ts";
import { buildProgram, run } from "../../src/commands/program.ts";
import type { Terminal } from "../../src/report/terminal.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** An edge whose terminal keeps what it is told. */
function recordingEdge(columns = 80): { edge: Edge; out: () => string; err: () => string } {
  let out = "";
  let err = "";
  const terminal: Terminal = {
    out: (text) => out += text,
    err: (text) => err += text,
    live: false,
    outIsTerminal: false,
    interactive: false,
    columns,
    color: false,
  };
  const edge: Edge = {
    terminal,
    environment: {},
    now: () => new Date(),
    signal: new AbortController().signal,
    user: () => "tester",
    host: () => "testhost",
  };
  return { edge, out: () => out, err: () => err };
}

interface Named {
  name(): string;
  commands: readonly Named[];
}

/** The words of every leaf command: `["journal", "update"]`. */
function leaves(command: Named, words: string[] = []): string[][] {
  const children = command.commands.filter((each) => each.name() !== "help");
  if (children.length === 0) return [words];
  return children.flatMap((each) => leaves(each, [...words, each.name()]));
}

const COMMANDS = leaves(buildProgram(recordingEdge().edge, { exitCode: 0 }));

async function pages(): Promise<Map<string, string>> {
  const texts = new Map([["README.md", await Deno.readTextFile(`${ROOT}/README.md`)]]);
  for await (const entry of Deno.readDir(`${ROOT}/docs`)) {
    if (entry.name.endsWith(".md")) {
      texts.set(`docs/${entry.name}`, await Deno.readTextFile(`${ROOT}/docs/${entry.name}`));
    }
  }
  return texts;
}

Deno.test("every command has help with an example, within 80 columns but for the example", async () => {
  assert.ok(COMMANDS.length >= 14, COMMANDS.join("; "));
  for (const words of COMMANDS) {
    const { edge, out } = recordingEdge();
    assert.equal(await run([...words, "--help"], edge), 0);
    const help = out();
    assert.match(help, new RegExp(`Usage: chorus-upload ${words.join(" ")}`));
    assert.match(help, /Examples?:\n {2}\$ chorus-upload/);
    const long = help.split("\n").filter((line) => line.length > 80 && !line.startsWith("  $"));
    assert.deepEqual(long, [], words.join(" "));
  }
});

Deno.test("every command is written about in the README or in docs", async () => {
  const text = [...(await pages()).values()].join("\n").replaceAll(/\s+/g, " ");
  for (const words of COMMANDS) {
    const [group, leaf] = words;
    // The README lists the leaves of a group as `journal checkout | update | …`.
    const listed = leaf !== undefined && new RegExp(`${group} [a-z| _]*\\b${leaf}\\b`).test(text);
    assert.ok(text.includes(words.join(" ")) || listed, `${words.join(" ")} is nowhere documented`);
  }
});

Deno.test("every link between the pages leads somewhere", async () => {
  for (const [page, text] of await pages()) {
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      const folder = page.includes("/") ? "docs/" : "";
      await assert.doesNotReject(Deno.stat(`${ROOT}/${folder}${target}`), `${page}: ${target}`);
    }
  }
});

Deno.test("an unknown command or option is exit code 2, with a suggestion", async () => {
  for (const args of [["journal", "updat"], ["journal", "update", "--versoin", "1"], ["jornal"]]) {
    const { edge, err } = recordingEdge();
    assert.equal(await run(args, edge), 2);
    assert.match(err(), /Did you mean/);
  }
});

Deno.test("the options of every command may stand before and after its name", async () => {
  for (
    const args of [["-c", "missing.toml", "journal", "list"], [
      "journal",
      "list",
      "-c",
      "missing.toml",
    ]]
  ) {
    const { edge, err } = recordingEdge();
    assert.equal(await run(args, edge), 2);
    assert.match(err(), /missing\.toml/);
  }
});

Deno.test("an error with --json is an envelope on stdout and a sentence on stderr", async () => {
  const { edge, out, err } = recordingEdge();
  assert.equal(await run(["--json", "-c", "missing.toml", "journal", "list"], edge), 2);
  const { error } = JSON.parse(out());
  assert.equal(error.code, "config");
  assert.equal(error.exitCode, 2);
  assert.match(err(), /^error: /);
});
