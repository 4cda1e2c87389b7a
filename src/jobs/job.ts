import type { Place } from '../tasks/task.ts'
import type { PortableError } from '../wire/portable-error.ts'
import { type JobEvent, type JobState, next } from './states.ts'

/** A job as it is published: decided by the client, never changed afterwards. */
export interface NewJob {
  readonly id: string
  readonly task: string
  readonly queue: string
  /** Where its task runs, as far as the client knew: a worker asks for as many of each as it has room for. */
  readonly place: Place
  readonly priority: number
  /** The envelope: arguments and rules, encoded. */
  readonly payload: Uint8Array
  /** Milliseconds until it may start. */
  readonly delay: number
  /** Milliseconds until it may no longer start; `Infinity` for never. */
  readonly expires: number
}

/** What an attempt has cost, in milliseconds. */
export interface Spent {
  readonly wall: number
  /** Processor time. Where calls share a loop: an equal share of what the loop used while each was under way. */
  readonly cpu: number
}

/**
 * A job with its whole story, as the pure model and `read` show it.
 *
 * Invariants: `worker` is set exactly while active. `token` never falls, and rises with every delivery, so that it fences:
 * of two holders of a job, only the one with the higher token is heard. `attempt` counts the deliveries that were charged.
 */
export interface Job {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly place: Place
  readonly priority: number
  readonly state: JobState
  /** When it may start or started to wait, in milliseconds since the epoch of the backend's clock. */
  readonly dueAt: number
  readonly expiresAt: number
  readonly createdAt: number
  readonly finishedAt: number | undefined
  /** Attempts charged so far, the running one included. */
  readonly attempt: number
  /** Deliveries so far: the fencing token of the newest. */
  readonly token: number
  /** How often it was taken from a dead worker. */
  readonly rescues: number
  readonly worker: string | undefined
  /** Its cancel was asked for while it was active. */
  readonly cancelling: boolean
  readonly result: Uint8Array | undefined
  /** Why it failed or is dead, or what the last attempt threw. */
  readonly error: PortableError | undefined
  readonly spent: Spent | undefined
}

/** An event with what it brings. */
export type Happening =
  | { readonly event: 'due' | 'unblock' | 'cancel' | 'revive' }
  | { readonly event: 'reserve', readonly worker: string }
  | { readonly event: 'succeed', readonly result: Uint8Array, readonly spent: Spent }
  | { readonly event: 'retry', readonly delay: number, readonly error: PortableError, readonly spent?: Spent }
  | { readonly event: 'fail', readonly error: PortableError, readonly spent?: Spent }
  | { readonly event: 'release' }
  | { readonly event: 'defer', readonly delay: number, readonly error: PortableError }
  | { readonly event: 'stop' }
  | { readonly event: 'rescue' }
  | { readonly event: 'bury', readonly error: PortableError }

/** The job as it is right after it was published. */
export function born(job: NewJob, now: number): Job {
  return {
    id: job.id,
    task: job.task,
    queue: job.queue,
    place: job.place,
    priority: job.priority,
    state: job.delay > 0 ? 'scheduled' : 'ready',
    dueAt: now + job.delay,
    expiresAt: now + job.expires,
    createdAt: now,
    finishedAt: undefined,
    attempt: 0,
    token: 0,
    rescues: 0,
    worker: undefined,
    cancelling: false,
    result: undefined,
    error: undefined,
    spent: undefined
  }
}

/**
 * What becomes of a job: pure, and the yardstick for every backend.
 *
 * @throws InvalidTransitionError where the event cannot happen in the job's state
 */
export function happen(job: Job, happening: Happening, now: number): Job {
  // A cancel that came while the attempt ran wins over all that would have it run again.
  if (job.cancelling && runsAgain.has(happening.event)) return happen(job, { event: 'stop' }, now)
  const story = `${job.task} ${job.id}, attempt ${job.attempt}, delivery ${job.token}`
  const moved: Job = { ...job, state: next(job.state, happening.event, story) }
  const ended: Job = { ...moved, worker: undefined, cancelling: false, finishedAt: now }
  switch (happening.event) {
    case 'due':
    case 'unblock':
      return moved
    case 'reserve':
      return { ...moved, worker: happening.worker, attempt: job.attempt + 1, token: job.token + 1 }
    case 'succeed':
      return { ...ended, result: happening.result, error: undefined, spent: happening.spent }
    case 'retry':
      return { ...moved, worker: undefined, dueAt: now + happening.delay, error: happening.error, spent: happening.spent }
    case 'fail':
      return { ...ended, error: happening.error, spent: happening.spent }
    case 'release':
      return { ...moved, worker: undefined, attempt: job.attempt - 1 }
    case 'defer':
      return { ...moved, worker: undefined, attempt: job.attempt - 1, dueAt: now + happening.delay, error: happening.error }
    case 'rescue':
      return { ...moved, worker: undefined, attempt: job.attempt - 1, rescues: job.rescues + 1 }
    case 'cancel':
      return job.state === 'active' ? { ...moved, cancelling: true } : ended
    case 'stop':
      return ended
    case 'bury':
      return { ...ended, error: happening.error }
    case 'revive':
      return {
        ...moved, dueAt: now, expiresAt: Infinity, finishedAt: undefined, attempt: 0, rescues: 0, result: undefined, error: undefined, spent: undefined
      }
  }
}

const runsAgain: ReadonlySet<JobEvent> = new Set(['retry', 'release', 'defer', 'rescue'])
