/**
 * Each brings the tables from one version to the next; once released, none is ever changed.
 *
 * All names begin with `treadle_`, and the version is kept in a table of its own, not in `user_version`:
 * the file may be the program's own database.
 *
 * Times are milliseconds since the epoch. States and places are numbers: see codes.ts.
 *
 * Why it is so:
 * - `seq` is the order of arrival, so that jobs are claimed, and pages touched, from one end.
 * - Payloads have a table of their own: a job's row is rewritten at each step, and what is large is not.
 * - What comes of a job is appended to `treadle_endings`: its row would have to grow, and full pages to be split.
 * - `ended` numbers jobs in the order in which they ended: a waiting reader asks for what came after.
 * - Each index holds only the rows that its one question is about, so a finished job is in none but that of ids.
 * - A lease belongs to a worker, so that renewing it writes one row, however many jobs it holds.
 */
export const migrations: readonly string[] = [`
  CREATE TABLE treadle_jobs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    queue TEXT NOT NULL,
    place INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due_at REAL NOT NULL,
    expires_at REAL,
    created_at REAL NOT NULL,
    ended INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    rescues INTEGER NOT NULL DEFAULT 0,
    worker INTEGER,
    cancelling INTEGER NOT NULL DEFAULT 0,
    wall REAL,
    cpu REAL,
    error BLOB
  ) STRICT;
  CREATE TABLE treadle_payloads (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT;
  CREATE TABLE treadle_endings (
    ended INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    finished_at REAL NOT NULL,
    wall REAL,
    cpu REAL,
    result BLOB
  ) STRICT;
  CREATE TABLE treadle_workers (num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, lease_until REAL NOT NULL) STRICT;
  CREATE TABLE treadle_queues (
    name TEXT PRIMARY KEY,
    news INTEGER NOT NULL DEFAULT 0,
    scheduled INTEGER NOT NULL DEFAULT 0,
    ready INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX treadle_ready ON treadle_jobs (queue, place, priority DESC, seq) WHERE state = 1;
  CREATE INDEX treadle_due ON treadle_jobs (due_at) WHERE state = 0;
  CREATE INDEX treadle_active ON treadle_jobs (worker) WHERE worker IS NOT NULL;
  CREATE INDEX treadle_cancelling ON treadle_jobs (worker) WHERE cancelling = 1;
  CREATE INDEX treadle_expiring ON treadle_jobs (expires_at) WHERE expires_at IS NOT NULL AND attempt = 0 AND ended IS NULL;
`]

/** The version that this Treadle makes and reads. A file with a newer one is refused; an older one is brought up to date. */
export const schemaVersion: number = migrations.length
