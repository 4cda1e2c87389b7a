import type { Session } from './session.ts'

/** What a session holds: while the lease lasts. */
export class Hold {
  readonly ticket: number
  readonly fence: number
  readonly #session: Session
  readonly #controller = new AbortController()

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
    this.#session.giveBack(this)
  }

  keep(finishes: boolean): Promise<void> {
    return this.#session.keep(this, finishes)
  }

  keepSoon(finishes: boolean): void {
    this.#session.keepSoon(this, finishes)
  }

  /** For the session: the lease was lost. */
  lose(why: Error): void {
    this.#controller.abort(why)
  }
}
