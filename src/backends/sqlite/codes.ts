import { type JobState } from '../../jobs/states.ts'
import type { Place } from '../../tasks/task.ts'

/** States and places as the file keeps them. Files outlive programs: a number, once given, keeps its meaning. */
export const stateCodes: Readonly<Record<JobState, number>> = {
  scheduled: 0, ready: 1, active: 2, waiting: 3, succeeded: 4, failed: 5, cancelled: 6, dead: 7
}

export const placeCodes: Readonly<Record<Place, number>> = { loop: 0, thread: 1, blocking: 2, process: 3 }

export const stateNames: readonly JobState[] = inOrder(stateCodes)

export const placeNames: readonly Place[] = inOrder(placeCodes)

function inOrder<Name extends string>(codes: Readonly<Record<Name, number>>): Name[] {
  return (Object.keys(codes) as Name[]).sort((a, b) => codes[a] - codes[b])
}
