/** Writes a commented `config.toml`: for `config init`, and as `template.config.toml`. */

import { stringify } from "smol-toml";
import { canonicalModality, defaultPattern, KNOWN_MODALITIES } from "../layout/modality.ts";
import { isLocal, joinLocation } from "../storage/location.ts";
import { type ConfigKey, configKeys } from "./key_table.ts";
import { showKey } from "./problems.ts";
import type { SecretValue } from "./schema.ts";
import { wrappedText } from "./wrapped_text.ts";

/** What a person answers to `config init`. */
export interface TemplateAnswers {
  /** Where the files go: `az://container/`, a local folder, … */
  centralPath: string;
  /** Where the journal lives; by default `journal.db` in the central path. */
  journalPath?: string;
  /** The journal's working copy, a local file; by default in the current folder. */
  localJournal?: string;
  /** Root of the site's data. */
  dataPath: string;
  /** By default the four known ones. */
  modalities?: readonly string[];
  journalingMode?: "append" | "full";
  omopPerPatient?: boolean;
  /**
   * Keys of the `auth` tables of journal and central path, such as `auth_mode`
   * and `azure_account_url`. Secrets are best given as `{ env }` or `{ file }`.
   */
  auth?: Readonly<Record<string, SecretValue | undefined>>;
}

/** The text of `template.config.toml`, from which a person may start without `config init`. */
export function emptyTemplate(): string {
  return configTemplate({
    centralPath: "az://{CONTAINER}/",
    journalPath: "az://{CONTAINER}/journal.db",
    localJournal: "{LOCALPATH}/journal.db",
    dataPath: "{DATAPATH}",
    auth: {
      auth_mode: "login",
      azure_account_url: "https://upload.chorus4ai.org",
    },
  });
}

/**
 * A configuration with these answers, every other key as a comment with its
 * explanation. It loads without an error or a warning when the answers are right.
 *
 * @throws ChorusError `config` for a modality whose name can't be a folder's
 */
export function configTemplate(answers: TemplateAnswers): string {
  const {
    centralPath,
    journalPath = isLocal(centralPath)
      ? joinLocation(centralPath, "journal.db")
      : joinLocation(centralPath.replace(/\/+$/, ""), "journal.db"),
    localJournal = "journal.db",
    dataPath,
    modalities = KNOWN_MODALITIES,
    journalingMode = "append",
    omopPerPatient = false,
    auth = {},
  } = answers;
  const authOf = (path: string) => isLocal(path) ? {} : auth;
  const sites = [...new Set([...modalities.map(canonicalModality), "Metadata"])];
  const sections = [
    HEAD,
    section(["configuration"], {
      supported_modalities: sites.join(","),
    }),
    section(["journal"], { journaling_mode: journalingMode }),
    section(["journal", "local"], { path: localJournal }),
    section(["journal", "source"], { path: journalPath }),
    section(["journal", "source", "auth"], authOf(journalPath), {
      note: AUTH_NOTE,
    }),
    section(["central_path"], { path: centralPath }),
    section(["central_path", "auth"], authOf(centralPath), {
      note: "The keys are explained in [journal.source.auth].",
      brief: true,
    }),
    section(["site_path", "default"], { path: dataPath }, {
      note: "For every modality, where it has nothing of its own.",
      without: ["pattern", "omop_per_patient"],
    }),
    section(["site_path", "default", "auth"], undefined, {
      note: "For data in a cloud. The keys are explained in [journal.source.auth].",
      brief: true,
    }),
    ...sites.map((modality, index) =>
      section(["site_path", modality], {
        pattern: defaultPattern(modality, { omopPerPatient }),
        ...modality === "OMOP" && omopPerPatient ? { omop_per_patient: true } : {},
      }, {
        note: index > 0
          ? undefined
          : "A modality with a path of its own may have its own credentials, in an auth table below it.",
        brief: index > 0,
        without: modality === "OMOP" ? [] : ["omop_per_patient"],
      })
    ),
    section(["transfer"], {}),
    section(["drivers"], {}, { names: { "<scheme>": "sftp" } }),
  ];
  return sections.join("\n\n") + "\n";
}

const HEAD = comment(
  "Configuration of chorus-upload. A key behind a # is not set: it shows an example or the default. `chorus-upload config-help` explains all keys. Relative local paths start at the current folder; write Windows paths with / or in single quotes.",
).join("\n");

const AUTH_NOTE =
  'Instead of its text a secret may be { env = "NAME" }, a variable of the environment, or { file = "path" }, a file that holds it.';

interface SectionOptions {
  /** Said once, under the header. */
  note?: string;
  /** Keys without their explanations, which stand elsewhere. */
  brief?: boolean;
  /** Keys that make no sense here. */
  without?: readonly string[];
  /** Examples for names that the person chooses. */
  names?: Readonly<Record<string, string>>;
}

/** @param values what is set; undefined: the whole table is a comment */
function section(
  path: readonly string[],
  values: Readonly<Record<string, TemplateValue | undefined>> | undefined,
  options: SectionOptions = {},
): string {
  const { note, brief = false, without = [], names = {} } = options;
  const header = `[${showKey(path)}]`;
  const keys = keysOf(path).filter((key) => !without.includes(nameOf(key)));
  return [
    values === undefined ? `# ${header}` : header,
    ...note === undefined ? [] : comment(note),
    ...keys.flatMap((key) => {
      const name = nameOf(key);
      const value = values === undefined ? undefined : values[name];
      const line = value === undefined
        ? `# ${names[name] ?? name} = ${key.example ?? key.default}`
        : `${name} = ${tomlValue(value)}`;
      return brief ? [line] : ["", ...comment(explanation(key)), line];
    }),
  ].join("\n");
}

type TemplateValue = string | boolean | SecretValue;

/** One value on one line; the library would make a table of its own for `{ env }`. */
function tomlValue(value: TemplateValue): string {
  if (typeof value !== "object") {
    return stringify({ value }).trimEnd().slice("value = ".length);
  }
  const [[name, text]] = Object.entries(value);
  return `{ ${name} = ${tomlValue(text)} }`;
}

function keysOf(path: readonly string[]): readonly ConfigKey[] {
  const table = path[0] === "site_path" ? ["site_path", "<Modality>", ...path.slice(2)] : path;
  return configKeys.filter((key) =>
    key.path.length === table.length + 1 &&
    table.every((part, index) => key.path[index] === part)
  );
}

function nameOf(key: ConfigKey): string {
  return key.path[key.path.length - 1];
}

function explanation(key: ConfigKey): string {
  const { about, allowed, required, example } = key;
  return [
    required === undefined ? [] : `REQUIRED ${required}`.trimEnd() + ".",
    about,
    allowed === "text" || key.secret ? [] : `Value: ${allowed}.`,
    key.default === undefined || (example === undefined && !key.required)
      ? []
      : `Default: ${key.default}.`,
  ].flat().join(" ");
}

function comment(text: string): string[] {
  return wrappedText(text, 78).map((line) => `# ${line}`);
}
