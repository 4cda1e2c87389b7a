import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { turns } from '../../jobs/gates.ts'
import { eventsTopic } from '../bus.ts'
import { scheduleNews } from '../schedules.ts'
import { referenceLength } from '../../wire/claim-check.ts'
import { gateCommands, gateQueries } from './gate-statements.ts'
import { partSql } from './job-batch.ts'
import { type Row, jobColumns, standingTables, stateColumn } from './rows.ts'

type Value = number | string | Uint8Array | null

/** A prepared statement whose rows are arrays: in a batch, objects cost more than SQLite itself. */
export interface Query {
  all(...values: Value[]): Row[]
  get(...values: Value[]): Row | undefined
}

const counted = ['scheduled', 'ready', 'active', 'waiting', 'succeeded', 'failed', 'cancelled', 'dead'] as const
const jobs = `SELECT ${jobColumns} FROM treadle_jobs j ${standingTables}`
const delivered = 'r.seq, r.rank, r.attempt, r.token, j.id, j.task, j.place, j.expires_at, j.payload, j.links IS NOT NULL'
const matching = `(?2 IS NULL OR j.queue = ?2) AND (?3 IS NULL OR j.task = ?3) AND (?4 IS NULL OR j.tags IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(j.tags) WHERE value = ?4))`
const inLine = 'queue = ? AND line = ? AND (rank, seq) <= (?, ?)'

