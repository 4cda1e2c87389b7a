import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../kernel/clock.ts'
import { isBusy, lockedTooLong } from './errors.ts'
import { LoopTurn } from './loop-turn.ts'

/** Between two tries the file is left alone for 1 to 5 ms: random, so that two that wait do not stay in step. */
const shortestWait = 1
const longestWait = 5
/** Milliseconds of one turn of the loop. */
const longestTurn = 10

/**
 * Tries what needs the file's lock again until it gets it, without ever blocking the loop.
 *
 * In the order asked: while one waits for the lock, those that come later wait behind it.
 */
export class LockQueue {
  readonly #path: string
  readonly #clock: Clock
  readonly #timeout: number
  readonly #turn: LoopTurn
  #tail: Promise<unknown> | undefined

  /** @param timeout milliseconds that one call may wait before it fails */
  constructor(path: string, clock: Clock, timeout: number) {
    this.#path = path
    this.#clock = clock
    this.#timeout = timeout
    this.#turn = new LoopTurn(clock, longestTurn)
  }

  /** @param attempt is given the milliseconds that it has waited so far */
  run<T>(attempt: (waited: number) => T): Promise<T> {
    const began = this.#clock.elapsed()
    if (!this.#tail && this.#turn.hasTime()) {
      try {
        return Promise.resolve(attempt(0))
      } catch (error) {
        if (!isBusy(error)) return Promise.reject(error)
      }
    }
    const work = this.#patiently(this.#tail, attempt, began)
    const tail = work.catch(() => {}).then(() => {
      if (this.#tail === tail) this.#tail = undefined
    })
    this.#tail = tail
    return work
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#tail) await this.#tail
  }

  async #patiently<T>(before: Promise<unknown> | undefined, attempt: (waited: number) => T, began: number): Promise<T> {
    await before
    if (!this.#turn.hasTime()) await nextTurn()
    for (;;) {
      const waited = this.#clock.elapsed() - began
      try {
        return attempt(waited)
      } catch (error) {
        if (!isBusy(error)) throw error
        if (waited >= this.#timeout) throw lockedTooLong(this.#path, waited)
      }
      await this.#clock.sleep(shortestWait + Math.random() * (longestWait - shortestWait))
    }
  }
}
