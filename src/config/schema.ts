/**
 * The one schema of `config.toml`. It gives the checks, the types, the text of
 * `config-help`, the template and the names for suggestions; see `key_table.ts`
 * for how it is read. Keys are snake_case as in the file.
 */

import * as v from "valibot";
import { isChorusError } from "../errors/chorus_error.ts";
import { DURATION_FORM, parseDuration } from "./duration.ts";
import { parseRate, RATE_FORM } from "./rate_timetable.ts";

/** What is said of a key in messages, in the reference and in the template. */
export interface KeyInfo {
  /** One to three sentences. */
  about: string;
  /** Goes on after "must be". */
  allowed: string;
  /** In words; absent: none. */
  default?: string;
  /** When it has to be there, after "Required"; may be empty. */
  required?: string;
  /** A TOML value for the template, where the default is not one. */
  example?: string;
  /** Other accepted names. */
  aliases?: readonly string[];
  /** The value opens a door: never shown. */
  secret?: boolean;
}

/** The largest tolerance for times: beyond it a changed file could pass for unchanged. */
const MAX_TOLERANCE_MS = 10_000;

function key<Schema extends v.GenericSchema>(schema: Schema, info: KeyInfo) {
  return v.optional(v.pipe(schema, v.metadata({ ...info })));
}

function text(info: Omit<KeyInfo, "allowed">) {
  return key(v.pipe(v.string(), v.nonEmpty()), { allowed: "text", ...info });
}

/** A text that may be empty, which is the same as leaving it out: files in use hold such. */
function setting(info: Omit<KeyInfo, "allowed">) {
  return key(v.string(), { allowed: "text", ...info });
}

function flag(info: Omit<KeyInfo, "allowed">) {
  return key(v.boolean(), { allowed: "true or false", ...info });
}

function count(info: Omit<KeyInfo, "allowed">) {
  return key(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), {
    allowed: "a whole number from 1 on",
    ...info,
  });
}

/** One of some words; further accepted spellings stand for one of them. */
function word<const Words extends readonly string[]>(
  words: Words,
  info: Omit<KeyInfo, "allowed">,
  spellings: Readonly<Record<string, Words[number]>> = {},
) {
  const said = (list: readonly string[]) =>
    list.map((each) => `"${each}"`).join(", ").replace(/, ([^,]+)$/, " or $1");
  const also = Object.entries(spellings)
    .map(([from, to]) => ` ("${from}" is the same as "${to}")`).join("");
  return key(
    v.pipe(
      v.string(),
      v.transform((value) => Object.hasOwn(spellings, value) ? spellings[value] : value),
      v.picklist(words),
    ),
    { allowed: said(words) + also, ...info },
  );
}

/** What one of our parsers turns into a value; its error becomes the issue. */
function parsed<Written extends string | number, Value>(
  parse: (written: Written) => Value,
  written: v.GenericSchema<Written>,
) {
  return v.pipe(
    written,
    v.rawTransform<Written, Value>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        if (!isChorusError(error)) throw error;
        addIssue({ message: error.message });
        return NEVER;
      }
    }),
  );
}

/** A text, or where to find it. */
const secretValue = v.union([
  v.string(),
  v.strictObject({ env: v.pipe(v.string(), v.nonEmpty()) }),
  v.strictObject({ file: v.pipe(v.string(), v.nonEmpty()) }),
]);

/** What an auth table may hold in the place of a secret. */
export type SecretValue = v.InferOutput<typeof secretValue>;

function secret(info: Omit<KeyInfo, "allowed" | "secret">) {
  return key(secretValue, {
    allowed: 'text, { env = "NAME" } or { file = "path" }',
    example: '{ env = "NAME" }',
    ...info,
    secret: true,
  });
}

/** A key that only a driver of the site's own knows. */
const driverOwnValue = v.pipe(
  secretValue,
  v.metadata({
    about: "A key of a driver under [drivers].",
    allowed: 'text, { env = "NAME" } or { file = "path" }',
    secret: true,
  }),
);

/**
 * Keys of every `auth` table; `key_table.ts` knows it by identity. Further keys
 * get this far only for a driver of the site's own.
 */
