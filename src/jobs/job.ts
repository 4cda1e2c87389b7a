import type { Progress } from '../tasks/progress.ts'
import { type Place, places } from '../tasks/task.ts'
import type { PortableError } from '../wire/portable-error.ts'
import type { Link, Parent } from './link.ts'
import { type JobEvent, type JobState, next } from './states.ts'
import type { UniqueRule } from './unique.ts'

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
  /** What people find it by. */
  readonly tags: readonly string[]
  /** There is to be no other of its key. */
  readonly unique?: UniqueRule
  /** On whose behalf it is, such as a tenant's: keys of a queue take turns, and may have limits. */
  readonly key?: string
  /** It begins only when all jobs of its key that began before, and are ordered too, have ended. */
  readonly ordered?: boolean
  /** What it takes of rates. Default: 1. */
  readonly cost?: number
  /** What is published when it ends. */
  readonly links?: readonly Link[]
}

/** Where a job waits: with the others of its place, or apart from them, since a worker died with it. */
export type Line = Place | 'suspect'

export const lines: readonly Line[] = [...places, 'suspect']

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
  readonly tags: readonly string[]
  readonly key: string | undefined
  readonly ordered: boolean
  readonly cost: number
  readonly state: JobState
  /** When it may start or started to wait, in milliseconds since the epoch of the backend's clock. */
  readonly dueAt: number
  readonly expiresAt: number
  readonly createdAt: number
  /** When its last attempt was handed out, while that runs and once the job has ended with it. */
  readonly startedAt: number | undefined
  readonly finishedAt: number | undefined
  /** Attempts charged so far, the running one included. */
  readonly attempt: number
  /** Deliveries so far: the fencing token of the newest. */
  readonly token: number
  /** How often it was taken from a worker that died without having announced its end. */
  readonly rescues: number
  /** How often it ended the thread or process that ran it. */
  readonly deaths: number
  /** How often in a row a worker could not run it (it lacks the task, or no thread or process could be started) and handed it back for later. */
  readonly deferrals: number
  /** A worker died with it: until an attempt of it has come to an end of its own it runs alone, in a child process. */
  readonly suspect: boolean
  readonly worker: string | undefined
  /** Its cancel was asked for while it was active. */
  readonly cancelling: boolean
  readonly result: Uint8Array | undefined
  /** Why it failed or is dead, or what the last attempt threw. */
  readonly error: PortableError | undefined
  readonly spent: Spent | undefined
  /** What the newest attempt said of itself. */
  readonly progress: Progress | undefined
  /** The job whose end published this one. */
  readonly parent: Parent | undefined
}

/** An event with what it brings. */
export type Happening =
  | { readonly event: 'due' | 'unblock' | 'cancel' | 'revive' }
  | { readonly event: 'reserve', readonly worker: string }
  | { readonly event: 'succeed', readonly result: Uint8Array, readonly spent: Spent }
  /** `died`: the attempt ended its thread or process. */
  | { readonly event: 'retry', readonly delay: number, readonly error: PortableError, readonly spent?: Spent, readonly died?: boolean }
  | { readonly event: 'fail', readonly error: PortableError, readonly spent?: Spent, readonly died?: boolean }
  | { readonly event: 'release' }
  | { readonly event: 'defer', readonly delay: number, readonly error: PortableError }
  | { readonly event: 'stop' }
  /** `announced`: its worker had said that it was about to end. */
  | { readonly event: 'rescue', readonly announced?: boolean }
  | { readonly event: 'bury', readonly error: PortableError, readonly died?: boolean }

/**
 * The job as it is right after it was published.
 *
 * @param parent whose end published it, where one did
 */
export function born(job: NewJob, now: number, parent?: Parent): Job {
  return {
    id: job.id,
    task: job.task,
    queue: job.queue,
    place: job.place,
    priority: job.priority,
    tags: job.tags,
    key: job.key,
    ordered: job.ordered ?? false,
    cost: job.cost ?? 1,
    state: job.delay > 0 ? 'scheduled' : 'ready',
    dueAt: now + job.delay,
    expiresAt: now + job.expires,
    createdAt: now,
    startedAt: undefined,
    finishedAt: undefined,
    attempt: 0,
    token: 0,
    rescues: 0,
    deaths: 0,
    deferrals: 0,
    suspect: false,
    worker: undefined,
    cancelling: false,
    result: undefined,
    error: undefined,
    spent: undefined,
    progress: undefined,
    parent
  }
}

export function lineOf({ place, suspect }: Pick<Job, 'place' | 'suspect'>): Line {
  return suspect ? 'suspect' : place
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
  const back: Job = { ...moved, worker: undefined, startedAt: undefined }
  const ended: Job = { ...moved, worker: undefined, cancelling: false, suspect: false, finishedAt: now }
  switch (happening.event) {
    case 'due':
    case 'unblock':
      return moved
    case 'reserve':
      return { ...moved, worker: happening.worker, attempt: job.attempt + 1, token: job.token + 1, startedAt: now, progress: undefined }
    case 'succeed':
      return { ...ended, result: happening.result, error: undefined, spent: happening.spent }
    case 'retry': {
      const retried = { ...back, deferrals: 0, dueAt: now + happening.delay, error: happening.error, spent: happening.spent }
      if (!happening.died) return { ...retried, suspect: false }
      // A suspect's deaths are counted as such; its retries are for errors of its own.
      return { ...retried, deaths: job.deaths + 1, attempt: job.suspect ? job.attempt - 1 : job.attempt }
    }
    case 'fail':
      return { ...ended, error: happening.error, spent: happening.spent, deaths: job.deaths + (happening.died ? 1 : 0) }
    case 'release':
      return { ...back, attempt: job.attempt - 1 }
    case 'defer':
      return { ...back, attempt: job.attempt - 1, deferrals: job.deferrals + 1, dueAt: now + happening.delay, error: happening.error }
    case 'rescue':
      return happening.announced ? { ...back, attempt: job.attempt - 1 } : { ...back, attempt: job.attempt - 1, rescues: job.rescues + 1, suspect: true }
    case 'cancel':
      return job.state === 'active' ? { ...moved, cancelling: true } : ended
    case 'stop':
      return ended
    case 'bury':
      return { ...ended, error: happening.error, deaths: job.deaths + (happening.died ? 1 : 0) }
    case 'revive':
      return {
        ...moved, dueAt: now, expiresAt: Infinity, startedAt: undefined, finishedAt: undefined, attempt: 0, rescues: 0, deaths: 0, deferrals: 0,
        result: undefined, error: undefined, spent: undefined, progress: undefined
      }
  }
}

const runsAgain: ReadonlySet<JobEvent> = new Set(['retry', 'release', 'defer', 'rescue'])
