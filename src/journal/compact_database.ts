/** Gives back the space that dropped indexes leave in a database file. */

import { Connection, type SqlValue } from "./connection.ts";

/** Values per INSERT statement; SQLite takes at most 32,766. */
const VALUES_PER_INSERT = 768;

/** Rows read at a time. */
const PAGE = 4_096;

/**
 * Makes a database file as small as its content. SQLite's VACUUM does it, but
 * attaches a database for it, which Deno refuses to a program that may not read
 * and write everything. Then the tables are copied row by row into a new file,
 * the counts and lengths of both are compared, and the new one takes the old
 * one's place. A database that can't be copied without loss stays as it is.
 *
 * @param path a file that nobody else has open
 * @param scratch a path for the new file, on the same file system
 */
export function compactDatabase(path: string, scratch: string): void {
  using connection = new Connection(path, {
    readOnly: false,
    busyTimeoutMs: 0,
  });
  if (vacuum(connection)) return;
  try {
    if (!copyTables(path, scratch)) return;
    connection[Symbol.dispose]();
    Deno.renameSync(scratch, path);
  } finally {
    removeIfThere(scratch);
    removeIfThere(`${scratch}-journal`);
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** True when it could be done. */
function vacuum(connection: Connection): boolean {
  try {
    connection.execute("VACUUM");
    return true;
  } catch (error) {
    if (/too many attached/.test(String(error))) return false;
    throw error;
  }
}

/** Copies every table; true when the copy holds the same. */
export function copyTables(from: string, to: string): boolean {
  using source = new Connection(from, {
    readOnly: true,
    busyTimeoutMs: 0,
    bigInts: true,
  });
  using target = new Connection(to, {
    readOnly: false,
    busyTimeoutMs: 0,
    bigInts: true,
    foreignKeys: false,
  });
  // Until it is whole, nobody reads it; the caller syncs it.
  target.execute(
    "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;",
  );
  return target.transaction(() => {
    const schema = source.all(
      "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY rowid",
    ).map(([type, name, sql]) => ({
      type: String(type),
      name: String(name),
      sql: String(sql),
    }));
    const tables = schema.filter(({ type }) => type === "table");
    for (const { sql } of tables) target.execute(sql);
    for (const { name, sql } of tables) {
      copyRows(source, target, name, /WITHOUT\s+ROWID\s*$/i.test(sql));
    }
    const counters = source.number(
      "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'",
    );
    if (counters > 0) {
      target.run("DELETE FROM sqlite_sequence");
      copyRows(source, target, "sqlite_sequence", false);
    }
    for (const { type, sql } of schema) {
      if (type !== "table") target.execute(sql);
    }
    return tables.every(({ name }) => measure(source, name) === measure(target, name));
  });
}

function copyRows(
  source: Connection,
  target: Connection,
  table: string,
  withoutRowid: boolean,
): void {
  const columns = columnsOf(source, table);
  const list = columns.map(quoted).join(", ");
  const perInsert = Math.max(1, Math.floor(VALUES_PER_INSERT / columns.length));
  const insert = (rows: readonly SqlValue[][]) => {
    const row = `(${Array(columns.length).fill("?").join(", ")})`;
    target.run(
      `INSERT INTO ${quoted(table)} (${list}) VALUES ${Array(rows.length).fill(row).join(", ")}`,
      ...rows.flat(),
    );
  };
  for (const page of pagesOf(source, table, list, withoutRowid)) {
    let at = 0;
    for (; at + perInsert <= page.length; at += perInsert) {
      insert(page.slice(at, at + perInsert));
    }
    for (; at < page.length; at++) insert(page.slice(at, at + 1));
  }
}

function* pagesOf(
  source: Connection,
  table: string,
  list: string,
  withoutRowid: boolean,
): Generator<SqlValue[][]> {
  if (withoutRowid) {
    const key = keyOf(source, table);
    const order = key.map(quoted).join(", ");
    const at = columnsOf(source, table);
    const positions = key.map((column) => at.indexOf(column));
    const marks = key.map(() => "?").join(", ");
    let after: SqlValue[] = [];
    for (;;) {
      const where = after.length === 0 ? "" : `WHERE (${order}) > (${marks})`;
      const page = source.all(
        `SELECT ${list} FROM ${quoted(table)} ${where} ORDER BY ${order} LIMIT ${PAGE}`,
        ...after,
      );
      const last = page.at(-1);
      if (last === undefined) return;
      yield page;
      after = positions.map((position) => last[position] ?? null);
    }
  }
  let after: SqlValue = -(2n ** 63n);
  for (;;) {
    const page = source.all(
      `SELECT rowid, ${list} FROM ${
        quoted(table)
      } NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE}`,
      after,
    );
    const last = page.at(-1);
    if (last === undefined) return;
    after = last[0] ?? null;
    for (const row of page) row.shift();
    yield page;
  }
}

function columnsOf(connection: Connection, table: string): string[] {
  return connection.all("SELECT name FROM pragma_table_info(?)", table)
    .map(([name]) => String(name));
}

function keyOf(connection: Connection, table: string): string[] {
  return connection.all(
    "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
    table,
  ).map(([name]) => String(name));
}

/** Number of rows, and of each column the bytes, the sum, and how often it is absent. */
function measure(connection: Connection, table: string): string {
  const sums = columnsOf(connection, table).map(quoted).map((column) =>
    `sum(length(CAST(${column} AS BLOB))), total(${column}), count(${column})`
  );
  return JSON.stringify(
    connection.first(
      `SELECT count(*), ${sums.join(", ")} FROM ${quoted(table)}`,
    )?.map(String),
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