export const authSchema = v.objectWithRest({
  auth_mode: word(
    [
      "login",
      "managed_identity",
      "service_principal",
      "sas",
      "key",
      "connection_string",
      "anonymous",
    ],
    {
      about:
        "How to sign in to Azure. `login` tries a service principal in the environment, the account of `az login`, a managed identity, and on a terminal a device code.",
      default: "what the given credential asks for, else login",
      example: '"login"',
    },
    { sas_token: "sas" },
  ),
  azure_tenant_id: setting({
    about:
      "The Entra tenant to sign in to, where it is not the person's own: guests in the central tenant need it.",
    example: '"00000000-0000-0000-0000-000000000000"',
  }),
  azure_account_url: setting({
    about:
      "The storage account's address; a custom domain may be used. http:// is refused except on the loopback address.",
    default: "https://<azure_account_name>.blob.core.windows.net",
    example: '"https://upload.chorus4ai.org"',
  }),
  azure_account_name: setting({
    about: "The storage account's name.",
    default: "from azure_account_url or the connection string",
    example: '"mghb2ailanding"',
  }),
  azure_sas_token: secret({
    about: "A shared access signature, for auth_mode sas.",
    example: '{ env = "CHORUS_SAS_TOKEN" }',
  }),
  azure_account_key: secret({
    about: "An account key, for auth_mode key.",
    example: '{ env = "CHORUS_ACCOUNT_KEY" }',
  }),
  azure_storage_connection_string: secret({
    about: "A connection string, for auth_mode connection_string.",
    default: "AZURE_STORAGE_CONNECTION_STRING in the environment",
    aliases: ["azure_connection_string"],
    example: '{ env = "AZURE_STORAGE_CONNECTION_STRING" }',
  }),
  azure_container: setting({
    about: "The container; must agree with the path.",
    default: "from the path",
    example: '"container"',
  }),
  aws_access_key_id: secret({
    about: "An AWS access key, for s3:// paths; together with its secret.",
    default: "the AWS SDK's own chain: environment, profiles, roles",
    example: '{ env = "AWS_ACCESS_KEY_ID" }',
  }),
  aws_secret_access_key: secret({
    about: "The secret that belongs to aws_access_key_id.",
    example: '{ env = "AWS_SECRET_ACCESS_KEY" }',
  }),
  aws_session_token: secret({
    about: "The session token of temporary AWS credentials.",
    example: '{ env = "AWS_SESSION_TOKEN" }',
  }),
  aws_profile: setting({
    about: "A profile of ~/.aws/config.",
    example: '"default"',
  }),
  aws_region: setting({
    about: "The bucket's region.",
    example: '"us-east-1"',
  }),
  aws_endpoint_url: setting({
    about: "The address of an S3-compatible store that is not AWS.",
    example: '"https://s3.example.org"',
  }),
  s3_container: setting({
    about: "The bucket, as in the path.",
    default: "from the path",
    example: '"bucket"',
  }),
  google_application_credentials: setting({
    about: "A Google credentials file, for gs:// paths.",
    default: "GOOGLE_APPLICATION_CREDENTIALS in the environment",
    example: '"/etc/chorus/google.json"',
  }),
  google_project: setting({
    about: "The Google Cloud project.",
    example: '"project"',
  }),
  google_endpoint_url: setting({
    about: "The address of a store that speaks Google's protocol.",
    example: '"https://storage.example.org"',
  }),
  ca_cert: setting({
    about:
      "A PEM file with a site's own certificate authority, or that of its TLS-inspecting proxy.",
    default: "the system's authorities",
    example: '"/etc/ssl/site-ca.pem"',
  }),
}, driverOwnValue);

function uploadMethod() {
  return word(["builtin"], {
    about: "How transfers are made; there is one way.",
    default: '"builtin"',
  });
}

const siteSchema = v.object({
  path: text({
    about:
      "Root of the data: a local folder, or az://, s3://, gs://. That of [site_path.default] holds for every modality without a path of its own.",
    required: "in [site_path.default] unless every modality has one",
    example: '"/mnt/data/site"',
  }),
  pattern: text({
    about:
      "Which files belong to the modality, relative to its path, always with /. {patient_id}, {version}, {filepath}; :w limits a field to letters, digits and _, :d to digits.",
    default: '"{patient_id:w}/<Modality>/{filepath}"; OMOP and Metadata without the patient',
    example: '"{patient_id:w}/Images/{filepath}"',
  }),
  exclude: key(v.array(v.pipe(v.string(), v.nonEmpty())), {
    about: "Globs of paths to leave out, relative to the modality's path.",
    allowed: 'an array of texts such as ["**/.DS_Store"]',
    default: "[]",
    example: '["**/.DS_Store"]',
  }),
  versioned: flag({
    about:
      "The data lie in a folder per version. Without a pattern the default one then begins with {version}/.",
    default: "false",
  }),
  omop_per_patient: flag({
    about: "OMOP lies in each patient's folder; only under [site_path.OMOP].",
    default: "false",
  }),
  follow_links: word(["inside", "anywhere", "never"], {
    about: "Which symbolic links are followed: those that stay inside the path, all, or none.",
    default: '"inside"',
  }),
  auth: v.optional(authSchema),
});

