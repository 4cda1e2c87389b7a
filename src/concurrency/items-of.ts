import { QueueShutDownError } from '../kernel/errors.ts'
import { leavable } from './leavable.ts'

/** Where the items of a loop come from, one at a time. */
interface ItemSource<T> {
  /** Where `leaving` aborts, an item that comes all the same goes back. */
  next(leaving: AbortSignal): Promise<T>
  /** It is the loop's. */
  kept?(): void
  /** It came, and the loop was left before it took it. */
  putBack?(item: T): void
  taskDone(): void
}

/** The items of a queue until it is shut down and empty. Each counts as done when the next is asked for, or the loop is left. */
export function itemsOf<T>(source: ItemSource<T>): AsyncGenerator<T, void, undefined> {
  return leavable(async function* (exit) {
    const leaving = new AbortController()
    exit.heard = () => leaving.abort()
    for (;;) {
      let item: T
      try {
        item = await source.next(leaving.signal)
      } catch (error) {
        if (exit.left || error instanceof QueueShutDownError) return
        throw error
      }
      if (exit.left) return source.putBack?.(item)
      source.kept?.()
      try {
        yield item
      } finally {
        source.taskDone()
      }
    }
  })
}
