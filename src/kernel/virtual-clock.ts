import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Clock, type Timer, sleepOn } from './clock.ts'

/** How many turns of the real event loop must pass without a new timer before time may jump. */
const quietTurns = 5

/**
 * A clock that stands still until it is moved, for tests without waiting.
 *
 * @example
 * const clock = new VirtualClock()
 * await clock.runUntil(clock.sleep(3_600_000)) // an hour, at once
 * clock.elapsed()                                // 3600000
 */
export class VirtualClock implements Clock {
  #now: number
  readonly #start: number
  readonly #timers = new Set<{ at: number, callback: () => void }>()

  constructor(start = 1_700_000_000_000) {
    this.#now = this.#start = start
  }

  now(): number {
    return this.#now
  }

  elapsed(): number {
    return this.#now - this.#start
  }

  after(ms: number, callback: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, ms), callback }
    if (ms !== Infinity) this.#timers.add(timer)
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal)
  }

  /** Moves time by `ms`, firing what falls due on the way, in order, with the loop drained after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await quiet()
    for (let next = this.#next(); next && next.at <= end; next = this.#next()) {
      this.#fire(next)
      await quiet()
    }
    this.#now = end
  }

  /** Jumps from timer to timer, whenever everything waits, until `work` settles. Work that is not on this clock is waited for. */
  async runUntil<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const done = (): void => { settled = true }
    work.then(done, done)
    for (;;) {
      await quiet()
      if (settled) return work
      const next = this.#next()
      if (next) this.#fire(next)
    }
  }

  #next(): { at: number, callback: () => void } | undefined {
    let first
    for (const timer of this.#timers) if (!first || timer.at < first.at) first = timer
    return first
  }

  #fire(timer: { at: number, callback: () => void }): void {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.callback()
  }
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < quietTurns; turn++) await nextTurn()
}
