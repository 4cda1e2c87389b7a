import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { type HoldScope, holdFromHere } from './context.ts'

const all: readonly HoldScope[] = ['task', 'key', 'queue']

/**
 * Says from inside a task that everybody is to go slower: of the task, in its queue, no job is reserved on any worker until the time has passed, or longer where that was said before.
 * Whoever runs goes on; so that the call itself comes back then, throw `retry`. What a worker had in its hands before is still run. For jobs: in what `run` calls it does nothing.
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
  /**
   * @param duration from now, up to 1,000 years
   * @param what is held back: the jobs of its task, of its key (nothing where it has none), or all of its queue. Default: `'task'`
   */
  after(duration: Duration, what?: HoldScope): void
} = {
  after(duration, what = 'task') {
    if (!all.includes(what)) throw new InvalidOptionError('limit.after()', what, `one of: ${all.join(', ')}`)
    holdFromHere(what, waitable(milliseconds(duration, 'after'), 'after'))
  }
}
