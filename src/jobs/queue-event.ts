import type { Progress } from '../tasks/progress.ts'
import type { PortableError } from '../wire/portable-error.ts'
import type { Happening, Job, NewJob } from './job.ts'
import { isFinal } from './states.ts'

/** What is told of an error: the whole of it is kept in the job. */
export type BriefError = Pick<PortableError, 'name' | 'message' | 'code'>

interface OfJob {
  /** Milliseconds since the epoch of the backend's clock. */
  readonly at: number
  readonly job: string
  readonly task: string
  readonly queue: string
  /** The attempt that it concerns, from 1; 0 where there was none. */
  readonly attempt: number
  /** The delivery that it concerns, or the newest. */
  readonly token: number
  /** In whose hands the job is, or was until then. */
  readonly worker?: string
}

/** Something that happened to a job. */
export type JobNews =
  /**
   * It is kept: one of a call, of a schedule, or published by the end of another. Of one whose unique key is taken nothing is told, nor of the one that holds
   * the key: what is `rejected` or `merged` is no job of its own, and what is `replaced` keeps its id and was told. `revived`: it had ended, and begins anew.
   */
  | OfJob & { readonly type: 'enqueued' | 'revived' }
  /** A worker has it. */
  | OfJob & { readonly type: 'started' }
  | OfJob & { readonly type: 'progress', readonly progress: Progress }
  /** Its attempt failed, and another follows at `dueAt`. */
  | OfJob & { readonly type: 'retried', readonly error: BriefError, readonly dueAt: number }
  /** It was handed back, uncharged. `rescued`: it was taken from a worker whose lease ran out. */
  | OfJob & { readonly type: 'released' | 'rescued' }
  | OfJob & { readonly type: 'succeeded' | 'cancelled' }
  | OfJob & { readonly type: 'failed' | 'dead', readonly error: BriefError }

/** Something that happened to a worker. */
export type WorkerNews =
  /** Its lease begins, or is renewed: several times in each. */
  | { readonly type: 'worker-online' | 'worker-heartbeat', readonly at: number, readonly worker: string, readonly active: number, readonly capacity: number }
  /** It left, or, where it is `lost`, its lease ran out. */
  | { readonly type: 'worker-offline', readonly at: number, readonly worker: string, readonly lost: boolean }

/** Something that happened in a backend, told to whoever listens. */
export type QueueEvent = JobNews | WorkerNews

const types: Readonly<Record<QueueEvent['type'], true>> = {
  enqueued: true, revived: true, started: true, progress: true, retried: true, released: true, rescued: true, succeeded: true, failed: true, cancelled: true,
  dead: true, 'worker-online': true, 'worker-heartbeat': true, 'worker-offline': true
}
export const eventTypes: readonly QueueEvent['type'][] = Object.keys(types) as QueueEvent['type'][]

/** How each event of a job is told that has not ended with it. What is not named is not told: it falls due, or its cancel was asked for. */
export const newsOf: Readonly<Partial<Record<Happening['event'], JobNews['type']>>> = {
  reserve: 'started', retry: 'retried', release: 'released', defer: 'released', rescue: 'rescued', revive: 'revived'
}

const longestMessage = 1_000

export function briefly({ name, message, code }: PortableError): BriefError {
  return { name, message: message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message, ...(code === undefined ? {} : { code }) }
}

export function enqueued({ id, task, queue }: Pick<NewJob, 'id' | 'task' | 'queue'>, at: number): JobNews {
  return { type: 'enqueued', at, job: id, task, queue, attempt: 0, token: 0 }
}

/** What is told of an event that happened to a job, if anything. */
export function told(before: Job, event: Happening['event'], after: Job, at: number): JobNews | undefined {
  const type = isFinal(after.state) ? after.state : newsOf[event]
  if (type === undefined) return undefined
  const { id: job, task, queue, token } = after
  const worker = after.worker ?? before.worker
  const one = { at, job, task, queue, attempt: type === 'started' ? after.attempt : before.attempt, token, ...(worker === undefined ? {} : { worker }) }
  switch (type) {
    case 'failed':
    case 'dead':
      return { ...one, type, error: briefly(after.error!) }
    case 'retried':
      return { ...one, type, error: briefly(after.error!), dueAt: Math.floor(after.dueAt) }
    default:
      return { ...one, type: type as 'started' }
  }
}

export function progressed({ id: job, task, queue, attempt, token, worker }: Job, progress: Progress, at: number): JobNews {
  return { type: 'progress', at, job, task, queue, attempt, token, ...(worker === undefined ? {} : { worker }), progress }
}

/** Events as they travel: JSON, which every server can write. */
export function packEvents(events: readonly QueueEvent[]): string {
  return JSON.stringify(events)
}

/** None where it is no such message: others may write to a server too. */
export function unpackEvents(message: string): readonly QueueEvent[] {
  try {
    const events: unknown = JSON.parse(message)
    return Array.isArray(events) ? events.filter((event: { readonly type?: unknown } | null) => typeof event?.type === 'string') as QueueEvent[] : []
  } catch {
    return []
  }
}
