/**
 * Each brings the tables from one version to the next; once released, none is ever changed.
 *
 * All names begin with `treadle_`, and the version is kept in a table of its own, not in `user_version`:
 * the file may be the program's own database.
 *
 * Times are milliseconds since the epoch. States and lines are numbers: see codes.ts.
 *
 * Why it is so, as of version 2:
 * - `seq` is the order of arrival, so that jobs are claimed, and pages touched, from one end. None is given twice (AUTOINCREMENT): with the
 *   token it fences, also after the job that bore it was purged.
 * - A job's own row never changes, unless another that came takes its place, or its arguments are mended: then `treadle_originals` has the first ones. Where the job stands is told by which of the tables for that holds its seq: ready, scheduled,
 *   active or endings. A step of a job takes a small row out of one and puts a small row into the next, mostly at its end, and a
 *   batch of claims is two statements, however many they are.
 * - `treadle_stories` holds what only a job has that did not go the usual way; most have no row there.
 * - `treadle_ended` has one row a transaction, with all that ended in it: a waiting reader asks for the rows that came after.
 *   Old ones are dropped; whoever comes later looks its jobs up one by one.
 * - `treadle_cancels` is empty nearly always, which is seen at a glance.
 * - `treadle_unique` tells which job holds a key; of a job that was purged the hold stays for its time, as an orphan.
 * - A job's `rank` in its line is by priority, then by turn (`jobs/gates.ts`). Of a queue with gates or keys, `treadle_gated`, each job that was ready has a row in
 *   `treadle_keyed`; what a gate holds back stands in `treadle_parked` and not in `treadle_ready`; `treadle_opening` has the gates to look at again, and when.
 * - Since version 3, `treadle_inbox` has small new jobs that came one by one, since a commit costs by the tables that it touches: whoever writes next puts them where they belong,
 *   before anything else. Those who read look there too. It holds so many, which a check of the number tells for nothing; who finds it full writes its own job where it belongs.
 * - Since version 3, `treadle_hearers` has a row for everybody who hears events or commands, and `treadle_messages` what they have to hear: see
 *   message-tables.ts. Both are empty while nobody listens, which is seen at a glance.
 * - A lease belongs to a worker, so that renewing it writes one row, however many jobs it holds.
 *
 * As of version 3, what machines share: see shared/tables.ts. An item's bytes never move, whoever has it.
 */
