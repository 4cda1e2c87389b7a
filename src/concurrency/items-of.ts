import { QueueShutDownError } from '../kernel/errors.ts'
import { leavable } from './leavable.ts'
import type { QueueLike } from './queue.ts'

/** The items of a queue until it is shut down and empty. Each counts as done when the next is asked for, or the loop is left. */
export function itemsOf<T>(queue: Pick<QueueLike<T>, 'get' | 'taskDone'>): AsyncGenerator<T, void, undefined> {
  return leavable(async function* (exit) {
    const leaving = new AbortController()
    // Nothing is taken for one who has left.
    exit.heard = () => leaving.abort()
    for (;;) {
      let item: T
      try {
        item = await queue.get({ signal: leaving.signal })
      } catch (error) {
        if (exit.left || error instanceof QueueShutDownError) return
        throw error
      }
      try {
        yield item
      } finally {
        queue.taskDone()
      }
    }
  })
}
