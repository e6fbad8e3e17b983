/**
 * Opens containers in a process of its own: the identity library reads the
 * process's own environment and PATH. A line of JSON in, a line of JSON out.
 */

import openContainer from "../../drivers/az.ts";

/** One try. */
export interface LoginTry {
  location: string;
  auth: Record<string, string>;
  environment: Record<string, string>;
  interactive: boolean;
}

/** What came of it. */
export type LoginOutcome =
  & { notices: string[] }
  & ({ keys: string[] } | { kind: string; message: string; remedy?: string });

const OURS = /^(AZURE_|IDENTITY_|MSI_|IMDS_|XDG_|NODE_TLS|HTTPS?_PROXY|NO_PROXY|HOME$|PATH$)/i;

if (import.meta.main) {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  let text = "";
  for await (const chunk of lines) {
    text += chunk;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
      const outcome = await attempt(JSON.parse(text.slice(0, end)));
      text = text.slice(end + 1);
      await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(outcome)}\n`));
    }
  }
}

async function attempt({ environment, ...options }: LoginTry): Promise<LoginOutcome> {
  for (const name of Object.keys(Deno.env.toObject())) {
    if (OURS.test(name)) Deno.env.delete(name);
  }
  for (const [name, value] of Object.entries(environment)) Deno.env.set(name, value);
  const notices: string[] = [];
  try {
    const driver = await openContainer({
      ...options,
      environment,
      notify: (message) => notices.push(message),
    });
    const keys: string[] = [];
    for await (const entry of driver.list("", { recursive: true })) {
      if (entry.kind === "object") keys.push(entry.object.key);
    }
    await driver.close?.();
    return { notices, keys };
  } catch (error) {
    if (!(error instanceof Error && "failure" in error)) throw error;
    return { notices, ...error.failure as { kind: string; message: string } };
  }
}
