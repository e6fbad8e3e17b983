import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "./edge.ts";
import { acting, leaf, type Outcome } from "./leaf.ts";

/** `login`: signs a person in ahead of time. */
export function loginCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("login", "sign in to the central store, for the runs to come", [
      "-c config.toml login",
    ]),
    edge,
    outcome,
    login,
  );
}

/** `logout`: forgets the sign-in. */
export function logoutCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("logout", "forget the sign-in that login kept", ["-c config.toml logout"]),
    edge,
    outcome,
    logout,
  );
}

async function login(command: Command, _: unknown, edge: Edge): Promise<number> {
  const { openSession } = await import("./session.ts");
  const { runbookOf } = await import("./journal_session.ts");
  const { signIn } = await import("../storage/sign_in.ts");
  await using session = await openSession(command, edge);
  const { central, drivers } = session.config;
  const signedIn = await signIn(central, {
    drivers,
    environment: edge.environment,
    // A code to type in has to be seen, whatever else is shown.
    notify: (message) => session.emit({ kind: "notice", message }),
    signal: edge.signal,
  });
  session.pause();
  if (signedIn.warning !== undefined) {
    session.emit({ kind: "warning", message: signedIn.warning });
  }
  if (session.json) session.json.end({ login: signedIn });
  else {
    const place = signedIn.place === undefined ? "" : ` (${signedIn.place})`;
    const kept = signedIn.keptIn === undefined
      ? ""
      : `The sign-in is kept in ${signedIn.keptIn}.\n`;
    edge.terminal.out(
      `Signed in as ${signedIn.account}${place}.\n${kept}` +
        `Next:  ${runbookOf(session)} journal checkout\n`,
    );
  }
  return 0;
}

async function logout(command: Command, _: unknown, edge: Edge): Promise<number> {
  const { openSession } = await import("./session.ts");
  const { signOut } = await import("../storage/sign_in.ts");
  await using session = await openSession(command, edge);
  const { central, drivers } = session.config;
  const forgotten = await signOut(central, { drivers, environment: edge.environment });
  if (session.json) session.json.end({ logout: { forgotten } });
  else {
    edge.terminal.out(
      forgotten ? "The kept sign-in is forgotten.\n" : "There was no sign-in to forget.\n",
    );
  }
  return 0;
}
