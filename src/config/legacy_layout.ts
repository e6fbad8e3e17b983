/**
 * The flat layout that sites used until December 2025: credentials directly in
 * a section, `journal.path`, `journal.local_path`, `configuration.journaling_mode`.
 * It is rewritten to the present one before anything is checked.
 */

import { stringify } from "smol-toml";
import { impliedAuthMode } from "./azure_auth.ts";
import { authKeyInfo } from "./key_table.ts";
import { type Problems, showKey } from "./problems.ts";
import { maskText } from "./shown_value.ts";
import { isTomlTable, type TomlTable, valueAt, withValueAt } from "./toml_table.ts";

interface Move {
  from: readonly string[];
  to: readonly string[];
}

const MOVES: readonly Move[] = [
  {
    from: ["configuration", "journaling_mode"],
    to: ["journal", "journaling_mode"],
  },
  { from: ["journal", "path"], to: ["journal", "source", "path"] },
  { from: ["journal", "local_path"], to: ["journal", "local", "path"] },
  {
    from: ["journal", "upload_method"],
    to: ["journal", "source", "upload_method"],
  },
];

/** Settings of old that had one value and mean nothing any more. */
const DROPPED: readonly { path: readonly string[]; only?: unknown }[] = [
  { path: ["configuration", "upload_methods"] },
  { path: ["configuration", "upload_method"], only: "builtin" },
];

/**
 * The same configuration in the present layout; the table itself when it is in
 * that layout already. One warning shows the new form of everything that moved,
 * without secrets.
 *
 * @param problems told of keys that stand in both forms with different values
 */
export function modernLayout(table: TomlTable, problems: Problems): TomlTable {
  let modern = table;
  let written: TomlTable = {};
  for (const { path, only } of DROPPED) {
    const value = valueAt(modern, path);
    if (value === undefined || (only !== undefined && value !== only)) continue;
    modern = withValueAt(modern, path, undefined);
    problems.warn(path, "means nothing any more and can be left out");
  }
  const moves = [
    ...MOVES,
    ...flatCredentials(table, ["journal"], ["journal", "source", "auth"], []),
    // This one is at home in both places.
    ...flatCredentials(table, ["central_path"], ["central_path", "auth"], [
      "azure_container",
    ]),
    ...Object.keys(tableAt(table, ["site_path"])).flatMap((name) =>
      flatCredentials(
        table,
        ["site_path", name],
        ["site_path", name, "auth"],
        [],
      )
    ),
  ];
  for (const { from, to } of moves) {
    const value = valueAt(modern, from);
    if (value === undefined) continue;
    const present = valueAt(modern, to);
    if (present !== undefined && present !== value) {
      problems.error(
        from,
        `is the old form of ${showKey(to)}, which has another value: keep that one`,
      );
    }
    modern = withValueAt(modern, from, undefined);
    if (present === undefined) modern = withValueAt(modern, to, value);
    written = withValueAt(written, to, shown(to, value));
  }
  if (Object.keys(written).length === 0) return modern;
  for (const { to } of moves) {
    const auth = to.slice(0, -1);
    const credential = valueAt(written, auth);
    if (to[to.length - 2] !== "auth" || !isTomlTable(credential)) continue;
    const mode = impliedAuthMode((name) => valueAt(modern, [...auth, name]));
    if (mode === undefined || valueAt(modern, [...auth, "auth_mode"])) continue;
    modern = withValueAt(modern, [...auth, "auth_mode"], mode);
    written = withValueAt(written, [...auth, "auth_mode"], mode);
  }
  problems.note(
    "this is the layout used until December 2025. It still works; the same in the new form is:\n" +
      stringify(written).trimEnd(),
  );
  return modern;
}

function flatCredentials(
  table: TomlTable,
  section: readonly string[],
  auth: readonly string[],
  except: readonly string[],
): Move[] {
  return Object.keys(tableAt(table, section))
    .filter((name) => authKeyInfo.has(name) && !except.includes(name))
    .map((name) => ({ from: [...section, name], to: [...auth, name] }));
}

function tableAt(table: TomlTable, path: readonly string[]): TomlTable {
  const value = valueAt(table, path);
  return isTomlTable(value) ? value : {};
}

function shown(path: readonly string[], value: unknown): unknown {
  const secret = authKeyInfo.get(path[path.length - 1])?.secret === true;
  if (typeof value === "string") return secret ? "***" : maskText(value);
  return typeof value === "number" || typeof value === "boolean" ? value : "***";
}
