import { InvalidTransitionError } from '../kernel/errors.ts'

/** Where a job stands. It is always in exactly one of these. */
export type JobState =
  /** Waits for its time: a delay, or the wait before a retry. */
  | 'scheduled'
  /** May be reserved by a worker. */
  | 'ready'
  /** A worker holds an attempt at it. */
  | 'active'
  /** Waits for other jobs (flows). */
  | 'waiting'
  /** An attempt's completion was accepted. */
  | 'succeeded'
  /** Its own error ended it, and no retry is left. */
  | 'failed'
  /** Somebody cancelled it. */
  | 'cancelled'
  /** Treadle set it aside: it expired, or workers died of it too often. Its cause is kept. */
  | 'dead'

export type JobEvent =
  | 'due'
  | 'unblock'
  | 'reserve'
  | 'succeed'
  | 'retry'
  | 'fail'
  | 'release'
  | 'defer'
  | 'rescue'
  | 'cancel'
  | 'stop'
  | 'bury'
  | 'revive'

/**
 * All that can happen to a job. An event that is not listed for a state cannot happen in it.
 *
 * `release` hands an attempt back uncharged, `defer` does so for later: the worker lacks the task.
 * `revive` is somebody's second thought about a job that has ended: it begins anew, with all its attempts before it.
 * `cancel` leaves an active job active: its worker is asked to stop it, and says `stop` when it has.
 */
export const transitions: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  scheduled: { due: 'ready', cancel: 'cancelled', bury: 'dead' },
  ready: { reserve: 'active', cancel: 'cancelled', bury: 'dead' },
  waiting: { unblock: 'ready', cancel: 'cancelled', bury: 'dead' },
  active: {
    succeed: 'succeeded',
    retry: 'scheduled',
    fail: 'failed',
    release: 'ready',
    defer: 'scheduled',
    rescue: 'ready',
    cancel: 'active',
    stop: 'cancelled',
    bury: 'dead'
  },
  succeeded: {},
  failed: { revive: 'ready' },
  cancelled: { revive: 'ready' },
  dead: { revive: 'ready' }
}

export const jobStates: readonly JobState[] = Object.keys(transitions) as JobState[]

/** A final state: nothing happens to the job any more, unless somebody revives it. */
export type FinalState = 'succeeded' | 'failed' | 'cancelled' | 'dead'

export const finalStates: readonly FinalState[] = ['succeeded', 'failed', 'cancelled', 'dead']

export function isFinal(state: JobState): state is FinalState {
  return (finalStates as readonly JobState[]).includes(state)
}

export function canHappen(state: JobState, event: JobEvent): boolean {
  return transitions[state][event] !== undefined
}

/**
 * The state after `event`.
 *
 * @param story what is known of the job, for the error
 * @throws InvalidTransitionError
 */
export function next(state: JobState, event: JobEvent, story: string): JobState {
  const after = transitions[state][event]
  if (after === undefined) throw new InvalidTransitionError(event, state, story)
  return after
}
