import { type JobState } from '../../jobs/states.ts'
import type { Line } from '../../jobs/job.ts'

/** States and lines as the file keeps them. Files outlive programs: a number, once given, keeps its meaning. */
export const stateCodes: Readonly<Record<JobState, number>> = {
  scheduled: 0, ready: 1, active: 2, waiting: 3, succeeded: 4, failed: 5, cancelled: 6, dead: 7
}

/** A place has the number of its line. */
export const lineCodes: Readonly<Record<Line, number>> = { loop: 0, thread: 1, blocking: 2, process: 3, suspect: 4 }

export const stateNames: readonly JobState[] = inOrder(stateCodes)

export const lineNames: readonly Line[] = inOrder(lineCodes)

function inOrder<Name extends string>(codes: Readonly<Record<Name, number>>): Name[] {
  return (Object.keys(codes) as Name[]).sort((a, b) => codes[a] - codes[b])
}
