import type { Command } from "@commander-js/extra-typings";
import type { Edge } from "../edge.ts";
import { acting, commonOptionsOf, leaf, type Outcome, parseNames } from "../leaf.ts";

interface InitFlags {
  central?: string;
  data?: string;
  journal?: string;
  localJournal?: string;
  accountUrl?: string;
  authMode?: string;
  tenant?: string;
  mode?: string;
  modalities?: string[];
  omopPerPatient?: true;
  yes?: true;
}

/** `config init`: writes a commented configuration file. */
export function initCommand(edge: Edge, outcome: Outcome): Command {
  return acting(
    leaf("init", "write a commented config.toml, by asking or from flags", [
      "config init",
      "config init --central az://emory-temp/ --data /mnt/data/site --yes",
    ])
      .option("--central <path>", "where files go: az://container/, or a local folder")
      .option("--data <path>", "root of the site's data")
      .option("--journal <path>", "where the journal lives (default: beside the files)")
      .option("--local-journal <file>", "the journal's working copy (default: journal.db)")
      .option("--account-url <url>", "address of the Azure account")
      .option("--auth-mode <mode>", "how to sign in: login, sas, managed_identity, …")
      .option("--tenant <id>", "Azure tenant of the central account")
      .option("--mode <mode>", "append or full (default: append)")
      .option("--modalities <names>", "separated by commas", parseNames)
      .option("--omop-per-patient", "OMOP lies under each patient")
      .option("--yes", "replace an existing file without asking"),
    edge,
    outcome,
    init,
  );
}

async function init(command: Command, flags: InitFlags, edge: Edge): Promise<number> {
  const { configTemplate } = await import("../../config/config_template.ts");
  const { parseConfig } = await import("../../config/load_config.ts");
  const { ChorusError } = await import("../../errors/chorus_error.ts");
  const { askText, confirmed } = await import("../../report/questions.ts");
  const { schemeOf } = await import("../../storage/location.ts");
  const file = commonOptionsOf(command).config ?? "config.toml";
  if (
    await exists(file) && !await confirmed(
      edge.terminal,
      `"${file}" exists already. Replace it?`,
      { yes: flags.yes === true },
    )
  ) {
    edge.terminal.err("Nothing was changed.\n");
    return 1;
  }

  const required = (answer: string) => answer.trim() === "" ? "Something is needed." : undefined;
  const ask = (given: string | undefined, message: string, initial?: string) =>
    given !== undefined
      ? Promise.resolve(given)
      : askText(edge.terminal, { message, initial, validate: required });
  const centralPath = await ask(
    flags.central,
    "Where do the files go? (az://container/, or a folder)",
  );
  const dataPath = await ask(flags.data, "Where is the site's data? (the root folder)");
  const interactive = edge.terminal.interactive && flags.central === undefined;
  const auth: Record<string, string | { env: string }> = {};
  if (schemeOf(centralPath) === "az") {
    const authMode = flags.authMode ?? (interactive
      ? await askText(edge.terminal, {
        message: "How do you sign in?",
        initial: "login",
        choices: [
          { value: "login", label: "login: your own account (az login, or a code in a browser)" },
          { value: "sas", label: "sas: a shared access signature that you were given" },
          { value: "managed_identity", label: "managed_identity: this Azure machine's own" },
        ],
      })
      : "login");
    auth.auth_mode = authMode;
    if (authMode === "sas") auth.azure_sas_token = { env: "CHORUS_SAS_TOKEN" };
    auth.azure_account_url = flags.accountUrl ?? (interactive
      ? await askText(edge.terminal, {
        message: "The address of the Azure account?",
        initial: DEFAULT_ACCOUNT_URL,
      })
      : DEFAULT_ACCOUNT_URL);
    if (flags.tenant !== undefined) auth.azure_tenant_id = flags.tenant;
  }
  const mode = flags.mode ?? "append";
  if (mode !== "append" && mode !== "full") {
    throw new ChorusError("usage", `--mode can't be "${mode}".`, {
      remedy: "Say append or full.",
    });
  }
  const text = configTemplate({
    centralPath,
    dataPath,
    journalPath: flags.journal,
    localJournal: flags.localJournal,
    modalities: flags.modalities,
    journalingMode: mode,
    omopPerPatient: flags.omopPerPatient,
    auth,
  });
  // What we write must load; a secret that comes from the environment need not be there yet.
  await parseConfig(text, {
    file,
    environment: { CHORUS_SAS_TOKEN: "sv=x&sig=x", ...edge.environment },
  });
  await Deno.writeTextFile(file, text);
  const lines = [`Wrote "${file}".`];
  if (auth.auth_mode === "sas") {
    lines.push("Put the signature into the environment variable CHORUS_SAS_TOKEN.");
  }
  lines.push(
    "`chorus-upload config-help` explains every key.",
    `Next:  chorus-upload -c ${file} journal checkout`,
  );
  edge.terminal.out(lines.join("\n") + "\n");
  return 0;
}

const DEFAULT_ACCOUNT_URL = "https://upload.chorus4ai.org";

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
