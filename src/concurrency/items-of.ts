import { QueueShutDownError } from '../kernel/errors.ts'
import type { QueueLike } from './queue.ts'

/** The items of a queue until it is shut down and empty. Each counts as done when the next is asked for, or the loop is left. */
export async function* itemsOf<T>(queue: Pick<QueueLike<T>, 'get' | 'taskDone'>): AsyncGenerator<T, void, undefined> {
  for (;;) {
    let item: T
    try {
      item = await queue.get()
    } catch (error) {
      if (error instanceof QueueShutDownError) return
      throw error
    }
    try {
      yield item
    } finally {
      queue.taskDone()
    }
  }
}
