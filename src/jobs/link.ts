import { isReference } from '../wire/claim-check.ts'
import type { Job, NewJob } from './job.ts'
import { errorBytes } from './kept-error.ts'
import type { FinalState, JobState } from './states.ts'

/** A job that is published in the same breath in which another ends. */
export interface Link {
  /** `failure`: the other failed, or is dead. A cancel publishes nothing. */
  readonly on: 'success' | 'failure'
  /** Its delay and expiry count from then. Published once: where its id is known already it is passed over. */
  readonly job: NewJob
}

/** How the job ended that published another. */
export interface Parent {
  readonly job: string
  /** Of the delivery that ended it. */
  readonly token: number
  readonly state: FinalState
  /** Its result, or its error, encoded. */
  readonly outcome: Uint8Array
}

const publishes: Readonly<Partial<Record<JobState, Link['on']>>> = { succeeded: 'success', failed: 'failure', dead: 'failure' }

/** What of a job's links its end publishes. */
export function linkedBy(state: JobState, links: readonly Link[]): readonly NewJob[] {
  return links.filter(({ on }) => on === publishes[state]).map(({ job }) => job)
}

/** The jobs that a job's end published and that look for its result where that is kept, since it is large: until they have ended it must stay. */
export function readersOf({ state, result }: Pick<Job, 'state' | 'result'>, links: readonly Link[]): readonly NewJob[] {
  return links.length > 0 && result && isReference(result) ? linkedBy(state, links) : []
}

/** What is told those whom a job's end publishes. */
export function parentOf({ id, token, state, result, error }: Pick<Job, 'id' | 'token' | 'state' | 'result' | 'error'>): Parent {
  return { job: id, token, state: state as FinalState, outcome: result ?? errorBytes(error!) }
}
