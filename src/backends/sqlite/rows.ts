import type { Job } from '../../jobs/job.ts'
import { decode } from '../../wire/codec.ts'
import { type PortableError, toPortable } from '../../wire/portable-error.ts'
import { placeNames, stateNames } from './codes.ts'

/** What a statement that returns arrays gives for one row. */
export type Row = readonly (number | string | Uint8Array | null)[]

/** Selects what `jobOf` reads, in its order. */
export const selectJobs = `SELECT j.id, j.task, j.queue, j.place, j.priority, j.state, j.due_at, j.expires_at, j.created_at, e.finished_at,
  j.attempt, j.token, j.rescues, (SELECT w.id FROM treadle_workers w WHERE w.num = j.worker), j.cancelling,
  e.result, j.error, coalesce(j.wall, e.wall), coalesce(j.cpu, e.cpu)
  FROM treadle_jobs j LEFT JOIN treadle_endings e ON e.ended = j.ended`

export function jobOf(row: Row): Job {
  const [id, task, queue, place, priority, state, dueAt, expiresAt, createdAt, finishedAt,
    attempt, token, rescues, worker, cancelling, result, error, wall, cpu] = row as JobRow
  return {
    id, task, queue, priority, dueAt, createdAt, attempt, token, rescues,
    place: placeNames[place]!,
    state: stateNames[state]!,
    expiresAt: expiresAt ?? Infinity,
    finishedAt: finishedAt ?? undefined,
    worker: worker ?? undefined,
    cancelling: cancelling === 1,
    result: result ?? undefined,
    error: errorOf(error),
    spent: wall === null ? undefined : { wall, cpu: cpu! }
  }
}

type JobRow = [
  id: string, task: string, queue: string, place: number, priority: number, state: number, dueAt: number, expiresAt: number | null,
  createdAt: number, finishedAt: number | null, attempt: number, token: number, rescues: number, worker: string | null, cancelling: number,
  result: Uint8Array | null, error: Uint8Array | null, wall: number | null, cpu: number | null
]

export function errorOf(bytes: Uint8Array | null): PortableError | undefined {
  if (bytes === null) return undefined
  try {
    return decode(bytes) as PortableError
  } catch (error) {
    // One damaged row must not fail whoever reads the others.
    return toPortable(error)
  }
}
