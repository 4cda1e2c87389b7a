import { Suspension } from '../../concurrency/suspend.ts'
import type { Granted } from './session.ts'

/** Who waits for something shared: in line at the store, and here until it is known how that ended. */
export class SharedWait extends Suspension<Granted> {
  readonly ticket: number
  /** The one in which it waits; those who ask later stand behind it. */
  readonly line: string
  /** Whoever gives up goes on at once: what comes all the same is given back. */
  readonly isUndoable: boolean
  /** The store has said so. */
  isInLine = false
  isOver = false
  /** Why it is wanted no longer. */
  reason: { readonly error: unknown } | undefined
  readonly #givenUp: (wait: SharedWait) => void

  constructor(ticket: number, line: string, isUndoable: boolean, givenUp: (wait: SharedWait) => void) {
    super()
    this.ticket = ticket
    this.line = line
    this.isUndoable = isUndoable
    this.#givenUp = givenUp
  }

  override cancelled(error: unknown): void {
    if (this.reason) return
    this.reason = { error }
    this.#givenUp(this)
  }

  fail(error: unknown): void {
    super.cancelled(error)
  }

  protected override finish(): boolean {
    this.isOver = true
    return super.finish()
  }
}
