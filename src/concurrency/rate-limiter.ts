import type { Clock, Timer } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { InvalidOptionError, WouldBlockError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { currentClock, currentScope } from './cancel-scope.ts'
import type { WaitOptions } from './suspend.ts'
import { Fifo } from './fifo.ts'
import { suspend } from './suspend.ts'

export interface RateLimiterOptions {
  /** How much in one period. */
  limit: number
  /** The period. Default: `'1s'`. */
  per?: Duration
  /** How much at once, after a rest. Default: `limit`, and 1 at least. */
  burst?: number
  /** Default: that of the scope in which it is made. */
  clock?: Clock
}

const rateOptions = { limit: true, per: true, burst: true, clock: true } as const

interface Asking {
  readonly cost: number
  readonly grant: () => void
  gone: boolean
}

/**
 * So much in a time: a bucket that holds `burst` tokens, and fills again evenly. First come first served; whoever gives up while it waits has
 * taken nothing.
 *
 * The token bucket of J. Turner, "New directions in communications (or which way to the information age?)", 1986.
 *
 * @example
 * const limiter = new RateLimiter({ limit: 100, per: '1s' })
 * await limiter.acquire()
 * await limiter.acquire(5)   // undefined
 */
export class RateLimiter {
  readonly #clock: Clock
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledAt: number | undefined
  readonly #asking = new Fifo<Asking>()
  #waiting = 0
  #timer: Timer | undefined

  /** @throws InvalidOptionError */
  constructor(options: RateLimiterOptions) {
    const { limit, per = '1s', burst = Math.max(1, limit), clock = currentClock() } = checkOptions('new RateLimiter()', options, rateOptions)
    for (const [name, value] of Object.entries({ limit, burst })) {
      if (typeof value !== 'number' || !(value > 0) || value === Infinity) throw new InvalidOptionError(name, value, 'a number, more than 0')
    }
    const ms = milliseconds(per, 'per')
    if (ms === 0) throw new InvalidOptionError('per', per, 'more than 0')
    this.#clock = clock
    this.#perMs = limit / ms
    this.#burst = burst
    this.#tokens = burst
  }

  /**
   * Waits until it may be done.
   *
   * @param cost how much of the limit it takes
   * @throws CancelledError, DeadlineExceededError, the reason of the signal; InvalidOptionError where the cost is more than the burst: it could never be
   */
  async acquire(cost = 1, options: WaitOptions = {}): Promise<void> {
    this.#checkCost(cost)
    currentScope()?.throwIfCancelled()
    options.signal?.throwIfAborted()
    if (this.#waiting === 0 && this.#take(cost)) return
    await suspend<void>('The rate limiter', options, (resume) => {
      const asking: Asking = { cost, grant: () => resume(), gone: false }
      this.#asking.push(asking)
      this.#waiting++
      this.#serve()
      return () => {
        asking.gone = true
        this.#waiting--
        this.#asking.sweep(this.#waiting, ({ gone }) => !gone)
        this.#serve()
      }
    })
  }

  /** @throws WouldBlockError where it would have to wait; InvalidOptionError */
  acquireNow(cost = 1): void {
    this.#checkCost(cost)
    if (this.#waiting > 0 || !this.#take(cost)) throw new WouldBlockError('So much of the rate')
  }

  statistics(): { readonly tokens: number, readonly waiting: number } {
    this.#fill()
    return { tokens: this.#tokens, waiting: this.#waiting }
  }

  #serve(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    for (let first = this.#asking.peek(); first; first = this.#asking.peek()) {
      if (!first.gone) {
        if (!this.#take(first.cost)) {
          this.#timer = this.#clock.after((first.cost - this.#tokens) / this.#perMs, () => this.#serve())
          return
        }
        this.#waiting--
        first.grant()
      }
      this.#asking.shift()
    }
  }

  #take(cost: number): boolean {
    this.#fill()
    // What rounding loses of a token must not make the timer fire twice.
    if (this.#tokens + 1e-9 < cost) return false
    this.#tokens = Math.max(0, this.#tokens - cost)
    return true
  }

  #fill(): void {
    const now = this.#clock.elapsed()
    if (this.#filledAt !== undefined) this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs)
    this.#filledAt = now
  }

  #checkCost(cost: number): void {
    if (typeof cost !== 'number' || !(cost > 0) || cost > this.#burst) throw new InvalidOptionError('cost', cost, `more than 0, and no more than the burst, ${this.#burst}`)
  }
}
