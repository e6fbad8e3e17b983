/** A database connection with cached statements and translated errors. */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { translateDatabaseError } from "./database_error.ts";

/** What SQLite stores and takes. Integers come as numbers; beyond 2^53 reading throws. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** How to open a database file. */
export interface ConnectionOptions {
  readOnly: boolean;
  /** Milliseconds to wait for another connection's lock before giving up. */
  busyTimeoutMs: number;
  /** Integers come as bigint, so that none is too large. */
  bigInts?: boolean;
  /** False: references are not checked, for a copy of what was checked. */
  foreignKeys?: boolean;
  /** What an error means; by default what it means for a journal. */
  translateError?: (error: unknown, path: string) => unknown;
}

/** A connection to one database file. */
export class Connection implements Disposable {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #translateError: (error: unknown, path: string) => unknown;
  #open = true;

  /** @throws ChorusError as {@linkcode translateDatabaseError} says */
  constructor(readonly path: string, options: ConnectionOptions) {
    this.#translateError = options.translateError ?? translateDatabaseError;
    // Arrays cost a third less than objects; the bundled types don't know all options yet.
    const settings = {
      readOnly: options.readOnly,
      timeout: options.busyTimeoutMs,
      returnArrays: true,
      readBigInts: options.bigInts ?? false,
      enableForeignKeyConstraints: options.foreignKeys ?? true,
    };
    this.#database = this.#translated(() => new DatabaseSync(path, settings));
  }

  /** The connection underneath, for `backup()`. */
  get database(): DatabaseSync {
    return this.#database;
  }

  /** Runs statements that give no rows. */
  execute(sql: string): void {
    this.#translated(() => this.#database.exec(sql));
  }

  /** Runs a cached statement and gives the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number {
    return this.#translated(() => Number(this.#statement(sql).run(...values).changes));
  }

  /** All rows of a cached statement, as arrays of columns. The caller bounds their number. */
  all(sql: string, ...values: SqlValue[]): SqlValue[][] {
    return this.#translated(() => this.#statement(sql).all(...values) as unknown as SqlValue[][]);
  }

  /** The first row of a cached statement. */
  first(sql: string, ...values: SqlValue[]): SqlValue[] | undefined {
    return this.all(sql, ...values)[0];
  }

  /** The first column of the first row, as a number; 0 when there is none. */
  number(sql: string, ...values: SqlValue[]): number {
    return Number(this.first(sql, ...values)?.[0] ?? 0);
  }

  /** The first column of the first row, as a text. */
  text(sql: string, ...values: SqlValue[]): string | undefined {
    const value = this.first(sql, ...values)?.[0];
    return value === undefined || value === null ? undefined : String(value);
  }

  /** Runs `body` in one write transaction: all of it, or nothing when it throws. */
  transaction<T>(body: () => T): T {
    this.execute("BEGIN IMMEDIATE");
    try {
      const result = body();
      this.execute("COMMIT");
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** Closes the connection; a second time does nothing. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#statements.clear();
    this.#database.close();
  }

  #rollBack(): void {
    // A full disk and its like have rolled back already.
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #translated<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw this.#translateError(error, this.path);
    }
  }
}
