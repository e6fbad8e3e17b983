/**
 * Patterns: which files belong to a modality, and what their paths say.
 *
 * A pattern is a path relative to the modality's root. It is cut at `/` into
 * segments; each becomes one anchored regular expression, so that a folder can
 * be judged before anything below it is read.
 */

import { ChorusError } from "../errors/chorus_error.ts";

/** How a field's text is limited: any text without `/`, `:w` word characters, `:d` digits. */
export type FieldKind = "text" | "word" | "digits";

/** What a path says about its file. */
export interface PatternMatch {
  /** Patient id text as found, undefined where the pattern has no `{patient_id}`. */
  personId: string | undefined;
  /** Version text as found (not checked), undefined where the pattern has no `{version}`. */
  version: string | undefined;
  /** What `{filepath}` stands for; never begins with `/`. */
  filepath: string;
}

type FieldName = "patient_id" | "version" | "filepath";

interface Field {
  field: FieldName;
  kind: FieldKind;
}

type Token = string | Field;

/** One path segment as a regular expression and the fields that its groups hold, in order. */
interface Segment {
  expression: RegExp;
  fields: readonly FieldName[];
}

const FIELD_NAMES: readonly string[] = ["patient_id", "version", "filepath"];

/** Combining marks count as letters, or a name in decomposed form (macOS) would not be a word. */
const WORD = "[\\p{L}\\p{M}\\p{N}_]+";

const EXPRESSION_OF: Readonly<Record<FieldKind, string>> = {
  // Lazy, as the predecessor reads it: `{a}_{b}` splits at the first underscore.
  text: "[^/]+?",
  word: WORD,
  digits: "[0-9]+",
};

/**
 * Compiles a pattern.
 *
 * Fields are `{patient_id}`, `{version}` and `{filepath}`, each at most once;
 * `:w` limits one to letters, digits and underscore, `:d` to the digits 0 to 9.
 * `{filepath}` is required and comes last; without a limit it is any rest, `/`
 * included. Literal text matches in any case and in both Unicode normal forms
 * (composed and decomposed); what a field captures stays as it is on disk.
 *
 * @param pattern relative path with fields, always with `/`
 * @throws ChorusError `config` when the pattern is not well-formed
 */
export function compilePattern(pattern: string): Pattern {
  const fail = (what: string, remedy?: string): never => {
    throw new ChorusError("config", `The pattern "${pattern}" ${what}.`, {
      subject: pattern,
      remedy,
    });
  };
  if (pattern === "") {
    throw new ChorusError("config", "A pattern is empty.", {
      remedy: 'Write one such as "{patient_id:w}/Images/{filepath}".',
    });
  }
  if (pattern.includes("\\")) {
    fail("holds a backslash", 'Separate folders with "/", on Windows too.');
  }
  if (pattern.includes("\0")) fail("holds a NUL character");
  const tokens = tokenize(pattern, fail);
  checkTokens(tokens, fail);

  const segments: Token[][] = [[]];
  for (const token of tokens) {
    if (typeof token !== "string") {
      segments[segments.length - 1].push(token);
      continue;
    }
    const [first, ...others] = token.split("/");
    if (first !== "") segments[segments.length - 1].push(first);
    for (const text of others) segments.push(text === "" ? [] : [text]);
  }
  if (segments[0].length === 0) {
    fail("begins with a slash", "Write it relative to the modality's path.");
  }
  for (const segment of segments) {
    if (segment.length === 0) fail("holds an empty folder name");
    if (segment.length === 1 && (segment[0] === "." || segment[0] === "..")) {
      fail(
        `holds the folder name "${segment[0]}"`,
        "Write it relative to the modality's path.",
      );
    }
  }
  const last = segments[segments.length - 1];
  return new Pattern(
    pattern,
    segments.slice(0, -1).map((segment) => compileSegment(segment)),
    compileSegment(last),
    Object.fromEntries(
      tokens.filter((token) => typeof token !== "string")
        .map(({ field, kind }) => [field, kind]),
    ),
  );
}

/**
 * What is known of the files of one folder that can lead to a match: the fields
 * that the folder's path gave, and what its names still have to satisfy.
 */
