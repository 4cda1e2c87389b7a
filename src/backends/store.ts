import type { KeptStory } from '../jobs/history.ts'
import type { Job } from '../jobs/job.ts'
import type { FinalState, JobState } from '../jobs/states.ts'
import type { PortableError } from '../wire/portable-error.ts'

/** A change that somebody other than the holder of an attempt makes. Compare-and-set: it happens only in a state that allows it. */
export interface Change {
  readonly job: string
  readonly event: 'cancel' | 'revive'
  /** What a revived job is called with from now on; what it was called with first is kept beside it. Default: what it was called with. */
  readonly payload?: Uint8Array
}

/** The job's state after the change, or undefined where there is no such job. A job to which the event cannot happen stays as it is. */
export type ChangeOutcome = JobState | undefined

/** How a job ended. */
export interface Ending {
  readonly job: string
  readonly state: FinalState
  readonly result: Uint8Array | undefined
  readonly error: PortableError | undefined
  readonly attempt: number
}

export interface JobFilter {
  readonly state?: JobState
  readonly queue?: string
  readonly task?: string
  readonly tag?: string
  /** Only jobs that arrived after this one: the last one of the page before. Where it is gone, after where its id would stand: ids rise. */
  readonly after?: string
  /** At most this many, from 1 to 1,000. */
  readonly limit: number
}

export interface PurgeFilter {
  readonly states: readonly FinalState[]
  readonly queue?: string
  readonly tag?: string
  /** Only jobs that ended at least so long ago, in milliseconds. */
  readonly olderThan: number
  /** The moment at which they had, in milliseconds since the epoch of the backend's clock, so that several goes mean the same jobs however long they take. Default: now, at each go. */
  readonly asOf?: number
  /** At most this many in one go, from 1 to 1,000: each go is one transaction. */
  readonly limit: number
  /** Where to go on: `next` of the go before. Default: at the beginning. */
  readonly from?: string
}

export interface Purged {
  /** Which jobs were removed, in the order of their arrival. */
  readonly jobs: readonly string[]
  /** Where to go on, of the backend's own making; undefined once all jobs were looked at. */
  readonly next?: string
}

/** What a job that has ended holds. */
export interface Holding {
  /** In milliseconds since the epoch of the backend's clock. */
  readonly finishedAt: number
  /** Of what it is called with, and was at first, its result and its error, as they are kept: also in a payload store, save what it was called with at first. */
  readonly bytes: number
}

/** Some of the jobs that have ended, in the order of their arrival. */
export interface Weighed {
  /** When that was. */
  readonly now: number
  readonly ended: readonly Holding[]
  /** Where to go on, of the backend's own making; undefined once all jobs were looked at. */
  readonly next?: string
}

/** The jobs whose ends somebody waits for. */
export interface Watch extends Disposable {
  add(job: string): void
  delete(job: string): void
}

/** Remembers jobs and how they ended. */
export interface Store {
  commit(changes: readonly Change[]): Promise<readonly ChangeOutcome[]>
  /**
   * Removes jobs that have ended, in the order of their arrival, with all that is kept of them; not those whose large result one still needs that they published (`readersOf`). A go ends at the limit, or earlier where
   * many that stay would be looked at: others wait meanwhile.
   */
  purge(filter: PurgeFilter): Promise<Purged>
  /**
   * What jobs that have ended hold, of some at a time: many are looked at, and each only for as long as that takes.
   *
   * @param from `next` of the go before. Default: at the beginning
   */
  weigh(from?: string): Promise<Weighed>
  /** In the order asked; undefined for one that is not known. */
  read(jobs: readonly string[]): Promise<readonly (Job | undefined)[]>
  /** In the order of arrival. */
  list(filter: JobFilter): Promise<readonly Job[]>
  /** What happened to a job and what its attempts logged, oldest first, and what it is called with; undefined for one that is not known. */
  story(job: string): Promise<KeptStory | undefined>
  /**
   * Calls `ended` once for each added job that is or becomes final, soon after, whoever ended it. An unknown job is waited for.
   * Calls `failed` with why it could not look: whoever waits gives up then.
   */
  watch(ended: (endings: readonly Ending[]) => void, failed: (error: unknown) => void): Watch
  close(): Promise<void>
}
