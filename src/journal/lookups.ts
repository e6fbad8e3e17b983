/** Lookup tables: texts that rows refer to by id. */

import type { Connection } from "./connection.ts";

const COLUMNS = {
  srcpaths: "SRC_PATH",
  modalities: "MODALITY",
  versions: "VERSION",
  uploads: "UPLOAD_DT",
} as const;

/** The name of a lookup table. */
export type LookupTable = keyof typeof COLUMNS;

/** How many folders to remember; the other tables are small. */
const MOST_REMEMBERED = 20_000;

/** Ids of texts, looked up once and remembered, within bounds. */
export class Lookups {
  readonly #ids = new Map<string, number>();

  constructor(private readonly connection: Connection) {}

  /** The id of a text, undefined when the table doesn't hold it. */
  find(table: LookupTable, text: string): number | undefined {
    const key = `${table}\0${text}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.connection.first(
      `SELECT id FROM ${table} WHERE ${COLUMNS[table]} = ?`,
      text,
    )?.[0];
    if (typeof id !== "number") return undefined;
    this.#remember(key, id);
    return id;
  }

  /** The id of a text, which is inserted when it is new. Only inside a transaction. */
  findOrInsert(table: LookupTable, text: string): number {
    const found = this.find(table, text);
    if (found !== undefined) return found;
    this.connection.run(
      `INSERT INTO ${table} (${COLUMNS[table]}) VALUES (?)`,
      text,
    );
    const id = this.connection.number("SELECT last_insert_rowid()");
    this.#remember(`${table}\0${text}`, id);
    return id;
  }

  /** All texts of a small table by id. */
  texts(table: Exclude<LookupTable, "srcpaths">): Map<number, string> {
    return new Map(
      this.connection.all(`SELECT id, ${COLUMNS[table]} FROM ${table} ORDER BY id`)
        .map(([id, text]) => [Number(id), String(text)]),
    );
  }

  /** To be called after a rollback: ids given in it exist no longer. */
  forget(): void {
    this.#ids.clear();
  }

  #remember(key: string, id: number): void {
    if (this.#ids.size >= MOST_REMEMBERED) this.#ids.clear();
    this.#ids.set(key, id);
  }
}
