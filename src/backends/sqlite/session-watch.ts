import { Listeners } from '../listeners.ts'

/** Who hears of which session of shared things; whatever others committed shows in the session's news. */
export class SessionWatch {
  readonly #newsOf: (session: string) => number | undefined
  readonly #listeners = new Listeners()
  /** The sessions that are listened to, with their news when they were last looked at. */
  readonly #seen = new Map<string, number | undefined>()

  constructor(newsOf: (session: string) => number | undefined) {
    this.#newsOf = newsOf
  }

  get size(): number {
    return this.#seen.size
  }

  attend(session: string, wake: () => void): Disposable {
    this.#seen.set(session, undefined)
    const listening = this.#listeners.listen([session], wake)
    return {
      [Symbol.dispose]: () => {
        listening[Symbol.dispose]()
        this.#seen.delete(session)
      }
    }
  }

  tell(sessions: Iterable<string>): void {
    this.#listeners.tell(sessions)
  }

  /** Others have committed. */
  look(): void {
    for (const [session, seen] of this.#seen) {
      const news = this.#newsOf(session)
      if (news === seen) continue
      this.#seen.set(session, news)
      this.#listeners.tell([session])
    }
  }

  clear(): void {
    this.#listeners.clear()
    this.#seen.clear()
  }
}
