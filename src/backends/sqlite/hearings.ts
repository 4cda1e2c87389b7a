import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { ClosedError } from '../../kernel/errors.ts'
import type { Hearer, Hearing } from '../bus.ts'
import type { SqliteEngine } from './engine.ts'
import { isBusy } from './errors.ts'
import { type Heard, heardAfter } from './message-tables.ts'

interface HearingsParts {
  readonly path: string
  readonly engine: SqliteEngine
  readonly clock: Clock
  /** Tries it until the file's lock is had. */
  readonly ask: <T>(attempt: () => T) => Promise<T>
  /** Somebody came, or went. */
  readonly changed: () => void
}

/** A hearer that was silent for so long is forgotten, and messages are kept for it no longer. In milliseconds. */
const lease = 15_000
/** How long to wait where the file was locked, or could not be read, in milliseconds. */
const pause = 5

/** Who hears what is posted to the file. */
export class Hearings {
  readonly #parts: HearingsParts
  readonly #open = new Set<OpenHearing>()
  #queued = false

  constructor(parts: HearingsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#open.size
  }

  hear(topic: string, hearer: Hearer): Hearing {
    const hearing: OpenHearing = new OpenHearing(this.#parts, topic, hearer, () => {
      if (this.#open.delete(hearing)) this.#parts.changed()
    })
    this.#open.add(hearing)
    this.#parts.changed()
    hearing.join()
    return hearing
  }

  /** Something may have been posted: looks soon. */
  look(): void {
    if (this.#queued || this.#open.size === 0) return
    this.#queued = true
    afterMicrotasks(() => {
      this.#queued = false
      for (const hearing of this.#open) hearing.look()
    })
  }

  close(): void {
    for (const hearing of this.#open) hearing.fail(new ClosedError(this.#parts.path))
  }
}

class OpenHearing implements Hearing {
  readonly #parts: HearingsParts
  readonly #topic: string
  readonly #hearer: Hearer
  readonly #left: () => void
  readonly #ready = Promise.withResolvers<void>()
  #number: number | undefined
  #upto = 0
  #telling = false
  #closed = false
  #renewal: Timer | undefined
  #again: Timer | undefined

  constructor(parts: HearingsParts, topic: string, hearer: Hearer, left: () => void) {
    this.#parts = parts
    this.#topic = topic
    this.#hearer = hearer
    this.#left = left
    this.#ready.promise.catch(() => {})
  }

  get ready(): Promise<void> {
    return this.#ready.promise
  }

  join(): void {
    const { engine, ask } = this.#parts
    ask(() => engine.hear(this.#topic, lease)).then(({ number, upto }) => {
      this.#number = number
      this.#upto = upto
      if (this.#closed) return this.#leave()
      this.#ready.resolve()
      this.#renewLater()
      this.look()
    }, (error: unknown) => this.fail(error))
  }

  look(): void {
    if (!this.#telling && !this.#closed && this.#number !== undefined) void this.#tell()
  }

  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#renewal?.[Symbol.dispose]()
    this.#again?.[Symbol.dispose]()
    this.#ready.reject(new ClosedError(this.#parts.path))
    if (this.#number !== undefined) this.#leave()
    this.#left()
  }

  /** Until there is nothing more: what is posted meanwhile is read too. */
  async #tell(): Promise<void> {
    this.#telling = true
    try {
      for (let heard = this.#read(); heard.messages.length > 0; heard = this.#read()) {
        if (heard.missed) this.#hearer.missed()
        this.#upto = heard.upto
        for (const message of heard.messages) {
          await this.#hearer.heard(message)
          if (this.#closed) return
        }
      }
    } catch (error) {
      if (!isBusy(error)) return this.fail(error)
      this.#again = this.#parts.clock.after(pause, () => this.look())
    } finally {
      this.#telling = false
    }
  }

  #read(): Heard {
    return this.#parts.engine.at((sql) => heardAfter(sql, this.#topic, this.#upto))
  }

  #renewLater(): void {
    this.#renewal = this.#parts.clock.after(lease / 3, () => void this.#renew(), { background: true })
  }

  async #renew(): Promise<void> {
    const { engine, ask } = this.#parts
    const number = this.#number!
    try {
      const isKnown = await ask(() => engine.renewHearer(number, lease))
      if (this.#closed) return
      if (isKnown) return this.#renewLater()
      // It was silent for too long: what was posted since nobody kept.
      this.#number = undefined
      this.#hearer.missed()
      this.join()
    } catch {
      // Locked for long, or worse: then others have forgotten it, and it begins anew, or is told why not.
      if (!this.#closed) this.#renewLater()
    }
  }

  #leave(): void {
    const { engine, ask } = this.#parts
    const number = this.#number!
    this.#number = undefined
    // Where that fails it is forgotten when its time is over.
    ask(() => engine.leaveHearer(this.#topic, number)).catch(() => {})
  }

  /** Ends it, and says why. */
  fail(error: unknown): void {
    if (this.#closed) return
    this.#ready.reject(error)
    this.#hearer.failed(error)
    this[Symbol.dispose]()
  }
}
