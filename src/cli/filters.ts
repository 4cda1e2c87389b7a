import type { JobFilter } from '../backends/store.ts'

/** The options by which commands choose jobs. */
export interface Chosen<State extends string> {
  state?: State
  queue?: string
  task?: string
  tag?: string
}

export function isChosen(options: Chosen<string>): boolean {
  return [options.state, options.queue, options.task, options.tag].some((value) => value !== undefined)
}

export function filterOf<State extends NonNullable<JobFilter['state']>>({ state, queue, task, tag }: Chosen<State>): { state?: State, queue?: string, task?: string, tag?: string } {
  return {
    ...(state === undefined ? {} : { state }),
    ...(queue === undefined ? {} : { queue }),
    ...(task === undefined ? {} : { task }),
    ...(tag === undefined ? {} : { tag })
  }
}

/** `state ready, queue mail`. */
export function shownFilter(options: Chosen<string>): string {
  return Object.entries(filterOf(options as Chosen<'ready'>)).map(([key, value]) => `${key} ${value}`).join(', ')
}

/** Does something for each id; one that is not known is named, and the rest goes on. Then the exit code is 1. */
export async function eachJob(jobs: readonly string[], act: (job: string) => Promise<string>): Promise<[string, string][]> {
  const outcomes: [string, string][] = []
  for (const job of jobs) {
    try {
      outcomes.push([job, await act(job)])
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'UNKNOWN_JOB') throw error
      outcomes.push([job, 'unknown'])
      process.exitCode = 1
    }
  }
  return outcomes
}
