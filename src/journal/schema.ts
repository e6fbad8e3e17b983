/** The tables, word for word as the Python predecessor makes them, and what we add to them. */

/** Version 2, in the predecessor's order and spelling, so that both write the same file. */
export const VERSION_2_TABLES = [
  lookupTable("srcpaths", "SRC_PATH"),
  lookupTable("modalities", "MODALITY"),
  lookupTable("versions", "VERSION"),
  lookupTable("uploads", "UPLOAD_DT"),
  "CREATE TABLE IF NOT EXISTS journal_v2 (FILE_ID INTEGER PRIMARY KEY AUTOINCREMENT, PERSON_ID INTEGER , SRC_PATH_ID INTEGER NOT NULL, FILENAME TEXT NOT NULL, MODALITY_ID INTEGER , SRC_MODTIME_us INTEGER NOT NULL, SIZE INTEGER NOT NULL, MD5 TEXT NOT NULL, TIME_VALID_us INTEGER NOT NULL, TIME_INVALID_us INTEGER , UPLOAD_DT_ID INTEGER , VERSION_ID INTEGER NOT NULL, FOREIGN KEY (SRC_PATH_ID) REFERENCES srcpaths(id) ON UPDATE RESTRICT ON DELETE RESTRICT, FOREIGN KEY (MODALITY_ID) REFERENCES modalities(id) ON UPDATE RESTRICT ON DELETE RESTRICT, FOREIGN KEY (UPLOAD_DT_ID) REFERENCES uploads(id) ON UPDATE RESTRICT ON DELETE RESTRICT, FOREIGN KEY (VERSION_ID) REFERENCES versions(id) ON UPDATE RESTRICT ON DELETE RESTRICT);",
  "CREATE TABLE IF NOT EXISTS command_history_v2 (COMMAND_ID INTEGER PRIMARY KEY AUTOINCREMENT, DATETIME TEXT NOT NULL, COMMON_PARAMS TEXT NOT NULL, COMMAND TEXT NOT NULL, PARAMS TEXT , SRC_PATHS TEXT , DEST_PATH TEXT , Duration REAL );",
].join("\n");

function lookupTable(table: string, column: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (id INTEGER PRIMARY KEY AUTOINCREMENT, ${column} TEXT UNIQUE);
CREATE INDEX IF NOT EXISTS ${table}_idx ON ${table} (${column});`;
}

/**
 * Tables of ours that the predecessor does not know and leaves alone.
 *
 * - `hash_time`: the moment of the hash, for rows whose modification time was
 *   close to it (see `change_rules.ts`); for all others `TIME_VALID_us` will do.
 *   Long before any file for rows whose file an upload found changed.
 * - `verification`: the last result per file and level of proof.
 * - `chorus_state`: small facts, such as the version of an unfinished update.
 */
export const EXTRA_TABLES = `
CREATE TABLE IF NOT EXISTS hash_time (FILE_ID INTEGER PRIMARY KEY, HASHED_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS verification (FILE_ID INTEGER NOT NULL, CHECKED_us INTEGER NOT NULL, LEVEL TEXT NOT NULL, RESULT TEXT NOT NULL, CHECKED_BY TEXT NOT NULL, PRIMARY KEY (FILE_ID, LEVEL)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chorus_state (NAME TEXT PRIMARY KEY, VALUE TEXT NOT NULL) WITHOUT ROWID;
`;

/** The index that an update needs: rows of a path, and of a folder in name order. */
export const PATH_INDEX = "journal_v2_path_idx";

export const CREATE_PATH_INDEX =
  `CREATE INDEX IF NOT EXISTS ${PATH_INDEX} ON journal_v2 (SRC_PATH_ID, FILENAME)`;

export const DROP_EXTRA_INDEXES = `DROP INDEX IF EXISTS ${PATH_INDEX}`;

/** Columns that a table must have to be the one that is meant. */
export const REQUIRED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  journal_v2: [
    "FILE_ID",
    "PERSON_ID",
    "SRC_PATH_ID",
    "FILENAME",
    "MODALITY_ID",
    "SRC_MODTIME_us",
    "SIZE",
    "MD5",
    "TIME_VALID_us",
    "TIME_INVALID_us",
    "UPLOAD_DT_ID",
    "VERSION_ID",
  ],
  srcpaths: ["id", "SRC_PATH"],
  modalities: ["id", "MODALITY"],
  versions: ["id", "VERSION"],
  uploads: ["id", "UPLOAD_DT"],
  command_history_v2: [
    "COMMAND_ID",
    "DATETIME",
    "COMMON_PARAMS",
    "COMMAND",
    "PARAMS",
    "SRC_PATHS",
    "DEST_PATH",
    "Duration",
  ],
  journal: [
    "FILE_ID",
    "PERSON_ID",
    "FILEPATH",
    "MODALITY",
    "SRC_MODTIME_us",
    "SIZE",
    "MD5",
    "TIME_VALID_us",
    "TIME_INVALID_us",
    "UPLOAD_DTSTR",
    "VERSION",
  ],
  command_history: [
    "COMMAND_ID",
    "DATETIME",
    "COMMON_PARAMS",
    "COMMAND",
    "PARAMS",
    "SRC_PATHS",
    "DEST_PATH",
    "Duration",
  ],
};
