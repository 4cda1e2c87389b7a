import type { JobRecord } from '../../client/job-handle.ts'
import { sum } from './comparison.ts'
import { type JournalLine, digestOf } from './journal.ts'
import { encode } from '../../wire/codec.ts'

/** What became of the jobs: the database's story held against the journal's, and against what the caller heard. */
export interface Account {
  readonly jobs: number
  /** Jobs that did not succeed, or are not there. */
  readonly lost: number
  /** Jobs whose outcome is not the one that was accepted first. */
  readonly acceptedTwice: number
  /** Accepted results that the accepted delivery did not write into the journal. */
  readonly unwitnessed: number
  /** Attempts that were begun again, since the worker that had begun them was killed. */
  readonly runAgain: number
  /** Deliveries that came to a good end but were not the accepted one: refused, or killed before they could report. */
  readonly finishedAgain: number
  /** Deliveries, retries and rescues included. */
  readonly deliveries: number
}

/**
 * @param heard each job as it was read right after the caller had heard of its end
 * @param kept the same jobs as the store has them at the very end
 */
export function account(heard: ReadonlyMap<string, JobRecord>, kept: readonly JobRecord[], journal: readonly JournalLine[]): Account {
  const atEnd = new Map(kept.map((job) => [job.id, job]))
  const started = new Set<string>()
  const finished = new Map<string, string | undefined>()
  for (const { what, job, token, digest } of journal) {
    if (what === 'started') started.add(`${job} ${token}`)
    else finished.set(`${job} ${token}`, digest)
  }
  const ends = [...heard].map(([id, first]) => ({ first, last: atEnd.get(id) }))
  const sound = ends.filter(({ last }) => last?.state === 'succeeded') as { first: JobRecord, last: JobRecord }[]
  return {
    jobs: heard.size,
    lost: heard.size - sound.length,
    acceptedTwice: sound.filter(({ first, last }) => !sameEnd(first, last)).length,
    unwitnessed: sound.filter(({ last }) => finished.get(`${last.id} ${last.token}`) !== digestOf(encode(last.result))).length,
    // Every charged attempt was begun once; what was begun beyond that was begun again.
    runAgain: started.size - sum(kept.map(({ attempt }) => attempt)),
    finishedAgain: finished.size - sound.length,
    deliveries: sum(kept.map(({ token }) => token))
  }
}

/** A second acceptance would leave another token, another time, or another result. */
function sameEnd(first: JobRecord, last: JobRecord): boolean {
  return first.state === last.state
    && first.token === last.token
    && first.finishedAt === last.finishedAt
    && digestOf(encode(first.result)) === digestOf(encode(last.result))
}
