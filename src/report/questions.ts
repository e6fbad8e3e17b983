import { ChorusError } from "../errors/chorus_error.ts";
import { printable } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** A question to the person. */
export interface Question {
  message: string;
  /** What is taken when the person just presses Enter, and shown. */
  initial?: string;
  /** Answers to choose from. */
  choices?: readonly { value: string; label: string }[];
  /** A sentence when the answer won't do, undefined when it will. */
  validate?: (answer: string) => string | undefined;
}

/** Asks, and gives undefined when the person cancels. Only on a terminal. */
async function ask(question: Question): Promise<string | undefined> {
  const prompts = await import("@clack/prompts");
  const common = { message: printable(question.message) };
  const answer = question.choices !== undefined
    ? await prompts.select<string>({
      ...common,
      initialValue: question.initial,
      options: question.choices.map(({ value, label }) => ({ value, label })),
    })
    : await prompts.text({
      ...common,
      placeholder: question.initial,
      defaultValue: question.initial,
      validate: (value) => question.validate?.(value ? value : question.initial ?? ""),
    });
  return typeof answer === "string" ? answer : undefined;
}

/**
 * Asks questions one after the other.
 *
 * @throws ChorusError `usage` without a terminal, `cancelled` when the person gives up
 */
export async function askText(terminal: Terminal, question: Question): Promise<string> {
  if (!terminal.interactive) {
    throw new ChorusError("usage", `"${question.message}" can't be asked without a terminal.`, {
      remedy: "Give the answer as an option; --help lists them.",
    });
  }
  const answer = await ask(question);
  if (answer === undefined) throw new ChorusError("cancelled", "Cancelled; nothing was changed.");
  return answer;
}

/**
 * Asks yes or no; no is what Enter means.
 *
 * @param options `yes`: the person said `--yes`; nothing is asked then
 * @throws ChorusError `usage` without a terminal and without `--yes`
 */
export async function confirmed(
  terminal: Terminal,
  message: string,
  options: { yes: boolean },
): Promise<boolean> {
  if (options.yes) return true;
  if (!terminal.interactive) {
    throw new ChorusError("usage", `${message} There is no terminal to ask on.`, {
      remedy: "Look at it, then say --yes.",
    });
  }
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({ message: printable(message), initialValue: false });
  return answer === true;
}
