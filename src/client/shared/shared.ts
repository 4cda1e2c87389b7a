import type { Backend } from '../../backends/backend.ts'
import type { Clock } from '../../kernel/clock.ts'
import { count } from '../../kernel/count.ts'
import { type Deadline, left } from '../../kernel/deadline.ts'
import { ClosedError } from '../../kernel/errors.ts'
import { idMaker } from '../../kernel/id.ts'
import { Service } from '../../kernel/service.ts'
import { Desk, checkSharedName } from './desk.ts'
import { Session } from './session.ts'
import { StoreQueue, type StoreQueueOptions } from './store-queue.ts'
import { StoreSemaphore } from './store-semaphore.ts'
import { StoreCounter, StoreEvent, StoreValue } from './store-values.ts'

interface SharedParts {
  readonly backend: Backend
  /** Whether closing this closes the backend. */
  readonly owned: boolean
  readonly clock: Clock
  readonly lease: number
  readonly payloadLimit: number
}

/** What `connectShared` gives: locks, semaphores, queues, counters, values and events, by name, that all who connect to the same store share. */
export class Shared extends Service {
  readonly #parts: SharedParts
  readonly #nextId: () => string
  readonly #desk: Desk
  #session: Session | undefined

  constructor(parts: SharedParts) {
    super(parts.clock)
    this.#parts = parts
    this.#nextId = idMaker(parts.clock)
    this.#desk = new Desk(() => this.#current(), parts.payloadLimit)
  }

  /**
   * One at a time, on all machines; the others wait, first come first served. It is not re-entrant.
   *
   * @throws InvalidOptionError
   *
   * @example
   * await using shared = await connectShared('memory:')
   * await shared.lock('report').run(() => 42)   // 42
   */
  lock(name: string): StoreSemaphore {
    checkSharedName(name)
    return new StoreSemaphore(this.#desk, 'lock', name, 1)
  }

  /**
   * So many may hold it at the same time, on all machines. Where others gave another limit, the newest counts: from the first `acquire` of what this
   * gives, until somebody opens it with another one. Where it was lowered, those who hold it go on.
   *
   * @throws InvalidOptionError
   *
   * @example
   * await using shared = await connectShared('memory:')
   * using permit = await shared.semaphore('licences', 3).acquire()
   */
  semaphore(name: string, limit: number): StoreSemaphore {
    checkSharedName(name)
    return new StoreSemaphore(this.#desk, 'semaphore', name, count('A semaphore', limit))
  }

  /**
   * Items from machine to machine, first in first out. Where others gave other bounds, the newest count, as with `semaphore`.
   *
   * @throws InvalidOptionError
   *
   * @example
   * await using shared = await connectShared('memory:')
   * const queue = shared.queue<string>('pages', { maxSize: 100 })
   * await queue.put('a')
   * await queue.get()   // 'a'
   */
  queue<T>(name: string, options?: StoreQueueOptions): StoreQueue<T> {
    checkSharedName(name)
    return new StoreQueue(this.#desk, name, options)
  }

  /**
   * A whole number.
   *
   * @throws InvalidOptionError
   *
   * @example
   * await using shared = await connectShared('memory:')
   * const hits = shared.counter('hits')
   * await hits.add(2)   // 0
   * await hits.get()    // 2
   */
  counter(name: string): StoreCounter {
    checkSharedName(name)
    return new StoreCounter(this.#desk, name)
  }

  /**
   * A value, replaced as a whole.
   *
   * @param initial what is read where there is none
   * @throws InvalidOptionError
   *
   * @example
   * await using shared = await connectShared('memory:')
   * const seen = shared.value('seen', new Set<string>())
   * await seen.update((all) => all.add('a'))   // Set(1) { 'a' }
   */
  value<T>(name: string): StoreValue<T | undefined>
  value<T>(name: string, initial: T): StoreValue<T>
  value<T>(name: string, initial?: T): StoreValue<T | undefined> {
    checkSharedName(name)
    return new StoreValue<T | undefined>(this.#desk, name, initial)
  }

  /**
   * Something that happens once.
   *
   * @throws InvalidOptionError
   *
   * @example
   * await using shared = await connectShared('memory:')
   * const ready = shared.event('ready')
   * await ready.set()
   * await ready.wait()
   */
  event(name: string): StoreEvent {
    checkSharedName(name)
    return new StoreEvent(this.#desk, name)
  }

  protected onStart(): void {}

  /** What is held is given back at once; what waits ends with a ClosedError. */
  protected async onClose(deadline: Deadline): Promise<void> {
    const done = async (): Promise<void> => {
      await this.#session?.leave(new ClosedError('The connection to what is shared'))
      if (this.#parts.owned) await this.#parts.backend.close()
    }
    const late = new AbortController()
    await Promise.race([done(), this.clock.sleep(left(deadline, this.clock.elapsed()), late.signal)])
    late.abort()
  }

  #current(): Session {
    const closed = new ClosedError('The connection to what is shared')
    if (this.closing) throw closed
    if (this.#session?.isOver === false) return this.#session
    this.#session?.lose(closed)
    const { backend, clock, lease } = this.#parts
    return this.#session = new Session({ id: this.#nextId(), store: backend, clock, lease })
  }
}