const driverSchema = key(
  v.union([
    v.pipe(v.string(), v.nonEmpty()),
    v.strictObject({
      url: v.pipe(v.string(), v.nonEmpty()),
      sha256: v.optional(
        v.pipe(
          v.string(),
          v.regex(/^[0-9a-f]{64}$/i),
          v.transform((hex) => hex.toLowerCase()),
        ),
      ),
    }),
  ]),
  {
    about:
      "The storage driver for <scheme>:// paths: URL or path of a module, relative to the current folder.",
    allowed: 'text or { url = "…", sha256 = "…" }, sha256 being 64 hexadecimal digits',
    default: "the built-in drivers: az, s3, gs and local folders",
    example: '"./drivers/sftp.ts"',
  },
);

/** The whole file. */
export const configSchema = v.object({
  configuration: v.optional(
    v.object({
      supported_modalities: text({
        about: "The modalities of this site, comma-separated. Metadata is always added.",
        default: '"OMOP,Images,Waveforms,Metadata"',
      }),
      page_size: count({
        about: "Files per journal transaction, at most.",
        default: "1000",
      }),
      num_threads: count({
        about: "Cap on workers and concurrent transfers.",
        default: "automatic",
        example: "8",
        aliases: ["nthreads"],
      }),
      profiling: flag({
        about: "Also record per-file durations in <journal>_profile.db.",
        default: "false",
        aliases: ["profile"],
      }),
      upload_method: word(["list", "azcli", "azcopy"], {
        about: "What `file list --output-file` writes without --output-type.",
        default: '"list"',
      }),
      min_age: key(parsed(parseDuration, v.string()), {
        about: "Files younger than this are left for the next update: they may still be written.",
        allowed: DURATION_FORM,
        default: "none",
        example: '"10m"',
      }),
      mtime_tolerance: key(
        v.pipe(
          parsed(parseDuration, v.string()),
          v.minValue(1),
          v.maxValue(MAX_TOLERANCE_MS),
        ),
        {
          about:
            "Modification times that differ by no more are the same; for mounts that round times.",
          allowed: 'a duration from "1ms" to "10s"',
          default: '"1ms"',
        },
      ),
    }),
    {},
  ),
  journal: v.optional(
    v.object({
      journaling_mode: word(["append", "full"], {
        about:
          "append: files that are gone stay in the journal. full: the data are complete each time, files that are gone are marked as deleted.",
        default: '"append"',
      }, { snapshot: "full" }),
      local: v.optional(
        v.object({
          path: text({
            about: "The working copy of the journal, a local file.",
            default: "a local source itself, used in place; else the last part of the source path",
            example: '"journal.db"',
          }),
        }),
        {},
      ),
      source: v.optional(
        v.object({
          path: text({
            about: "Where the journal lives: a local file, or az://, s3://, …",
            default: '"journal.db"',
          }),
          upload_method: uploadMethod(),
          auth: v.optional(authSchema),
        }),
        {},
      ),
    }),
    {},
  ),
  central_path: v.optional(
    v.object({
      path: text({
        about: "Where the files go: az://container/ or az://container/prefix.",
        required: "",
        example: '"az://container/"',
      }),
      azure_container: setting({
        about: "The container; must agree with the path.",
        default: "from the path",
        example: '"container"',
      }),
      patient_first: flag({
        about: "true: <version>/<patient>/<Modality>/…, false: <version>/<Modality>/<patient>/…",
        default: "true",
      }),
      upload_method: uploadMethod(),
      auth: v.optional(authSchema),
    }),
    {},
  ),
  site_path: v.optional(v.record(v.string(), siteSchema), {}),
  transfer: v.optional(
    v.object({
      max_rate: key(
        parsed(
          (rate) => parseRate(String(rate)),
          v.union([v.string(), v.number()]),
        ),
        {
          about:
            "Limit for sending: a rate, or a timetable of local times. M is a million bytes, Mi 1,048,576.",
          allowed: RATE_FORM,
          default: "no limit",
          example: '"08:00,50M 18:00,off"',
        },
      ),
      max_wait: key(parsed(parseDuration, v.string()), {
        about: "How long a service that is down is waited for.",
        allowed: DURATION_FORM,
        default: '"30m"',
      }),
    }),
    {},
  ),
  drivers: v.optional(v.record(v.string(), driverSchema), {}),
});

/** A file that passed the schema; keys as in the file, aliases replaced. */
export type ConfigFile = v.InferOutput<typeof configSchema>;

/** One auth table of it. */
export type AuthTable = v.InferOutput<typeof authSchema>;

/** One table below `site_path`. */
export type SiteTable = v.InferOutput<typeof siteSchema>;
