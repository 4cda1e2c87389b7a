import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { holdFromHere } from './context.ts'

/** What a call can hold back: the jobs of its task, of its key, or all of its queue. */
export type Held = 'task' | 'key' | 'queue'

const all: readonly Held[] = ['task', 'key', 'queue']

/**
 * Says from inside a task that everybody is to go slower: of the task, in its queue, no job is started on any worker until the time has passed. Whoever runs goes on; so that the
 * call itself comes back then, throw `retry`. For jobs: in what `run` calls it does nothing.
 *
 * @throws InvalidOptionError
 *
 * @example
 * export const ask = task({ name: 'ask' }, async (url: string) => {
 *   const answer = await fetch(url)
 *   if (answer.status !== 429) return answer.text()
 *   const after = Number(answer.headers.get('retry-after')) * 1_000
 *   limit.after(after)
 *   throw retry({ after })
 * })
 */
export const limit: {
  /** @param what of the call's jobs is held back. Default: `'task'` */
  after(duration: Duration, what?: Held): void
} = {
  after(duration, what = 'task') {
    if (!all.includes(what)) throw new InvalidOptionError('limit.after()', what, `one of: ${all.join(', ')}`)
    holdFromHere(what, waitable(milliseconds(duration, 'after'), 'after'))
  }
}
