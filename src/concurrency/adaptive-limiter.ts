import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { CapacityLimiter, type LimiterStatistics } from './capacity-limiter.ts'
import { cancellerOf } from './cancellation.ts'
import { currentClock } from './cancel-scope.ts'
import type { WaitOptions } from './suspend.ts'

export interface AdaptiveLimiterOptions {
  /** Where it begins. Default: 10. */
  initial?: number
  /** Never fewer at the same time. Default: 1. */
  min?: number
  /** Never more at the same time. Default: 1,000. */
  max?: number
}

const adaptiveOptions = { initial: true, min: true, max: true } as const

/** How much longer a call may take than it does where there is room, before the other side counts as full. */
const tolerance = 1.5
/** How far the limit moves towards what a window suggests. */
const smoothing = 0.2
/** What remains of the limit after an error. */
const backOff = 0.9
/** After so many windows half the limit is tried: only so is it seen how long calls take where there is room, and whether as much is done with less. */
const windowsToProbe = 50
/** What counts as as much. */
const asMuch = 0.9
/** A window is no shorter than so many calls. */
const shortestWindow = 10

/**
 * A limiter that finds by itself how many calls at the same time are best: as long as calls take no longer than where there is room it lets more
 * through; where they take longer the other side has begun to queue, and it lets fewer through; after an error fewer at once. For IO; what
 * computes is best limited to as many as cores.
 *
 * The gradient of Netflix's concurrency-limits (2018), which goes back to TCP Vegas (Brakmo, Peterson, 1995); AIMD's multiplicative decrease on
 * errors; and, against a yardstick that has grown with the queue, a probe as in BBR (Cardwell and others, 2016): now and then half of it is
 * tried, and kept where as much is done.
 *
 * @example
 * const limiter = new AdaptiveLimiter()
 * await limiter.run(() => fetch(url))
 * limiter.limit > 0   // true
 */
export class AdaptiveLimiter {
  readonly #limiter: CapacityLimiter
  readonly #min: number
  readonly #max: number
  #limit: number
  /** How long a call takes where there is room, in milliseconds. */
  #roomy = Infinity
  #windows = 0
  /** What was done in a millisecond before the probe that is under way. */
  #before: number | undefined
  /** So many calls began under another limit: they say nothing about this one. */
  #stale: number
  // Of the window:
  #ended = 0
  #took = 0
  #mostBusy = 0
  #failed = false

  /** @throws InvalidOptionError */
  constructor(options: AdaptiveLimiterOptions = {}) {
    const { min = 1, max = 1_000, initial = Math.min(max, Math.max(min, 10)) } = checkOptions('new AdaptiveLimiter()', options, adaptiveOptions)
    for (const [name, value] of Object.entries({ min, max, initial })) {
      if (!Number.isInteger(value) || value < 1) throw new InvalidOptionError(name, value, 'a whole number, 1 or more')
    }
    if (min > max || initial < min || initial > max) throw new InvalidOptionError('initial', initial, `a number from min, ${min}, to max, ${max}`)
    this.#min = min
    this.#max = max
    this.#limit = initial
    this.#limiter = new CapacityLimiter(initial)
    // The first of them met nobody.
    this.#stale = initial
  }

  /** How many may run at the same time now. */
  get limit(): number {
    return this.#limiter.total
  }

  /**
   * Has a place while `fn` runs, and learns from how that ends. A cancellation says nothing of the other side.
   *
   * @throws what `fn` throws; CancelledError, DeadlineExceededError, the reason of the signal
   */
  async run<T>(fn: () => T, options?: WaitOptions): Promise<Awaited<T>> {
    using _place = await this.#limiter.acquire(options)
    this.#mostBusy = Math.max(this.#mostBusy, this.#limiter.borrowed)
    const clock = currentClock()
    const began = clock.elapsed()
    try {
      const result = await fn()
      this.#learn(clock.elapsed() - began, false)
      return result
    } catch (error) {
      if (!cancellerOf(error)) this.#learn(clock.elapsed() - began, true)
      throw error
    }
  }

  statistics(): LimiterStatistics & { readonly roomyMs: number } {
    return { ...this.#limiter.statistics(), roomyMs: this.#roomy }
  }

  #learn(ms: number, failed: boolean): void {
    this.#failed ||= failed
    if (this.#stale-- > 0) return
    this.#ended++
    this.#took += ms
    if (this.#ended < Math.max(shortestWindow, this.#limiter.total)) return
    const [mean, busy, failures] = [this.#took / this.#ended, this.#mostBusy, this.#failed]
    this.#ended = this.#took = this.#mostBusy = 0
    this.#failed = false
    if (failures) return this.#failedWindow()
    // What was not used up says nothing about more.
    if (busy * 2 >= this.#limiter.total) this.#endWindow(mean)
  }

  #failedWindow(): void {
    this.#before = undefined
    this.#allow(this.#limit *= backOff)
  }

  #endWindow(mean: number): void {
    // Little's law: what is done in a time is what is under way, by how long it takes.
    const done = this.#limiter.total / mean
    const before = this.#before
    if (before !== undefined) {
      this.#before = undefined
      this.#roomy = mean
      if (done < asMuch * before) return this.#allow(this.#limit)
      this.#limit = this.#limiter.total
      return this.#probe(done)
    }
    this.#roomy = Math.min(this.#roomy, mean)
    if (this.#windows++ % windowsToProbe === 0) return this.#probe(done)
    const gradient = Math.max(0.5, Math.min(1, mean === 0 ? 1 : tolerance * this.#roomy / mean))
    this.#allow(this.#limit += smoothing * (this.#limit * gradient + Math.sqrt(this.#limit) - this.#limit))
  }

  #probe(done: number): void {
    if (this.#limiter.total === this.#min) return
    this.#before = done
    this.#allow(this.#limit / 2)
  }

  #allow(limit: number): void {
    this.#limit = Math.min(this.#max, Math.max(this.#min, this.#limit))
    const total = Math.round(Math.min(this.#max, Math.max(this.#min, limit)))
    if (total === this.#limiter.total) return
    this.#stale = this.#limiter.borrowed
    this.#limiter.total = total
  }
}