export class FolderMatch {
  /** Known from the folder's path, undefined where it has not been seen yet. */
  readonly personId: string | undefined;
  readonly version: string | undefined;
  /** True when a file of any name in this folder matches, and all share `personId` and `version`. */
  readonly everyName: boolean;
  readonly #segment: Segment | undefined;
  readonly #filepathFolder: string;

  /** @ignore made by {@linkcode Pattern.folder} */
  constructor(
    personId: string | undefined,
    version: string | undefined,
    segment: Segment | undefined,
    filepathFolder: string | undefined,
  ) {
    this.personId = personId;
    this.version = version;
    this.#segment = segment;
    this.everyName = filepathFolder !== undefined;
    this.#filepathFolder = filepathFolder ?? "";
  }

  /** What a file of this name directly in the folder says, undefined when it does not match. */
  matchName(name: string): PatternMatch | undefined {
    if (isNoName(name)) return undefined;
    if (this.everyName) {
      return {
        personId: this.personId,
        version: this.version,
        filepath: this.#filepathFolder + name,
      };
    }
    if (this.#segment === undefined) return undefined;
    const found: Captures = {
      patient_id: this.personId,
      version: this.version,
    };
    if (
      !capture(this.#segment, name, found) || found.filepath === undefined
    ) return undefined;
    return {
      personId: found.patient_id,
      version: found.version,
      filepath: found.filepath,
    };
  }
}

/** A compiled pattern. Immutable but for a one-folder memory that makes runs of calls cheap. */
export class Pattern {
  /** As configured. */
  readonly source: string;
  /** How `{patient_id}` is limited, undefined where the pattern has none. */
  readonly patientId: FieldKind | undefined;
  /** How `{version}` is limited, undefined where the pattern has none. */
  readonly version: FieldKind | undefined;
  readonly #folders: readonly Segment[];
  readonly #last: Segment;
  readonly #restIsPath: boolean;
  readonly #everyLastName: boolean;
  #knownFolder: string | undefined;
  #knownMatch: FolderMatch | undefined;

  /** @ignore use {@linkcode compilePattern} */
  constructor(
    source: string,
    folders: readonly Segment[],
    last: Segment,
    kinds: Partial<Record<FieldName, FieldKind>>,
  ) {
    this.source = source;
    this.patientId = kinds.patient_id;
    this.version = kinds.version;
    this.#folders = folders;
    this.#last = last;
    this.#restIsPath = kinds.filepath === "text";
    this.#everyLastName = source.endsWith("/{filepath}") ||
      source === "{filepath}";
  }

  /**
   * What a file's path says, undefined when the file does not belong here.
   *
   * @param path relative to the modality's root, `/` separated, as on disk
   */
  match(path: string): PatternMatch | undefined {
    const slash = path.lastIndexOf("/");
    const folder = slash < 0 ? "." : path.slice(0, slash);
    if (folder === "") return undefined;
    if (folder !== this.#knownFolder) {
      this.#knownMatch = this.folder(folder);
      this.#knownFolder = folder;
    }
    return this.#knownMatch?.matchName(
      slash < 0 ? path : path.slice(slash + 1),
    );
  }

  /**
   * True exactly when some file below this folder, at any depth, could match.
   *
   * @param folder relative to the modality's root; `.` is the root itself
   */
  mayLead(folder: string): boolean {
    return this.folder(folder) !== undefined;
  }

  /**
   * The match so far of a folder that may lead to a match, undefined for one
   * that can't.
   *
   * @param folder relative to the modality's root; `.` is the root itself
   */
  folder(folder: string): FolderMatch | undefined {
    const names = folder === "." ? [] : folder.split("/");
    if (names.some(isNoName)) return undefined;
    const found: Captures = {};
    const depth = Math.min(names.length, this.#folders.length);
    for (let index = 0; index < depth; index++) {
      if (!capture(this.#folders[index], names[index], found)) return undefined;
    }
    if (names.length < this.#folders.length) {
      return new FolderMatch(
        found.patient_id,
        found.version,
        undefined,
        undefined,
      );
    }
    if (names.length === this.#folders.length) {
      return new FolderMatch(
        found.patient_id,
        found.version,
        this.#last,
        this.#everyLastName ? "" : undefined,
      );
    }
    // Below the last literal folder only an unlimited {filepath} goes on.
    if (!this.#restIsPath) return undefined;
    if (!capture(this.#last, names[depth], found)) return undefined;
    const rest = [found.filepath, ...names.slice(depth + 1)];
    return new FolderMatch(
      found.patient_id,
      found.version,
      undefined,
      rest.join("/") + "/",
    );
  }
}

type Captures = Partial<Record<FieldName, string | undefined>>;

/** Adds the segment's fields to `into`; false when the name does not match. */
function capture(segment: Segment, name: string, into: Captures): boolean {
  const groups = segment.expression.exec(name);
  if (groups === null) return false;
  segment.fields.forEach((field, index) => into[field] = groups[index + 1]);
  return true;
}

/** No file system gives these as names; a listing of a cloud store can. */
function isNoName(name: string): boolean {
  return name === "" || name === "." || name === "..";
}

function tokenize(
  pattern: string,
  fail: (what: string, remedy?: string) => never,
): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const open = pattern.indexOf("{", at);
    const text = pattern.slice(at, open < 0 ? undefined : open);
    if (text.includes("}")) fail('holds a "}" without its "{"');
    if (text !== "") tokens.push(text);
    if (open < 0) break;
    const close = pattern.indexOf("}", open);
    const inner = pattern.slice(open + 1, close < 0 ? undefined : close);
    if (close < 0 || inner.includes("{")) fail('holds a "{" without its "}"');
    tokens.push(parseField(inner, fail));
    at = close + 1;
  }
  return tokens;
}

function parseField(
  text: string,
  fail: (what: string, remedy?: string) => never,
): Field {
  const [name, limit, ...more] = text.split(":");
  if (!FIELD_NAMES.includes(name)) {
    fail(
      `holds the unknown field "{${text}}"`,
      "The fields are {patient_id}, {version} and {filepath}.",
    );
  }
  const kind = limit === undefined
    ? "text"
    : limit === "w"
    ? "word"
    : limit === "d"
    ? "digits"
    : undefined;
  if (kind === undefined || more.length > 0) {
    return fail(
      `holds "{${text}}", whose limit is unknown`,
      'Write ":w" for letters, digits and underscore, ":d" for digits, or neither.',
    );
  }
  return { field: name as FieldName, kind };
}

function checkTokens(
  tokens: readonly Token[],
  fail: (what: string, remedy?: string) => never,
): void {
  const seen = new Set<FieldName>();
  tokens.forEach((token, index) => {
    if (typeof token === "string") return;
    if (seen.has(token.field)) fail(`holds {${token.field}} twice`);
    seen.add(token.field);
    if (index > 0 && typeof tokens[index - 1] !== "string") {
      fail(
        "holds two fields side by side",
        "Put text between them, so that it is clear where the first one ends.",
      );
    }
    if (token.field === "filepath" && index < tokens.length - 1) {
      fail(
        "goes on after {filepath}",
        "{filepath} is the rest of the path and comes last; leave files out with `exclude`.",
      );
    }
  });
  if (!seen.has("filepath")) {
    fail("has no {filepath}", "End it with {filepath}, the rest of the path.");
  }
}

function compileSegment(tokens: readonly Token[]): Segment {
  const fields: FieldName[] = [];
  const parts = tokens.map((token) => {
    if (typeof token === "string") return literalExpression(token);
    fields.push(token.field);
    return `(${
      token.field === "filepath" && token.kind === "text" ? "[^/]+" : EXPRESSION_OF[token.kind]
    })`;
  });
  return { expression: new RegExp(`^${parts.join("")}$`, "iu"), fields };
}

function literalExpression(text: string): string {
  const escape = (form: string) => form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const forms = new Set([text, text.normalize("NFC"), text.normalize("NFD")]);
  return forms.size === 1 ? escape(text) : `(?:${[...forms].map(escape).join("|")})`;
}
