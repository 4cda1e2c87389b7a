import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Row, selectJobs } from './rows.ts'
import { standingColumns, writtenColumns } from './standing.ts'

type Value = number | string | Uint8Array | null

/** A prepared statement whose rows are arrays: in a batch, objects cost more than SQLite itself. */
export interface Query {
  all(...values: Value[]): Row[]
  get(...values: Value[]): Row | undefined
}

const counted = ['scheduled', 'ready', 'active', 'waiting', 'succeeded', 'failed', 'cancelled', 'dead'] as const
const standing = `SELECT ${standingColumns} FROM treadle_jobs`
const delivered = 'j.seq, j.queue, j.id, j.task, j.attempt, j.token, j.expires_at, p.payload'

const commands = {
  begin: 'BEGIN IMMEDIATE',
  beginRead: 'BEGIN',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  insertJob: `INSERT INTO treadle_jobs (id, task, queue, place, priority, state, due_at, expires_at, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  insertPayload: 'INSERT INTO treadle_payloads (seq, payload) VALUES (?, ?)',
  expireNever: 'UPDATE treadle_jobs SET expires_at = NULL WHERE seq = ?',
  dropJob: 'DELETE FROM treadle_jobs WHERE seq = ?',
  dropPayload: 'DELETE FROM treadle_payloads WHERE seq = ?',
  dropEnding: 'DELETE FROM treadle_endings WHERE ended = ?',
  emptyEnding: 'UPDATE treadle_endings SET result = NULL WHERE ended = ?',
  insertEnding: 'INSERT INTO treadle_endings (ended, seq, finished_at, wall, cpu, result) VALUES (?, ?, ?, ?, ?, ?)',
  claim: 'UPDATE treadle_jobs SET state = 2, worker = ?, attempt = attempt + 1, token = token + 1 WHERE seq = ?',
  makeReady: 'UPDATE treadle_jobs SET state = 1 WHERE seq = ?',
  step: `UPDATE treadle_jobs SET ${writtenColumns.map((column) => `${column} = ?`).join(', ')} WHERE seq = ?`,
  renew: `INSERT INTO treadle_workers (id, lease_until) VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
  forget: 'DELETE FROM treadle_workers WHERE num = ?',
  count: `INSERT INTO treadle_queues (name, news, ${counted.join(', ')}) VALUES (?, ?, ${counted.map(() => '?').join(', ')})
    ON CONFLICT (name) DO UPDATE SET news = news + excluded.news, ${counted.map((state) => `${state} = ${state} + excluded.${state}`).join(', ')}`
}

export const queries = {
  dataVersion: 'PRAGMA data_version',
  // CROSS JOIN: the ready index leads, so that LIMIT stops both.
  ready: `SELECT ${delivered} FROM treadle_jobs j CROSS JOIN treadle_payloads p ON p.seq = j.seq
    WHERE j.state = 1 AND j.queue = ? AND j.place = ? ORDER BY j.priority DESC, j.seq LIMIT ?`,
  readyRanks: `SELECT priority, seq FROM treadle_jobs
    WHERE state = 1 AND queue = ? AND place = ? ORDER BY priority DESC, seq LIMIT ?`,
  readyOne: `SELECT ${delivered} FROM treadle_jobs j CROSS JOIN treadle_payloads p ON p.seq = j.seq WHERE j.seq = ?`,
  due: 'SELECT seq, queue FROM treadle_jobs WHERE state = 0 AND due_at <= ? ORDER BY due_at LIMIT ?',
  nextDue: 'SELECT due_at FROM treadle_jobs WHERE state = 0 ORDER BY due_at LIMIT 1',
  byId: `${standing} WHERE id = ?`,
  bySeq: `${standing} WHERE seq = ?`,
  heldBy: `${standing} WHERE worker = ? ORDER BY seq`,
  expired: `${standing} WHERE expires_at <= ? AND expires_at IS NOT NULL AND attempt = 0 AND ended IS NULL LIMIT ?`,
  lastEnded: 'SELECT max(ended) FROM treadle_endings',
  workerNumber: 'SELECT num FROM treadle_workers WHERE id = ?',
  lostWorkers: 'SELECT num FROM treadle_workers WHERE lease_until <= ? ORDER BY num',
  cancelling: 'SELECT id, token FROM treadle_jobs WHERE cancelling = 1 AND worker = ?',
  holder: `SELECT token, worker FROM treadle_jobs WHERE id = ?`,
  job: `${selectJobs} WHERE j.id = ?`,
  jobs: `${selectJobs} WHERE j.id > ?1
    AND (?2 IS NULL OR j.state = ?2) AND (?3 IS NULL OR j.queue = ?3) AND (?4 IS NULL OR j.task = ?4) ORDER BY j.id LIMIT ?5`,
  find: 'SELECT seq, ended FROM treadle_jobs WHERE id = ?',
  purgeable: `SELECT j.seq, j.ended, j.queue, j.state FROM treadle_endings e CROSS JOIN treadle_jobs j ON j.seq = e.seq AND j.ended = e.ended
    WHERE e.ended > 0 AND j.state IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR j.queue = ?2) AND e.finished_at <= ?3 ORDER BY e.ended LIMIT ?4`,
  endedSince: 'SELECT seq FROM treadle_endings WHERE ended > ? AND ended <= ?',
  hasEnded: 'SELECT ended FROM treadle_jobs WHERE seq = ?',
  ending: `SELECT j.id, j.state, j.attempt, j.error, e.result
    FROM treadle_jobs j JOIN treadle_endings e ON e.ended = j.ended WHERE j.seq = ?`,
  news: 'SELECT name, news FROM treadle_queues',
  queues: `SELECT name, ${counted.join(', ')} FROM treadle_queues ORDER BY name`,
  workers: `SELECT id, lease_until, (SELECT count(*) FROM treadle_jobs j WHERE j.worker = w.num) FROM treadle_workers w
    WHERE lease_until > ? ORDER BY id`,
  priorityBelow: `SELECT priority FROM treadle_jobs WHERE state = 1 AND queue = ? AND place = ? AND priority < ?
    ORDER BY priority DESC LIMIT 1`,
  oldestOf: `SELECT min(due_at) FROM (SELECT due_at FROM treadle_jobs
    WHERE state = 1 AND queue = ? AND place = ? AND priority = ? ORDER BY seq LIMIT 100)`
}

/** Everything that is ever asked of the file, prepared once. */
export type Statements = Readonly<Record<keyof typeof commands, StatementSync> & Record<keyof typeof queries, Query>>

export function prepareAll(db: DatabaseSync): Statements {
  const prepared: Record<string, StatementSync | Query> = {}
  for (const [name, sql] of Object.entries(commands)) prepared[name] = db.prepare(sql)
  for (const [name, sql] of Object.entries(queries)) {
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    prepared[name] = statement as unknown as Query
  }
  return prepared as Statements
}
