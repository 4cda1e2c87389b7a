import { CancelScope } from '../../concurrency/cancel-scope.ts'
import type { WaitOptions } from '../../concurrency/suspend.ts'
import { WouldBlockError } from '../../kernel/errors.ts'
import type { Desk } from './desk.ts'
import type { Hold } from './hold.ts'
import { LeasedPermit } from './leased.ts'

/**
 * A lock or semaphore that machines share. Where a client ends, by whatever cause, what it held comes free: at once where it closed, otherwise
 * when its lease has run out. It may have been half-way then; so may one that was stopped for longer than its lease, and goes on not knowing: that is what
 * `fence` is for.
 */
export class StoreSemaphore {
  readonly #desk: Desk
  readonly #kind: 'lock' | 'semaphore'
  readonly #name: string
  readonly #limit: number
  #opens = true

  /** Use `Shared.lock` or `Shared.semaphore`. */
  constructor(desk: Desk, kind: 'lock' | 'semaphore', name: string, limit: number) {
    this.#desk = desk
    this.#kind = kind
    this.#name = name
    this.#limit = limit
  }

  /** First come, first served, across all machines. @throws CancelledError, DeadlineExceededError, the reason of the signal; LeaseLostError, BackendError, ClosedError */
  async acquire(options?: WaitOptions): Promise<LeasedPermit> {
    return new LeasedPermit((await this.#ask(true, options))!)
  }

  /** @throws WouldBlockError where it would have to wait; BackendError, ClosedError */
  async acquireNow(): Promise<LeasedPermit> {
    const hold = await this.#ask(false, undefined)
    if (!hold) throw new WouldBlockError(`The ${this.#kind} '${this.#name}'`)
    return new LeasedPermit(hold)
  }

  /**
   * Holds it while `fn` runs. Where the lease is lost meanwhile, whatever `fn` awaits inside is cancelled, as by the cancel of a scope.
   *
   * @throws what `fn` throws; LeaseLostError where the lease was lost before `fn` had ended; what `acquire` throws
   */
  async run<T>(fn: (permit: LeasedPermit) => T, options?: WaitOptions): Promise<Awaited<T>> {
    using permit = await this.acquire(options)
    const result = await new CancelScope({ signal: permit.signal }).run(() => fn(permit))
    permit.signal.throwIfAborted()
    return result as Awaited<T>
  }

  /** @throws BackendError, ClosedError */
  async statistics(): Promise<{ readonly held: number, readonly waiting: number }> {
    const { statistics } = await this.#desk.ask({ does: 'statistics', kind: this.#kind, name: this.#name })
    return { held: statistics!.held, waiting: statistics!.getting }
  }

  async #ask(waits: boolean, options: WaitOptions | undefined): Promise<Hold | undefined> {
    const opens = this.#opens
    this.#opens = false
    try {
      const step = { does: 'acquire', kind: this.#kind, name: this.#name, limit: this.#limit, opens, waits } as const
      return (await this.#desk.wait(`The ${this.#kind} '${this.#name}'`, (ticket) => ({ ...step, ticket }), options)).hold
    } catch (error) {
      if (opens) this.#opens = true
      throw error
    }
  }
}
