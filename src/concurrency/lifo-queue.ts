import { Queue, type Shelf } from './queue.ts'

/**
 * Last in, first out.
 *
 * @example
 * const queue = new LifoQueue<number>()
 * queue.putNow(1)
 * queue.putNow(2)
 * queue.getNow()   // 2
 */
export class LifoQueue<T> extends Queue<T> {
  protected override shelf(): Shelf<T> {
    const items: T[] = []
    return {
      get size() { return items.length },
      push: (item) => void items.push(item),
      putBack: (taken) => { for (const item of taken.toReversed()) items.push(item) },
      shift: () => items.pop()
    }
  }
}