export const migrations: readonly string[] = [
  `
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
  `,
  `
  DROP INDEX treadle_ready;
  DROP INDEX treadle_due;
  DROP INDEX treadle_active;
  DROP INDEX treadle_cancelling;
  DROP INDEX treadle_expiring;
  ALTER TABLE treadle_jobs RENAME TO treadle_old_jobs;
  ALTER TABLE treadle_endings RENAME TO treadle_old_endings;
  ALTER TABLE treadle_workers ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE treadle_jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    queue TEXT NOT NULL,
    place INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    created_at REAL NOT NULL,
    due_at REAL NOT NULL,
    expires_at REAL,
    tags TEXT,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE TABLE treadle_ready (
    queue TEXT NOT NULL, line INTEGER NOT NULL, rank INTEGER NOT NULL, seq INTEGER NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL,
    PRIMARY KEY (queue, line, rank, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_scheduled (
    due_at REAL NOT NULL, seq INTEGER NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL,
    PRIMARY KEY (due_at, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_active (
    seq INTEGER PRIMARY KEY, worker INTEGER NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL, started_at REAL NOT NULL
  ) STRICT;
  CREATE TABLE treadle_cancels (worker INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (worker, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_expiring (expires_at REAL NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (expires_at, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_endings (
    seq INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    token INTEGER NOT NULL,
    started_at REAL,
    finished_at REAL NOT NULL,
    wall REAL,
    cpu REAL,
    result BLOB
  ) STRICT;
  CREATE INDEX treadle_unsuccessful ON treadle_endings (state, seq) WHERE state <> 4;
  CREATE TABLE treadle_ended (number INTEGER PRIMARY KEY, seqs TEXT NOT NULL) STRICT;
  CREATE TABLE treadle_stories (
    seq INTEGER PRIMARY KEY,
    due_at REAL NOT NULL,
    rescues INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    deferrals INTEGER NOT NULL,
    suspect INTEGER NOT NULL,
    wall REAL,
    cpu REAL,
    error BLOB
  ) STRICT;
  CREATE TABLE treadle_history (
    seq INTEGER NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, event TEXT NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL,
    worker TEXT, started_at REAL, wall REAL, cpu REAL, error BLOB,
    PRIMARY KEY (seq, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_progress (seq INTEGER PRIMARY KEY, token INTEGER NOT NULL, done REAL NOT NULL, total REAL, note TEXT) STRICT;
  CREATE TABLE treadle_logs (
    seq INTEGER NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, level TEXT NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL,
    message TEXT NOT NULL, fields TEXT NOT NULL,
    PRIMARY KEY (seq, number)
  ) STRICT, WITHOUT ROWID;

  INSERT INTO treadle_jobs (seq, id, task, queue, place, priority, created_at, due_at, expires_at, payload)
    SELECT j.seq, id, task, queue, place, priority, created_at, due_at, expires_at, payload FROM treadle_old_jobs j JOIN treadle_payloads p ON p.seq = j.seq ORDER BY j.seq;
  INSERT INTO treadle_ready SELECT queue, place, -priority, seq, attempt, token FROM treadle_old_jobs WHERE state = 1;
  INSERT INTO treadle_scheduled SELECT due_at, seq, attempt, token FROM treadle_old_jobs WHERE state = 0;
  INSERT INTO treadle_active SELECT seq, worker, attempt, token, due_at FROM treadle_old_jobs WHERE state = 2;
  INSERT INTO treadle_cancels SELECT worker, seq FROM treadle_old_jobs WHERE cancelling = 1;
  INSERT INTO treadle_expiring SELECT expires_at, seq FROM treadle_old_jobs WHERE expires_at IS NOT NULL AND attempt = 0 AND state IN (0, 1);
  INSERT INTO treadle_endings (seq, state, attempt, token, finished_at, wall, cpu, result)
    SELECT j.seq, j.state, j.attempt, j.token, e.finished_at, e.wall, e.cpu, e.result FROM treadle_old_jobs j JOIN treadle_old_endings e ON e.ended = j.ended ORDER BY j.seq;
  INSERT INTO treadle_stories SELECT seq, due_at, rescues, 0, 0, 0, wall, cpu, error FROM treadle_old_jobs WHERE rescues > 0 OR error IS NOT NULL OR wall IS NOT NULL;
  DROP TABLE treadle_old_jobs;
  DROP TABLE treadle_old_endings;
  DROP TABLE treadle_payloads;
  `,
  `
  ALTER TABLE treadle_jobs ADD COLUMN links BLOB;
  CREATE TABLE treadle_inbox (
    number INTEGER PRIMARY KEY CHECK (number <= 512), id TEXT NOT NULL, task TEXT NOT NULL, queue TEXT NOT NULL, place INTEGER NOT NULL, priority INTEGER NOT NULL,
    at REAL NOT NULL, tags TEXT, payload BLOB NOT NULL
  ) STRICT;
  CREATE TABLE treadle_parents (seq INTEGER PRIMARY KEY, job TEXT NOT NULL, token INTEGER NOT NULL, state INTEGER NOT NULL, outcome BLOB NOT NULL) STRICT;
  CREATE TABLE treadle_originals (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT;
  CREATE TABLE treadle_unique (
    queue TEXT NOT NULL, key TEXT NOT NULL, job TEXT NOT NULL, until REAL NOT NULL, orphaned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX treadle_unique_jobs ON treadle_unique (job);
  CREATE INDEX treadle_unique_orphans ON treadle_unique (until) WHERE orphaned = 1;

  UPDATE treadle_ready SET rank = rank * 137438953472;
  CREATE TABLE treadle_gated (queue TEXT PRIMARY KEY, reached REAL NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_gates (
    queue TEXT NOT NULL, inner TEXT NOT NULL, rule TEXT, paused INTEGER NOT NULL, held_until REAL NOT NULL, paid_at REAL NOT NULL,
    PRIMARY KEY (queue, inner)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_turns (queue TEXT NOT NULL, key TEXT NOT NULL, finish REAL NOT NULL, PRIMARY KEY (queue, key)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_gate_active (queue TEXT NOT NULL, inner TEXT NOT NULL, active INTEGER NOT NULL, PRIMARY KEY (queue, inner)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_holders (queue TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (queue, key)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_ordered (queue TEXT NOT NULL, key TEXT NOT NULL, rank INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (queue, key, rank, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_keyed (seq INTEGER PRIMARY KEY, key TEXT, ordered INTEGER NOT NULL, cost REAL NOT NULL, turn INTEGER NOT NULL) STRICT;
  CREATE TABLE treadle_parked (
    seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, gate TEXT NOT NULL, line INTEGER NOT NULL, rank INTEGER NOT NULL, attempt INTEGER NOT NULL, token INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX treadle_parked_before ON treadle_parked (queue, gate, line, rank, seq);
  CREATE TABLE treadle_opening (queue TEXT NOT NULL, gate TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (queue, gate)) STRICT, WITHOUT ROWID;
  CREATE INDEX treadle_opening_at ON treadle_opening (queue, at);
  CREATE TABLE treadle_schedules (name TEXT PRIMARY KEY, revision TEXT NOT NULL, next_slot REAL, record BLOB NOT NULL) STRICT;
  CREATE INDEX treadle_schedules_due ON treadle_schedules (next_slot) WHERE next_slot IS NOT NULL;
  CREATE TABLE treadle_shared_sessions (id TEXT PRIMARY KEY, lease_until REAL NOT NULL, news INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
  CREATE INDEX treadle_shared_leases ON treadle_shared_sessions (lease_until);
  CREATE TABLE treadle_shared_things (
    kind TEXT NOT NULL, name TEXT NOT NULL,
    "limit" INTEGER NOT NULL, held INTEGER NOT NULL, maxSize INTEGER NOT NULL, maxBytes INTEGER NOT NULL, size INTEGER NOT NULL,
    bytes INTEGER NOT NULL, unfinished INTEGER NOT NULL, shut INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_shared_tickets (
    session TEXT NOT NULL, ticket INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, line TEXT NOT NULL, seq INTEGER NOT NULL, fence INTEGER,
    PRIMARY KEY (session, ticket)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX treadle_shared_lines ON treadle_shared_tickets (kind, name, line, seq) WHERE fence IS NULL;
  CREATE TABLE treadle_shared_items (seq INTEGER PRIMARY KEY, item BLOB NOT NULL) STRICT;
  CREATE TABLE treadle_shared_queued (name TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (name, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE treadle_shared_values (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
  ALTER TABLE treadle_workers ADD COLUMN info TEXT;
  CREATE TABLE treadle_hearers (number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, until REAL NOT NULL) STRICT;
  CREATE INDEX treadle_heard ON treadle_hearers (topic);
  CREATE TABLE treadle_messages (topic TEXT NOT NULL, upto INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (topic, upto)) STRICT;
  `
]

/** The version that this Treadle makes and reads. A file with a newer one is refused; an older one is brought up to date. */
export const schemaVersion: number = migrations.length
