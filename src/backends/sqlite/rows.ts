import type { HistoryEntry, JobLogLine } from '../../jobs/history.ts'
import { turns } from '../../jobs/gates.ts'
import type { Job } from '../../jobs/job.ts'
import type { Link } from '../../jobs/link.ts'
import type { FinalState } from '../../jobs/states.ts'
import type { Schedule } from '../../jobs/schedule.ts'
import type { Place } from '../../tasks/task.ts'
import { decode, encode } from '../../wire/codec.ts'
import { type PortableError, toPortable } from '../../wire/portable-error.ts'
import { lineNames, stateNames } from './codes.ts'

/** What a statement that returns arrays gives for one row. */
export type Row = readonly (number | string | Uint8Array | null)[]

/** Where a job stands, as a number: see codes.ts. */
export const stateColumn: string = 'coalesce(e.state, iif(a.seq, 2, iif(coalesce(r.seq, q.seq), 1, 0)))'

/** What `storedOf` reads, in its order. */
export const jobColumns: string = `j.seq, j.id, j.task, j.queue, j.place, j.priority, j.tags, j.created_at, j.expires_at, coalesce(t.due_at, j.due_at),
  ${stateColumn},
  coalesce(e.attempt, a.attempt, r.attempt, q.attempt, s.attempt, 0), coalesce(e.token, a.token, r.token, q.token, s.token, 0),
  coalesce(a.started_at, e.started_at), e.finished_at, a.worker, w.id, c.seq, t.rescues, t.deaths, t.deferrals, t.suspect,
  iif(e.seq, e.wall, t.wall), iif(e.seq, e.cpu, t.cpu), t.error, e.result, p.done, p.total, p.note, j.links, f.job, f.token, f.state, f.outcome,
  k.key, k.ordered, k.cost, coalesce(r.rank, q.rank), q.seq`

/** Where a job stands, by all tables that may say so; `j` is the job, and comes before. */
export const standingTables: string = `
  LEFT JOIN treadle_stories t ON t.seq = j.seq
  LEFT JOIN treadle_endings e ON e.seq = j.seq
  LEFT JOIN treadle_active a ON a.seq = j.seq
  LEFT JOIN treadle_keyed k ON k.seq = j.seq
  LEFT JOIN treadle_ready r ON r.queue = j.queue AND r.line = iif(t.suspect, 4, j.place) AND r.rank = -j.priority * ${turns} + coalesce(k.turn, 0) AND r.seq = j.seq
  LEFT JOIN treadle_parked q ON q.seq = j.seq
  LEFT JOIN treadle_scheduled s ON s.due_at = coalesce(t.due_at, j.due_at) AND s.seq = j.seq
  LEFT JOIN treadle_workers w ON w.num = a.worker
  LEFT JOIN treadle_cancels c ON c.worker = a.worker AND c.seq = j.seq
  LEFT JOIN treadle_progress p ON p.seq = j.seq AND p.token = coalesce(e.token, a.token, r.token, q.token, s.token)
  LEFT JOIN treadle_parents f ON f.seq = j.seq`

/** A job, and the numbers by which the file knows it and its worker. */
export interface Stored {
  readonly seq: number
  readonly worker: number | undefined
  readonly links: readonly Link[]
  /** Its place in its line, where it stands in one. */
  readonly rank: number | undefined
  /** It is ready, and waits before a gate. */
  readonly isParked: boolean
  readonly job: Job
}

export function storedOf(row: Row): Stored {
  const [seq, id, task, queue, place, priority, tags, createdAt, expiresAt, dueAt, state, attempt, token, startedAt, finishedAt,
    workerNumber, worker, cancelling, rescues, deaths, deferrals, suspect, wall, cpu, error, result, done, total, note, links, parent, parentToken, parentState, outcome, key, ordered, cost, rank, parked] = row as JobRow
  return {
    seq,
    worker: workerNumber ?? undefined,
    links: links === null ? [] : decode(links) as readonly Link[],
    rank: rank ?? undefined,
    isParked: parked !== null,
    job: {
      id, task, queue, priority, createdAt, dueAt, attempt, token,
      place: lineNames[place] as Place,
      tags: tagsOf(tags),
      key: key ?? undefined,
      ordered: ordered === 1,
      cost: cost ?? 1,
      state: stateNames[state]!,
      expiresAt: expiresAt ?? Infinity,
      startedAt: startedAt ?? undefined,
      finishedAt: finishedAt ?? undefined,
      worker: worker ?? undefined,
      cancelling: cancelling !== null,
      rescues: rescues ?? 0,
      deaths: deaths ?? 0,
      deferrals: deferrals ?? 0,
      suspect: suspect === 1,
      result: result ?? undefined,
      error: errorOf(error),
      spent: wall === null ? undefined : { wall, cpu: cpu! },
      progress: done === null ? undefined : { done, ...(total === null ? {} : { total }), ...(note === null ? {} : { note }) },
      parent: parent === null ? undefined : { job: parent, token: parentToken!, state: stateNames[parentState!] as FinalState, outcome: outcome! }
    }
  }
}

type JobRow = [
  seq: number, id: string, task: string, queue: string, place: number, priority: number, tags: string | null, createdAt: number, expiresAt: number | null,
  dueAt: number, state: number, attempt: number, token: number, startedAt: number | null, finishedAt: number | null,
  workerNumber: number | null, worker: string | null, cancelling: number | null, rescues: number | null, deaths: number | null, deferrals: number | null, suspect: number | null,
  wall: number | null, cpu: number | null, error: Uint8Array | null, result: Uint8Array | null, done: number | null, total: number | null, note: string | null,
  links: Uint8Array | null, parent: string | null, parentToken: number | null, parentState: number | null, outcome: Uint8Array | null,
  key: string | null, ordered: number | null, cost: number | null, rank: number | null, parked: number | null
]

export function historyEntryOf(row: Row): HistoryEntry {
  const [at, event, attempt, token, worker, startedAt, wall, cpu, error] = row as HistoryRow
  return {
    at, event, attempt, token,
    worker: worker ?? undefined,
    startedAt: startedAt ?? undefined,
    error: errorOf(error),
    spent: wall === null ? undefined : { wall, cpu: cpu! }
  }
}

type HistoryRow = [
  at: number, event: HistoryEntry['event'], attempt: number, token: number, worker: string | null, startedAt: number | null,
  wall: number | null, cpu: number | null, error: Uint8Array | null
]

export function logLineOf(row: Row): JobLogLine {
  const [at, level, attempt, token, message, fields] = row as [number, JobLogLine['level'], number, number, string, string]
  return { at, level, attempt, token, message, fields }
}

export function scheduleOf([record]: Row): Schedule {
  return decode(record as Uint8Array) as Schedule
}

export function tagsText(tags: readonly string[]): string | null {
  return tags.length === 0 ? null : JSON.stringify(tags)
}

export function linksBytes(links: readonly Link[] | undefined): Uint8Array | null {
  return links ? encode(links) : null
}

export function tagsOf(text: string | null): readonly string[] {
  return text === null ? [] : JSON.parse(text) as string[]
}

export function errorOf(bytes: Uint8Array | null): PortableError | undefined {
  if (bytes === null) return undefined
  try {
    return decode(bytes) as PortableError
  } catch (error) {
    // One damaged row must not fail whoever reads the others.
    return toPortable(error)
  }
}
