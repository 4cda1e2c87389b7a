import type { SharedOutcome } from '../../backends/shared-store.ts'
import type { WaitOptions } from '../../concurrency/suspend.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { decode } from '../../wire/codec.ts'
import type { Desk } from './desk.ts'

/** A whole number that machines share; exact, up to 2^53 - 1. 0 where nobody has said otherwise. */
export class StoreCounter {
  readonly #desk: Desk
  readonly #name: string

  /** Use `Shared.counter`. */
  constructor(desk: Desk, name: string) {
    this.#desk = desk
    this.#name = name
  }

  /** @throws BackendError, ClosedError */
  get(): Promise<number> {
    return this.add(0)
  }

  /** @returns what it was before. @throws InvalidOptionError where the sum would not be exact; BackendError, ClosedError */
  async add(amount: number): Promise<number> {
    const { is, number } = await this.#desk.ask({ does: 'add', name: this.#name, amount: whole(amount) })
    if (is === 'refused') throw new InvalidOptionError(`The counter '${this.#name}'`, `${number} and ${amount}`, 'numbers up to 2^53 - 1')
    return number!
  }

  /** @returns what it was before. @throws InvalidOptionError, BackendError, ClosedError */
  async set(value: number): Promise<number> {
    return (await this.#desk.ask({ does: 'exchange', name: this.#name, number: whole(value), expected: null })).number!
  }

  /** Sets it where it is `expected` still. @returns what it was before: `expected` where it was set. @throws InvalidOptionError, BackendError, ClosedError */
  async compareExchange(expected: number, value: number): Promise<number> {
    return (await this.#desk.ask({ does: 'exchange', name: this.#name, number: whole(value), expected: whole(expected) })).number!
  }
}

export interface Versioned<T> {
  readonly value: T
  /** Rises with each change, for ever; 0 where there is no value. */
  readonly version: number
}

/** A value that machines share. */
export class StoreValue<T> {
  readonly #desk: Desk
  readonly #name: string
  readonly #initial: T

  /** Use `Shared.value`. */
  constructor(desk: Desk, name: string, initial: T) {
    this.#desk = desk
    this.#name = name
    this.#initial = initial
  }

  /** @throws BackendError, ClosedError */
  async get(): Promise<T> {
    return (await this.read()).value
  }

  /** @throws BackendError, ClosedError */
  async read(): Promise<Versioned<T>> {
    return this.#versioned(await this.#desk.ask({ does: 'read', name: this.#name }))
  }

  /** @returns its version now. @throws UncloneableError, SharedTooLargeError, BackendError, ClosedError */
  async set(value: T): Promise<number> {
    return (await this.#write(value, null)).number!
  }

  /** Sets it where its version is that still. @returns its version now; undefined where somebody else came first. @throws as `set` */
  async compareAndSet(version: number, value: T): Promise<number | undefined> {
    const { is, number } = await this.#write(value, whole(version))
    return is === 'done' ? number : undefined
  }

  /** Makes of it what `fn` says, which is asked again where somebody else came first. @returns what it made. @throws what `fn` throws; as `set` */
  async update(fn: (value: T) => T | Promise<T>): Promise<T> {
    for (let before = await this.read(); ;) {
      const made = await fn(before.value)
      const outcome = await this.#write(made, before.version)
      if (outcome.is === 'done') return made
      before = this.#versioned(outcome)
    }
  }

  /** There is none any more. @throws BackendError, ClosedError */
  async remove(): Promise<void> {
    await this.#desk.ask({ does: 'write', name: this.#name, item: null, expected: null })
  }

  async #write(value: T, expected: number | null): Promise<SharedOutcome> {
    return this.#desk.ask({ does: 'write', name: this.#name, item: this.#desk.bytesOf(value, `The value '${this.#name}'`), expected })
  }

  #versioned({ number, item }: SharedOutcome): Versioned<T> {
    return { value: item ? decode(item) as T : this.#initial, version: number! }
  }
}

/** Something that happens once for all machines; whoever waits for it goes on then. */
export class StoreEvent {
  readonly #desk: Desk
  readonly #name: string
  #isSet = false

  /** Use `Shared.event`. */
  constructor(desk: Desk, name: string) {
    this.#desk = desk
    this.#name = name
  }

  /** Whether it is set, as far as was heard here: by `set`, `wait` or `look`. */
  get isSet(): boolean {
    return this.#isSet
  }

  /** Asks whether it is set. @throws BackendError, ClosedError */
  async look(): Promise<boolean> {
    this.#isSet = (await this.#desk.ask({ does: 'statistics', kind: 'event', name: this.#name })).statistics!.size > 0
    return this.#isSet
  }

  /** @throws BackendError, ClosedError */
  async set(): Promise<void> {
    await this.#desk.ask({ does: 'set', name: this.#name, isSet: true })
    this.#isSet = true
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal; LeaseLostError, BackendError, ClosedError */
  async wait(options?: WaitOptions): Promise<void> {
    await this.#desk.wait(`The event '${this.#name}'`, (ticket) => ({ does: 'wait', kind: 'event', name: this.#name, ticket }), options)
    this.#isSet = true
  }

  /** Forgets that it is set: for one that nobody will ask for any more. Who asks all the same waits. @throws BackendError, ClosedError */
  async remove(): Promise<void> {
    await this.#desk.ask({ does: 'set', name: this.#name, isSet: false })
    this.#isSet = false
  }
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw new InvalidOptionError('A counter', value, 'a whole number, up to 2^53 - 1')
  return value + 0
}
