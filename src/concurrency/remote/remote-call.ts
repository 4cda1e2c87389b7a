import { type Timer, systemClock } from '../../kernel/clock.ts'
import { Suspension } from '../suspend.ts'

/** How long somebody who gave up something that can be given back waits to hear whether it was done all the same, in milliseconds. */
const leavesAfter = 1_000

/** Whoever waits for an answer. */
export interface Waiting {
  answered(value: unknown): void
  failed(error: unknown): void
  /** It was not done, since it was given up. */
  givenUp(): void
}

/** What a call that is given up says, and to whom. */
interface Asker {
  /** It is not wanted any more: the other side says whether it was done all the same. */
  giveUp(id: number): void
  /** Nobody waits for its answer any more. */
  leave(id: number): void
}

/** One that somebody awaits. It is given up when the other side says so. */
export class RemoteCall extends Suspension<unknown> implements Waiting {
  id = 0
  protected readonly end: Asker
  #reason: { readonly error: unknown } | undefined

  constructor(end: Asker) {
    super()
    this.end = end
  }

  override cancelled(error: unknown): void {
    if (this.#reason) return
    this.#reason = { error }
    this.end.giveUp(this.id)
  }

  answered(value: unknown): void {
    this.resume(value)
  }

  failed(error: unknown): void {
    super.cancelled(error)
  }

  givenUp(): void {
    super.cancelled(this.#reason?.error)
  }
}

/** One that can be undone: given up, it is left where the other side says nothing for long. */
export class LeavableCall extends RemoteCall {
  #leaving: Timer | undefined

  override cancelled(error: unknown): void {
    if (this.#leaving) return
    super.cancelled(error)
    this.#leaving = systemClock.after(leavesAfter, () => this.#leave(error))
  }

  /** Gives it up, and waits for nothing. */
  leave(reason: unknown): void {
    this.end.giveUp(this.id)
    this.#leave(reason)
  }

  #leave(reason: unknown): void {
    this.end.leave(this.id)
    this.failed(reason)
  }

  override answered(value: unknown): void {
    this.#leaving?.[Symbol.dispose]()
    super.answered(value)
  }

  override failed(error: unknown): void {
    this.#leaving?.[Symbol.dispose]()
    super.failed(error)
  }

  override givenUp(): void {
    this.#leaving?.[Symbol.dispose]()
    super.givenUp()
  }
}

/** Without a promise: its thread sleeps. */
export class SyncCall implements Waiting {
  outcome: { readonly value: unknown } | { readonly error: unknown } | undefined

  answered(value: unknown): void {
    this.outcome = { value }
  }

  failed(error: unknown): void {
    this.outcome = { error }
  }

  givenUp(): void {
    this.outcome = { error: undefined }
  }
}
