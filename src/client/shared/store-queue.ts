import type { SharedBounds, SharedOutcome } from '../../backends/shared-store.ts'
import { itemsOf } from '../../concurrency/items-of.ts'
import type { QueueLike } from '../../concurrency/queue.ts'
import type { WaitOptions } from '../../concurrency/suspend.ts'
import { byteCount, count } from '../../kernel/count.ts'
import { BackendError, InvalidOptionError, QueueEmptyError, QueueFullError, QueueShutDownError } from '../../kernel/errors.ts'
import { checkOptions } from '../../kernel/options.ts'
import { decode } from '../../wire/codec.ts'
import type { Desk } from './desk.ts'
import { LeasedItem } from './leased.ts'
import type { Granted } from './session.ts'

export interface StoreQueueOptions {
  /** How many items it holds; who puts more waits. Default: any number. */
  maxSize?: number
  /** How many bytes of items it holds, as they are kept. Default: any number. */
  maxBytes?: number
}

export interface StoreQueueStatistics {
  readonly size: number
  readonly bytes: number
  readonly putting: number
  readonly getting: number
  /** Taken, and neither done nor put back. */
  readonly taken: number
  /** Put, and not done yet. */
  readonly unfinished: number
}

const queueOptions = { maxSize: true, maxBytes: true } as const

/** The largest number that is exact stands for any. */
const any = Number.MAX_SAFE_INTEGER

/**
 * A queue that machines share, first in first out: it lives in the store, and outlives all its users. `take` and `for await` lease an item until it is done:
 * where its taker ends before, the next gets it, before all others. `get` gives it away for good.
 */
export class StoreQueue<T> implements QueueLike<T> {
  readonly #desk: Desk
  readonly #name: string
  readonly #bounds: SharedBounds
  #opens = true

  /** Use `Shared.queue`. */
  constructor(desk: Desk, name: string, options: StoreQueueOptions = {}) {
    const { maxSize = Infinity, maxBytes = Infinity } = checkOptions(`The queue '${name}'`, options, queueOptions)
    this.#desk = desk
    this.#name = name
    this.#bounds = { maxSize: maxSize === Infinity ? any : count('maxSize', maxSize), maxBytes: Math.min(any, Math.ceil(byteCount('maxBytes', maxBytes))) }
  }

  /**
   * Resolves when the store has it. One who gives up hears first whether it was put.
   *
   * @throws as `QueueLike.put`; UncloneableError, SharedTooLargeError; LeaseLostError or BackendError, where it may have been put; ClosedError
   */
  async put(item: T, options?: WaitOptions): Promise<void> {
    await this.#put(item, true, options)
  }

  /** @throws QueueFullError, and what `put` throws */
  async putNow(item: T): Promise<void> {
    if ((await this.#put(item, false, undefined)).is === 'refused') throw new QueueFullError()
  }

  /** The item is this program's from now on, and no longer in the store: where it must not be lost with the program, `take` it. @throws as `QueueLike.get`; LeaseLostError, BackendError, ClosedError */
  async get(options?: WaitOptions): Promise<T> {
    return this.#own(await this.#take(true, options))
  }

  /** @throws QueueEmptyError, QueueShutDownError; LeaseLostError, BackendError, ClosedError */
  async getNow(): Promise<T> {
    return this.#own(await this.#take(false, undefined))
  }

  /** Takes an item by a lease, until it is `done`. @throws as `get` */
  take(options?: WaitOptions): Promise<LeasedItem<T>> {
    return this.#take(true, options).then((granted) => this.#leased(granted))
  }

  /** What was got has been worked on: `join` counts. @throws InvalidOptionError where it is said more often than was put; BackendError, ClosedError */
  async taskDone(): Promise<void> {
    const { is } = await this.#desk.ask({ does: 'finish', name: this.#name })
    if (is === 'refused') throw new InvalidOptionError('taskDone()', 'one call more', 'no more calls than items were put')
  }

  async join(options?: WaitOptions): Promise<void> {
    await this.#desk.wait(`The end of what is in the queue '${this.#name}'`, (ticket) => ({ does: 'wait', kind: 'queue', name: this.#name, ticket }), options)
  }

  /** For good, and for all machines. @throws BackendError, ClosedError */
  async shutdown({ immediate = false }: { immediate?: boolean } = {}): Promise<void> {
    await this.#desk.ask({ does: 'shutdown', name: this.#name, immediate })
  }

  /** @throws BackendError, ClosedError */
  async statistics(): Promise<StoreQueueStatistics> {
    const { held, ...statistics } = (await this.#desk.ask({ does: 'statistics', kind: 'queue', name: this.#name })).statistics!
    return { ...statistics, taken: held }
  }

  /** Takes its items until it is shut down and empty. Each is done when the next is asked for, or the loop is left; until then, the next gets it where this program ends. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let granted: Granted
    return itemsOf<T>({
      next: async (signal) => {
        granted = await this.#take(true, { signal })
        return this.#leased(granted).value
      },
      putBack: () => granted.hold!.giveBack(),
      taskDone: () => granted.hold!.keepSoon(true)
    })
  }

  async #put(item: T, waits: boolean, options: WaitOptions | undefined): Promise<SharedOutcome> {
    const bytes = this.#desk.bytesOf(item, `An item of the queue '${this.#name}'`)
    const { maxBytes } = this.#bounds
    if (bytes.length > maxBytes) throw new InvalidOptionError('An item', `one of ${bytes.length} bytes`, `no more bytes than the queue's maxBytes, ${maxBytes}`)
    const { outcome } = await this.#opened((opens) => this.#desk.wait(`Room in the queue '${this.#name}'`, (ticket) => (
      { does: 'put', name: this.#name, ticket, item: bytes, bounds: this.#bounds, opens, waits }
    ), options, false))
    if (outcome.is === 'shut') throw new QueueShutDownError()
    return outcome
  }

  async #take(waits: boolean, options: WaitOptions | undefined): Promise<Granted> {
    const granted = await this.#opened((opens) => this.#desk.wait(`An item of the queue '${this.#name}'`, (ticket) => (
      { does: 'get', name: this.#name, ticket, bounds: this.#bounds, opens, waits }
    ), options))
    if (granted.hold) return granted
    throw granted.outcome.is === 'shut' ? new QueueShutDownError() : new QueueEmptyError()
  }

  async #own(granted: Granted): Promise<T> {
    const { value } = this.#leased(granted)
    try {
      await granted.hold!.keep(false)
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
      // It may have been told, and then nobody else gets it.
      granted.hold!.keepSoon(false)
    }
    return value
  }

  #leased({ outcome, hold }: Granted): LeasedItem<T> {
    try {
      return new LeasedItem(hold!, decode(outcome.item!) as T)
    } catch (error) {
      hold!.giveBack()
      throw error
    }
  }

  async #opened<Result>(ask: (opens: boolean) => Promise<Result>): Promise<Result> {
    const opens = this.#opens
    this.#opens = false
    try {
      return await ask(opens)
    } catch (error) {
      if (opens) this.#opens = true
      throw error
    }
  }
}
