import { LeaseLostError } from '../../kernel/errors.ts'
import type { Session } from './session.ts'

/** What a session holds: while the lease lasts. */
export class Hold {
  readonly ticket: number
  readonly fence: number
  readonly #session: Session
  readonly #controller = new AbortController()
  #became: 'kept' | 'given back' | undefined

  constructor(session: Session, ticket: number, fence: number) {
    this.#session = session
    this.ticket = ticket
    this.fence = fence
  }

  get signal(): AbortSignal {
    this.#session.check()
    return this.#controller.signal
  }

  giveBack(): void {
    this.#became ??= 'given back'
    this.#session.giveBack(this)
  }

  /** @throws LeaseLostError, also where it was given back; BackendError */
  async keep(finishes: boolean): Promise<void> {
    if (this.#became === 'kept') return
    if (this.#became === 'given back') throw new LeaseLostError()
    await this.#session.keep(this, finishes)
    this.#became = 'kept'
  }

  keepSoon(finishes: boolean): void {
    this.#session.keepSoon(this, finishes)
  }

  /** For the session: the lease was lost. */
  lose(why: Error): void {
    this.#controller.abort(why)
  }
}
