import { types } from 'node:util'
import type { Duration } from '../../kernel/duration.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { itemsOf } from '../items-of.ts'
import type { Queue, QueueLike } from '../queue.ts'
import type { WaitOptions } from '../suspend.ts'
import type { Link } from './link.ts'
import { RemoteEnd } from './remote-end.ts'
import { Delivery, type Servable } from './served-end.ts'

export interface RemotePutOptions extends WaitOptions {
  /**
   * The ArrayBuffers of the item that are moved instead of copied: here they are gone then. Between threads only. Nothing else is moved: what
   * was on its way to a thread that ended could not be put back.
   */
  transfer?: readonly ArrayBuffer[]
}

export function servableQueue(queue: Queue<unknown>): Servable {
  const delivery = (item: unknown): Delivery => new Delivery(item)
  return {
    asked: {
      put: (item, signal) => queue.offer(item) ? undefined : queue.put(item, { signal: signal() }),
      get: (_, signal) => queue.hasNext ? delivery(queue.sendNow()) : queue.send({ signal: signal() }).then(delivery),
      join: (_, signal) => queue.join({ signal: signal() })
    },
    told: {
      // Once too often is told where it was said.
      taskDone: () => { if (queue.statistics().unfinished > 0) queue.taskDone() },
      shutdown: (immediate) => queue.shutdown({ immediate: immediate as boolean })
    },
    deliveries: queue
  }
}

/** A queue of another thread or process, as one of this one. */
export class RemoteQueue<T> implements QueueLike<T>, Disposable {
  readonly #end: RemoteEnd

  /** Use `connectQueue`. */
  constructor(link: Link) {
    this.#end = new RemoteEnd(link)
  }

  /**
   * The item arrives as it is now. One who gives up hears so from the queue's own thread: while that computes, nobody knows whether it was put.
   *
   * @throws as `QueueLike.put`; LinkLostError; a DataCloneError where the item is none that can be sent
   */
  put(item: T, options?: RemotePutOptions): Promise<void> {
    const transfer = options?.transfer
    if (transfer && !transfer.every((part) => types.isArrayBuffer(part))) {
      return Promise.reject(new InvalidOptionError('transfer', transfer, 'ArrayBuffers only, since nothing else could be put back from a thread that ends'))
    }
    return this.#end.ask('put', item, 'Room in the queue', options, transfer) as Promise<void>
  }

  /** One who gives up waits no longer than a second for the queue's own thread: an item that it gave all the same is put back. @throws as `QueueLike.get`; LinkLostError */
  get(options?: WaitOptions): Promise<T> {
    return this.#end.take('get', 'An item of the queue', options) as Promise<T>
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

  /** Said more often than was put, it does nothing: the queue's own thread counts. Nor does it once the line is lost. */
  taskDone(): void {
    if (!this.#end.isLost) this.#end.tell('taskDone', undefined)
  }

  join(options?: WaitOptions): Promise<void> {
    return this.#end.take('join', 'The end of what is in the queue', options) as Promise<void>
  }

  /** @throws LinkLostError */
  shutdown({ immediate = false }: { immediate?: boolean } = {}): void {
    this.#end.tell('shutdown', immediate)
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let id = 0
    return itemsOf<T>({
      next: async (leaving) => {
        const call = this.#end.takeInHand('get', 'An item of the queue', leaving)
        id = call.id
        return await call.promise as T
      },
      kept: () => this.#end.keep(id),
      putBack: () => this.#end.giveBack(id),
      taskDone: () => this.taskDone()
    })
  }

  /** Nothing more is asked of it here; others go on. What waits here gets LinkLostError. */
  close(): void {
    this.#end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
