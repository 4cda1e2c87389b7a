import { InvalidOptionError, BorrowerError, WouldBlockError } from '../kernel/errors.ts'
import { currentScope } from './cancel-scope.ts'
import { Permit } from './permit.ts'
import type { WaitOptions } from './suspend.ts'
import { WaitList } from './wait-list.ts'

export interface BorrowOptions extends WaitOptions {
  /** Who holds the place: each borrower has one at most. Default: somebody who is nobody else. */
  borrower?: unknown
}

export interface LimiterStatistics {
  /** How many may run at the same time. */
  readonly total: number
  readonly borrowed: number
  readonly waiting: number
  readonly borrowers: readonly unknown[]
}

/**
 * So many run at the same time; the others wait, first come first served. Each place has a borrower, who has one at most, and the number of
 * places may be changed while they are in use: then those who hold one keep it. As `trio.CapacityLimiter`, and `p-limit`.
 *
 * @example
 * const limiter = new CapacityLimiter(10)
 * await limiter.run(() => 42)   // 42
 * limiter.total = 2
 * limiter.statistics().borrowed   // 0
 */
export class CapacityLimiter {
  #total: number
  #anonymous = 0
  readonly #borrowers = new Set<unknown>()
  /** Who waits for a place under a name. */
  readonly #asking = new Set<unknown>()
  readonly #waiting = new WaitList('A place of the limiter')
  readonly #giveBackOne = (): void => this.#giveBack(undefined)

  /** @param total how many may run at the same time; `Infinity` for all. @throws InvalidOptionError */
  constructor(total: number) {
    this.#total = checkTotal(total)
  }

  get total(): number {
    return this.#total
  }

  /** Fewer: those who hold a place keep it, and nobody gets one until there are fewer. More: those who wait get them. */
  set total(total: number) {
    this.#total = checkTotal(total)
    this.#serve()
  }

  get borrowed(): number {
    return this.#anonymous + this.#borrowers.size
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal; BorrowerError */
  async acquire(options: BorrowOptions = {}): Promise<Permit> {
    const { borrower } = options
    await this.#take(options, borrower)
    return this.#permit(borrower)
  }

  /** @throws WouldBlockError where it would have to wait; BorrowerError */
  acquireNow({ borrower }: Pick<BorrowOptions, 'borrower'> = {}): Permit {
    this.#checkBorrower(borrower)
    if (!this.#isFree()) throw new WouldBlockError('A place of the limiter')
    this.#lend(borrower)
    return this.#permit(borrower)
  }

  /** Has a place while `fn` runs. */
  run<T>(fn: () => T, options?: BorrowOptions): Promise<Awaited<T>> {
    const isInLine = options?.borrower === undefined && !this.#isFree()
    return isInLine ? this.#waiting.run(fn, this.#giveBackOne, options) : this.#runHere(fn, options)
  }

  async #runHere<T>(fn: () => T, options: BorrowOptions | undefined): Promise<Awaited<T>> {
    const borrower = options?.borrower
    const wait = this.#take(options, borrower)
    if (wait) await wait
    try {
      return await fn()
    } finally {
      this.#giveBack(borrower)
    }
  }

  statistics(): LimiterStatistics {
    return { total: this.#total, borrowed: this.borrowed, waiting: this.#waiting.size, borrowers: [...this.#borrowers] }
  }

  #isFree(): boolean {
    return this.borrowed < this.#total && this.#waiting.size === 0
  }

  #take(options: WaitOptions | undefined, borrower: unknown): Promise<void> | undefined {
    this.#checkBorrower(borrower)
    if (!this.#isFree()) {
      // Whoever is woken has the place already: nobody comes between.
      if (borrower === undefined) return this.#waiting.wait(options)
      this.#asking.add(borrower)
      return this.#waiting.wait(options, { left: () => this.#asking.delete(borrower) }).then(() => {
        this.#asking.delete(borrower)
        this.#anonymous--
        this.#borrowers.add(borrower)
      })
    }
    currentScope()?.throwIfCancelled()
    options?.signal?.throwIfAborted()
    this.#lend(borrower)
    return undefined
  }

  #lend(borrower: unknown): void {
    if (borrower === undefined) this.#anonymous++
    else this.#borrowers.add(borrower)
  }

  #permit(borrower: unknown): Permit {
    return new Permit(() => this.#giveBack(borrower))
  }

  #giveBack(borrower: unknown): void {
    if (borrower === undefined) this.#anonymous--
    else this.#borrowers.delete(borrower)
    this.#serve()
  }

  #serve(): void {
    while (this.borrowed < this.#total && this.#waiting.size > 0) {
      this.#anonymous++
      this.#waiting.wakeFirst()
    }
  }

  #checkBorrower(borrower: unknown): void {
    if (borrower !== undefined && (this.#borrowers.has(borrower) || this.#asking.has(borrower))) throw new BorrowerError()
  }
}

function checkTotal(total: number): number {
  if (total !== Infinity && (!Number.isInteger(total) || total < 1)) throw new InvalidOptionError('A limiter', total, 'a whole number, 1 or more, or Infinity')
  return total
}
