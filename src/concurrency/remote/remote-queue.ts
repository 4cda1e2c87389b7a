import type { Transferable } from 'node:worker_threads'
import type { Duration } from '../../kernel/duration.ts'
import { itemsOf } from '../items-of.ts'
import type { Queue, QueueLike } from '../queue.ts'
import type { WaitOptions } from '../suspend.ts'
import type { Link } from './link.ts'
import { RemoteEnd } from './remote-end.ts'
import { Delivery, type Servable } from './served-end.ts'

export interface RemotePutOptions extends WaitOptions {
  /** What of the item is moved instead of copied, such as the buffer of a typed array: here it is gone then. Between threads only. */
  transfer?: readonly Transferable[]
}

export function servableQueue(queue: Queue<unknown>): Servable {
  const delivery = (item: unknown): Delivery => new Delivery(item, () => queue.putBack([item]))
  return {
    asked: {
      put: (item, signal) => queue.offer(item) ? undefined : queue.put(item, { signal: signal() }),
      get: (_, signal) => queue.size > 0 ? delivery(queue.getNow()) : queue.get({ signal: signal() }).then(delivery),
      join: (_, signal) => queue.join({ signal: signal() })
    },
    told: {
      // Once too often is told where it was said.
      taskDone: () => { if (queue.statistics().unfinished > 0) queue.taskDone() },
      shutdown: (immediate) => queue.shutdown({ immediate: immediate as boolean })
    }
  }
}

/** A queue of another thread or process, as one of this one. */
export class RemoteQueue<T> implements QueueLike<T>, Disposable {
  readonly #end: RemoteEnd

  /** Use `connectQueue`. */
  constructor(link: Link) {
    this.#end = new RemoteEnd(link)
  }

  /** @throws as `QueueLike.put`; LinkLostError; a DataCloneError where the item is none that can be sent */
  put(item: T, options?: RemotePutOptions): Promise<void> {
    return this.#end.ask('put', item, 'Room in the queue', options, options?.transfer) as Promise<void>
  }

  /** @throws as `QueueLike.get`; LinkLostError */
  get(options?: WaitOptions): Promise<T> {
    return this.#end.ask('get', undefined, 'An item of the queue', options) as Promise<T>
  }

  /**
   * Takes an item, and waits while there is none with this thread asleep: for threads that compute, and not for processes. Not where the
   * queue's own thread waits for this one; and with a timeout where that thread may be killed, which a thread that sleeps cannot hear.
   *
   * @throws QueueShutDownError, DeadlineExceededError, LinkLostError; InvalidOptionError between processes
   */
  getSync({ timeout }: { timeout?: Duration } = {}): T {
    return this.#end.askSync('get', undefined, 'An item of the queue', timeout).value as T
  }

  /** Said more often than was put, it does nothing: the queue's own thread counts. */
  taskDone(): void {
    this.#end.tell('taskDone', undefined)
  }

  join(options?: WaitOptions): Promise<void> {
    return this.#end.ask('join', undefined, 'The end of what is in the queue', options) as Promise<void>
  }

  shutdown({ immediate = false }: { immediate?: boolean } = {}): void {
    this.#end.tell('shutdown', immediate)
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return itemsOf(this)
  }

  /** Nothing more is asked of it here; others go on. What waits here gets LinkLostError. */
  close(): void {
    this.#end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
