import { Heap } from './heap.ts'
import { Queue, type QueueOptions, type Shelf } from './queue.ts'

export interface PriorityQueueOptions<T> extends QueueOptions<T> {
  /** Below 0 where the first is to come out first; those that are alike come out in the order in which they were put. Default: the smaller first. */
  compare?: (a: T, b: T) => number
}

/**
 * The smallest first, or what `compare` says; those that are alike in the order in which they were put.
 *
 * @example
 * const queue = new PriorityQueue<number>()
 * for (const item of [3, 1, 2]) queue.putNow(item)
 * queue.getNow()   // 1
 */
export class PriorityQueue<T> extends Queue<T> {
  /** What `compare` throws of an item is thrown where that is put. @throws InvalidOptionError */
  constructor(options: PriorityQueueOptions<T> = {}) {
    super(options)
  }

  protected override optionNames(): Record<keyof PriorityQueueOptions<T>, true> {
    return { ...super.optionNames(), compare: true }
  }

  protected override shelf({ compare = smallerFirst }: PriorityQueueOptions<T>): Shelf<T> {
    let puts = 0
    const order = (a: T, b: T): number => {
      try {
        return compare(a, b)
      } catch {
        // Whoever put either has gone on, and nobody else is to suffer from it.
        return 0
      }
    }
    const heap = new Heap<{ readonly item: T, readonly put: number }>((a, b) => (order(a.item, b.item) || a.put - b.put) < 0)
    let size = 0
    let putBacks = 0
    const add = (item: T, put: number): void => {
      heap.push({ item, put })
      size++
    }
    return {
      get size() { return size },
      check(item) {
        compare(item, item)
        const first = heap.peek()
        if (first) compare(item, first.item)
      },
      push: (item) => add(item, puts++),
      putBack: (taken) => { for (const item of taken.toReversed()) add(item, --putBacks) },
      shift: () => {
        const first = heap.pop()
        if (first) size--
        return first?.item
      }
    }
  }
}

function smallerFirst(a: unknown, b: unknown): number {
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0
}
