import type { Job } from '../../jobs/job.ts'
import { encode } from '../../wire/codec.ts'
import type { PortableError } from '../../wire/portable-error.ts'
import { stateCodes, stateNames } from './codes.ts'
import type { Row } from './rows.ts'

/** The columns of `standingOf`, in its order. */
export const standingColumns = 'seq, id, queue, state, due_at, attempt, token, rescues, worker, cancelling, wall, cpu, error'

/** The columns that a step of a job may change, in the order of `written`. */
export const writtenColumns: readonly string[] = [
  'state', 'due_at', 'ended', 'attempt', 'rescues', 'worker', 'cancelling', 'wall', 'cpu', 'error'
]

/** Where a job stands, and how its row says so. */
export interface Standing {
  readonly seq: number
  /** What never changes, or is not needed to take a step, has stand-ins that are never written. */
  readonly job: Job
  readonly worker: number | null
  readonly error: Uint8Array | null
}

/** Stands for the error that is in the row already: taking a step need not decode it. */
const asItIs: PortableError = { name: '', message: '' }

export function standingOf(row: Row): Standing {
  const [seq, id, queue, state, dueAt, attempt, token, rescues, worker, cancelling, wall, cpu, error] = row as StandingRow
  return {
    seq,
    worker,
    error,
    job: {
      id, queue, dueAt, attempt, token, rescues,
      task: 'job',
      place: 'loop',
      priority: 0,
      state: stateNames[state]!,
      expiresAt: Infinity,
      createdAt: 0,
      finishedAt: undefined,
      worker: worker === null ? undefined : 'its worker',
      cancelling: cancelling === 1,
      result: undefined,
      error: error === null ? undefined : asItIs,
      spent: wall === null ? undefined : { wall, cpu: cpu! }
    }
  }
}

type StandingRow = [
  seq: number, id: string, queue: string, state: number, dueAt: number, attempt: number, token: number, rescues: number,
  worker: number | null, cancelling: number, wall: number | null, cpu: number | null, error: Uint8Array | null
]

/** @param ended the job's number among the ended ones, where this step ended it; then its ending keeps what it has cost */
export function written(before: Standing, after: Job, ended: number | null): (number | Uint8Array | null)[] {
  const { state, dueAt, attempt, rescues, worker, cancelling, spent, error } = after
  return [
    stateCodes[state], dueAt, ended, attempt, rescues, worker === undefined ? null : before.worker,
    cancelling ? 1 : 0, ended === null && spent ? spent.wall : null, ended === null && spent ? spent.cpu : null,
    error === undefined ? null : error === asItIs ? before.error : errorBytes(error)
  ]
}

function errorBytes(error: PortableError): Uint8Array {
  try {
    return encode(error)
  } catch {
    // A cause or field that is no data must not keep the others of its batch from being settled.
    const { name, message, stack, code } = error
    return encode({ name, message, ...(stack === undefined ? {} : { stack }), ...(code === undefined ? {} : { code }) })
  }
}
