/** The manifest's tables. `docs/manifest.md` explains them to those who ask questions of it. */

/** Marks a file as a manifest (`PRAGMA application_id`): "CHMF". */
export const APPLICATION_ID = 0x43_48_4d_46;

/** Grows when tables change (`PRAGMA user_version`). */
export const FORMAT = 1;

/**
 * `source_files` and `registry` are what others read; the rest is ours:
 *
 * - `record_keys`: what a record's id was derived from.
 * - `file_submissions`: under which version a row of `source_files` is journaled,
 *   where it lies in the central store, and when it was uploaded.
 * - `unfit_files`, `unassigned_records`: what has no record, or no session, now, and why.
 * - `known_hashes`: size, time and MD5 of files that were hashed for the manifest.
 * - `runs`: one row per finished run.
 */
export const TABLES = `
CREATE TABLE registry (
  Record_id INTEGER PRIMARY KEY,
  Person_id TEXT NOT NULL,
  Session_id TEXT,
  Date TEXT,
  Time TEXT,
  Uploaddir TEXT,
  IsActive INTEGER NOT NULL CHECK (IsActive IN (0, 1))
);
CREATE INDEX registry_person_idx ON registry (Person_id, Date, Time);
CREATE INDEX registry_session_idx ON registry (Session_id);
CREATE TABLE source_files (
  File_id INTEGER PRIMARY KEY AUTOINCREMENT,
  Record_id INTEGER NOT NULL REFERENCES registry (Record_id),
  Person_id TEXT NOT NULL,
  Srcfile TEXT NOT NULL,
  MD5 TEXT NOT NULL,
  Time_Valid INTEGER NOT NULL,
  Time_Invalid INTEGER
);
CREATE INDEX source_files_record_idx ON source_files (Record_id, Time_Invalid);
CREATE INDEX source_files_path_idx ON source_files (Srcfile, Time_Valid);
CREATE UNIQUE INDEX source_files_active_idx ON source_files (Srcfile) WHERE Time_Invalid IS NULL;
CREATE TABLE record_keys (
  Record_id INTEGER PRIMARY KEY REFERENCES registry (Record_id),
  Record_key TEXT NOT NULL UNIQUE
);
CREATE TABLE file_submissions (
  File_id INTEGER PRIMARY KEY REFERENCES source_files (File_id),
  Version TEXT NOT NULL,
  Central_path TEXT,
  Uploaded TEXT
);
CREATE INDEX file_submissions_version_idx ON file_submissions (Version);
CREATE TABLE unfit_files (Srcfile TEXT PRIMARY KEY, Reason TEXT NOT NULL, Time_Valid INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE unassigned_records (
  Record_id INTEGER PRIMARY KEY REFERENCES registry (Record_id),
  Reason TEXT NOT NULL
);
CREATE TABLE known_hashes (
  Srcfile TEXT PRIMARY KEY,
  Size INTEGER NOT NULL,
  Modified INTEGER NOT NULL,
  MD5 TEXT NOT NULL,
  Hashed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE runs (
  Run_id INTEGER PRIMARY KEY AUTOINCREMENT,
  Started INTEGER NOT NULL UNIQUE,
  Seconds REAL NOT NULL,
  Source TEXT NOT NULL,
  Grouping TEXT NOT NULL,
  Sessions TEXT NOT NULL,
  Counts TEXT NOT NULL
);
`;

/** Columns that the two tables which others read must have. */
export const REQUIRED_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  source_files: [
    "File_id",
    "Record_id",
    "Person_id",
    "Srcfile",
    "MD5",
    "Time_Valid",
    "Time_Invalid",
  ],
  registry: ["Record_id", "Person_id", "Session_id", "Date", "Time", "Uploaddir", "IsActive"],
};

/**
 * What one run has found, before anything is compared with the manifest. They
 * are SQLite's temporary tables, on disk where they are large, and gone when the
 * process ends in any way.
 */
export const STAGING_TABLES = `
CREATE TEMP TABLE staged (Srcfile TEXT NOT NULL, Record_key TEXT NOT NULL, Person_id TEXT NOT NULL, Start TEXT, Session TEXT, MD5 TEXT NOT NULL, Version_id INTEGER, Version TEXT, Central_path TEXT, Uploaded TEXT);
CREATE TEMP TABLE unfit (Srcfile TEXT PRIMARY KEY, Reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE held (Srcfile TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE earlier (Srcfile TEXT NOT NULL, MD5 TEXT NOT NULL, Version TEXT NOT NULL, Central_path TEXT, Uploaded TEXT NOT NULL);
CREATE TEMP TABLE mapping (File TEXT PRIMARY KEY, Person_id TEXT NOT NULL, Session TEXT, Record TEXT NOT NULL, Start TEXT, Line INTEGER NOT NULL, Used INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TEMP TABLE visit (Visit_id TEXT NOT NULL, Person TEXT NOT NULL, Starts TEXT NOT NULL, Ends TEXT NOT NULL);
CREATE TEMP TABLE person (Person TEXT NOT NULL, Source TEXT);
`;