export const commands = {
  begin: 'BEGIN IMMEDIATE',
  beginRead: 'BEGIN',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  insertJob: `INSERT INTO treadle_jobs (id, task, queue, place, priority, created_at, due_at, expires_at, tags, payload, links)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  insertJobs: `INSERT INTO treadle_jobs (id, task, queue, place, priority, created_at, due_at, expires_at, tags, payload)
    SELECT ${partSql.id}, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ${partSql.payload('?10')} FROM json_each(?1) WHERE true ON CONFLICT (id) DO NOTHING`,
  readyAfter: 'INSERT INTO treadle_ready (queue, line, rank, seq, attempt, token) SELECT ?, ?, ?, seq, 0, 0 FROM treadle_jobs WHERE seq > ?',
  scheduledAfter: 'INSERT INTO treadle_scheduled (due_at, seq, attempt, token) SELECT ?, seq, 0, 0 FROM treadle_jobs WHERE seq > ?',
  expiringAfter: 'INSERT INTO treadle_expiring (expires_at, seq) SELECT ?, seq FROM treadle_jobs WHERE seq > ?',
  jobsFromInbox: `INSERT INTO treadle_jobs (id, task, queue, place, priority, created_at, due_at, tags, payload)
    SELECT id, task, queue, place, priority, at, at, tags, payload FROM treadle_inbox WHERE true ORDER BY number ON CONFLICT (id) DO NOTHING`,
  readyFromInbox: `INSERT INTO treadle_ready (queue, line, rank, seq, attempt, token) SELECT queue, place, -priority * ${turns}, seq, 0, 0 FROM treadle_jobs WHERE seq > ?`,
  emptyInbox: 'DELETE FROM treadle_inbox',
  mergeJob: 'UPDATE treadle_jobs SET priority = ?, due_at = ?, expires_at = ? WHERE seq = ?',
  replaceJob: `UPDATE treadle_jobs SET task = ?, place = ?, priority = ?, due_at = ?, expires_at = ?, tags = ?, payload = ?, links = ? WHERE seq = ?`,
  writePayload: 'UPDATE treadle_jobs SET payload = ? WHERE seq = ?',
  keepOriginal: 'INSERT OR IGNORE INTO treadle_originals SELECT seq, payload FROM treadle_jobs WHERE seq = ?',
  insertParent: 'INSERT INTO treadle_parents (seq, job, token, state, outcome) VALUES (?, ?, ?, ?, ?)',
  writeHold: 'INSERT OR REPLACE INTO treadle_unique (queue, key, job, until) VALUES (?, ?, ?, ?)',
  orphanHold: 'UPDATE treadle_unique SET orphaned = 1 WHERE job = ?',
  dropHolds: 'DELETE FROM treadle_unique WHERE orphaned = 1 AND until <= ?',
  expireNever: 'UPDATE treadle_jobs SET expires_at = NULL WHERE seq = ?',
  insertReady: 'INSERT INTO treadle_ready (queue, line, rank, seq, attempt, token) VALUES (?, ?, ?, ?, ?, ?)',
  dropReady: 'DELETE FROM treadle_ready WHERE queue = ? AND line = ? AND rank = ? AND seq = ?',
  insertScheduled: 'INSERT INTO treadle_scheduled (due_at, seq, attempt, token) VALUES (?, ?, ?, ?)',
  dropScheduled: 'DELETE FROM treadle_scheduled WHERE due_at = ? AND seq = ?',
  // A claim takes from the front of a line, up to the last one that it takes.
  claimFront: `INSERT INTO treadle_active (seq, worker, attempt, token, started_at) SELECT seq, ?, attempt + 1, token + 1, ? FROM treadle_ready WHERE ${inLine}`,
  dropFront: `DELETE FROM treadle_ready WHERE ${inLine}`,
  dropActive: 'DELETE FROM treadle_active WHERE seq = ? AND token = ?',
  dropFirsts: 'DELETE FROM treadle_active WHERE seq IN (SELECT value FROM json_each(?)) AND token = 1',
  insertCancel: 'INSERT OR IGNORE INTO treadle_cancels (worker, seq) VALUES (?, ?)',
  dropCancel: 'DELETE FROM treadle_cancels WHERE worker = ? AND seq = ?',
  insertExpiring: 'INSERT OR IGNORE INTO treadle_expiring (expires_at, seq) VALUES (?, ?)',
  dropExpiring: 'DELETE FROM treadle_expiring WHERE expires_at = ? AND seq = ?',
  insertEnding: 'INSERT INTO treadle_endings (seq, state, attempt, token, started_at, finished_at, wall, cpu, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  dropEnding: 'DELETE FROM treadle_endings WHERE seq = ?',
  insertEnded: 'INSERT INTO treadle_ended (seqs) VALUES (?)',
  dropEnded: 'DELETE FROM treadle_ended WHERE number <= ?',
  writeStory: 'INSERT OR REPLACE INTO treadle_stories (seq, due_at, rescues, deaths, deferrals, suspect, wall, cpu, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  insertHistory: 'INSERT INTO treadle_history (seq, number, at, event, attempt, token, worker, started_at, wall, cpu, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  trimHistory: 'DELETE FROM treadle_history WHERE seq = ? AND number <= ?',
  writeProgress: 'INSERT OR REPLACE INTO treadle_progress (seq, token, done, total, note) VALUES (?, ?, ?, ?, ?)',
  insertLog: 'INSERT INTO treadle_logs (seq, number, at, level, attempt, token, message, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  trimLogs: 'DELETE FROM treadle_logs WHERE seq = ? AND number <= ?',
  purgeJob: 'DELETE FROM treadle_jobs WHERE seq = ?',
  purgeStory: 'DELETE FROM treadle_stories WHERE seq = ?',
  purgeParent: 'DELETE FROM treadle_parents WHERE seq = ?',
  purgeOriginal: 'DELETE FROM treadle_originals WHERE seq = ?',
  purgeHistory: 'DELETE FROM treadle_history WHERE seq = ?',
  purgeProgress: 'DELETE FROM treadle_progress WHERE seq = ?',
  purgeLogs: 'DELETE FROM treadle_logs WHERE seq = ?',
  renew: `INSERT INTO treadle_workers (id, lease_until) VALUES (?, ?)
    ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`,
  announce: 'UPDATE treadle_workers SET announced = 1 WHERE id = ?',
  forget: 'DELETE FROM treadle_workers WHERE num = ?',
  inform: 'UPDATE treadle_workers SET info = ? WHERE id = ?',
  insertHearer: 'INSERT INTO treadle_hearers (topic, until) VALUES (?, ?)',
  renewHearer: 'UPDATE treadle_hearers SET until = ? WHERE number = ?',
  dropHearer: 'DELETE FROM treadle_hearers WHERE number = ?',
  dropSilent: 'DELETE FROM treadle_hearers WHERE until <= ?',
  insertMessage: 'INSERT INTO treadle_messages (topic, upto, message) VALUES (?, ?, ?)',
  trimMessages: 'DELETE FROM treadle_messages WHERE topic = ? AND upto <= ?',
  dropMessages: 'DELETE FROM treadle_messages WHERE topic = ?',
  writeSchedule: 'INSERT OR REPLACE INTO treadle_schedules (name, revision, next_slot, record) VALUES (?, ?, ?, ?)',
  dropSchedule: 'DELETE FROM treadle_schedules WHERE name = ?',
  count: `INSERT INTO treadle_queues (name, news, ${counted.join(', ')}) VALUES (?, ?, ${counted.map(() => '?').join(', ')})
    ON CONFLICT (name) DO UPDATE SET news = news + excluded.news, ${counted.map((state) => `${state} = ${state} + excluded.${state}`).join(', ')}`
}

/**
 * `LIMIT ? + 0`: the planner looks at what is bound to a bare `LIMIT ?`, so SQLite would prepare the statement anew each time it is bound,
 * which takes longer than all the rest of it.
 */
export const queries = {
  // In one statement, since every transaction begins with it.
  now: `SELECT unixepoch('subsec'), EXISTS (SELECT 1 FROM treadle_hearers WHERE topic = '${eventsTopic}'), EXISTS (SELECT 1 FROM treadle_inbox)`,
  anyHearer: 'SELECT 1 FROM treadle_hearers WHERE topic = ? LIMIT 1',
  lastMessage: 'SELECT max(upto) FROM treadle_messages WHERE topic = ?',
  messagesAfter: 'SELECT upto, message FROM treadle_messages WHERE topic = ? AND upto > ? ORDER BY upto LIMIT ? + 0',
  inInbox: `SELECT id, task, queue, place, priority, at, tags, payload FROM treadle_inbox i
    WHERE NOT EXISTS (SELECT 1 FROM treadle_jobs j WHERE j.id = i.id) ORDER BY number`,
  queuesInInbox: 'SELECT queue FROM treadle_inbox',
  queuesAfter: 'SELECT queue FROM treadle_jobs WHERE seq > ?',
  idsAfter: 'SELECT id FROM treadle_jobs WHERE seq > ?',
  dataVersion: 'PRAGMA data_version',
  // CROSS JOIN: the line leads, so that LIMIT stops both.
  ready: `SELECT ${delivered} FROM treadle_ready r CROSS JOIN treadle_jobs j ON j.seq = r.seq
    WHERE r.queue = ? AND r.line = ? ORDER BY r.rank, r.seq LIMIT ? + 0`,
  readyRanks: 'SELECT rank, seq FROM treadle_ready WHERE queue = ? AND line = ? ORDER BY rank, seq LIMIT ? + 0',
  payload: 'SELECT payload FROM treadle_jobs WHERE seq = ?',
  original: 'SELECT payload FROM treadle_originals WHERE seq = ?',
  hold: 'SELECT job, until FROM treadle_unique WHERE queue = ? AND key = ?',
  setbacks: 'SELECT deaths, deferrals FROM treadle_stories WHERE seq = ?',
  due: `SELECT s.seq, s.due_at, j.queue, iif(t.suspect, 4, j.place), -j.priority * ${turns}, s.attempt, s.token
    FROM treadle_scheduled s CROSS JOIN treadle_jobs j ON j.seq = s.seq LEFT JOIN treadle_stories t ON t.seq = s.seq
    WHERE s.due_at <= ? ORDER BY s.due_at, s.seq LIMIT ? + 0`,
  nextDue: 'SELECT due_at FROM treadle_scheduled ORDER BY due_at LIMIT 1',
  expired: 'SELECT seq FROM treadle_expiring WHERE expires_at <= ? ORDER BY expires_at LIMIT ? + 0',
  byId: `${jobs} WHERE j.id = ?`,
  bySeq: `${jobs} WHERE j.seq = ?`,
  heldBy: 'SELECT seq FROM treadle_active WHERE worker = ? ORDER BY seq',
  heldCount: 'SELECT count(*) FROM treadle_active WHERE worker = ?',
  holders: 'SELECT worker FROM treadle_active',
  holder: 'SELECT a.token, a.worker FROM treadle_jobs j CROSS JOIN treadle_active a ON a.seq = j.seq WHERE j.id = ?',
  attemptOf: 'SELECT a.seq, a.attempt FROM treadle_jobs j CROSS JOIN treadle_active a ON a.seq = j.seq WHERE j.id = ? AND a.token = ?',
  workerNumber: 'SELECT num, info FROM treadle_workers WHERE id = ?',
  lostWorkers: 'SELECT num, announced, id FROM treadle_workers WHERE lease_until <= ? ORDER BY num',
  anyCancel: 'SELECT 1 FROM treadle_cancels LIMIT 1',
  cancelling: `SELECT j.id, a.token FROM treadle_cancels c CROSS JOIN treadle_jobs j ON j.seq = c.seq CROSS JOIN treadle_active a ON a.seq = c.seq
    WHERE c.worker = ?`,
  lastSeq: 'SELECT max(seq) FROM treadle_jobs',
  seqOf: 'SELECT seq FROM treadle_jobs WHERE id <= ? ORDER BY id DESC LIMIT 1',
  jobs: `${jobs} WHERE j.seq > ?1 AND ${matching} AND (?5 IS NULL OR ${stateColumn} = ?5) ORDER BY j.seq LIMIT ?6 + 0`,
  activeSeqs: `SELECT j.seq FROM treadle_active a CROSS JOIN treadle_jobs j ON j.seq = a.seq WHERE a.seq > ?1 AND ${matching} ORDER BY a.seq LIMIT ?5 + 0`,
  unsuccessfulSeqs: `SELECT j.seq FROM treadle_endings e CROSS JOIN treadle_jobs j ON j.seq = e.seq
    WHERE e.state = ?5 AND e.state <> 4 AND e.seq > ?1 AND ${matching} ORDER BY e.seq LIMIT ?6 + 0`,
  find: 'SELECT j.seq, e.seq FROM treadle_jobs j LEFT JOIN treadle_endings e ON e.seq = j.seq WHERE j.id = ?',
  purgeable: `SELECT e.seq, j.id, j.queue, e.state, iif(j.links IS NULL, NULL, e.result), j.links FROM treadle_endings e CROSS JOIN treadle_jobs j ON j.seq = e.seq
    WHERE e.seq > ?1 AND e.seq <= ?8 AND ${matching} AND e.state IN (SELECT value FROM json_each(?5)) AND e.finished_at <= ?6 ORDER BY e.seq LIMIT ?7 + 0`,
  // Those that may be, or end with, a reference are told as they are.
  weighed: `SELECT e.finished_at, length(j.payload) + coalesce(length(o.payload), 0) + coalesce(length(e.result), 0) + coalesce(length(t.error), 0),
      iif(length(j.payload) BETWEEN ${referenceLength} AND 70000 AND substr(j.payload, 1 - ${referenceLength} + length(j.payload), 1) = x'c1', j.payload, NULL), iif(length(e.result) = ${referenceLength}, e.result, NULL)
    FROM treadle_endings e CROSS JOIN treadle_jobs j ON j.seq = e.seq LEFT JOIN treadle_stories t ON t.seq = e.seq LEFT JOIN treadle_originals o ON o.seq = e.seq
    WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq`,
  someEndings: 'SELECT max(seq) FROM (SELECT seq FROM treadle_endings WHERE seq > ? ORDER BY seq LIMIT ? + 0)',
  lastEnded: 'SELECT max(number) FROM treadle_ended',
  firstEnded: 'SELECT min(number) FROM treadle_ended',
  endedSince: 'SELECT seqs FROM treadle_ended WHERE number > ? AND number <= ? ORDER BY number',
  hasEnded: 'SELECT 1 FROM treadle_endings WHERE seq = ?',
  ending: `SELECT j.id, e.state, e.attempt, t.error, e.result
    FROM treadle_jobs j CROSS JOIN treadle_endings e ON e.seq = j.seq LEFT JOIN treadle_stories t ON t.seq = j.seq WHERE j.seq = ?`,
  lastEntry: 'SELECT max(number) FROM treadle_history WHERE seq = ?',
  history: 'SELECT at, event, attempt, token, worker, started_at, wall, cpu, error FROM treadle_history WHERE seq = ? ORDER BY number',
  lastLog: 'SELECT max(number) FROM treadle_logs WHERE seq = ?',
  logs: 'SELECT at, level, attempt, token, message, fields FROM treadle_logs WHERE seq = ? ORDER BY number',
  scheduleSeen: 'SELECT revision, next_slot FROM treadle_schedules WHERE name = ?',
  schedules: 'SELECT record FROM treadle_schedules WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR name > ?2) ORDER BY name LIMIT ?3 + 0',
  dueSchedules: 'SELECT record FROM treadle_schedules WHERE next_slot <= ? ORDER BY next_slot LIMIT ? + 0',
  nextSlot: 'SELECT next_slot FROM treadle_schedules WHERE next_slot > ? ORDER BY next_slot LIMIT 1',
  // What is in the inbox will have raised it once it is out of it.
  news: 'SELECT name, news FROM treadle_queues UNION ALL SELECT queue, 1 FROM treadle_inbox',
  queues: `SELECT name, ${counted.join(', ')} FROM treadle_queues WHERE name <> '${scheduleNews}' ORDER BY name`,
  workers: 'SELECT num, id, lease_until, info FROM treadle_workers WHERE lease_until > ? ORDER BY id',
  nextRank: 'SELECT rank FROM treadle_ready WHERE queue = ? AND line = ? AND rank > ? ORDER BY rank LIMIT 1',
  oldestOf: `SELECT min(due) FROM (SELECT coalesce(t.due_at, j.due_at) AS due FROM treadle_ready r CROSS JOIN treadle_jobs j ON j.seq = r.seq
    LEFT JOIN treadle_stories t ON t.seq = r.seq WHERE r.queue = ? AND r.line = ? AND r.rank = ? ORDER BY r.seq LIMIT 100)`
}

/** Everything that is ever asked of the file, prepared once. */
export type Statements = Readonly<Record<keyof typeof commands | keyof typeof gateCommands, StatementSync> & Record<keyof typeof queries | keyof typeof gateQueries, Query>>

export function prepareAll(db: DatabaseSync): Statements {
  const prepared: Record<string, StatementSync> = {}
  for (const [name, sql] of Object.entries({ ...commands, ...gateCommands, ...queries, ...gateQueries })) {
    const statement = db.prepare(sql)
    // A program's own connection may have it otherwise.
    statement.setReadBigInts(false)
    statement.setReturnArrays(true)
    prepared[name] = statement
  }
  return prepared as unknown as Statements
}
