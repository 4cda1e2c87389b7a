import type { Backend } from '../../backends/backend.ts'
import type { SharedOutcome, SharedReply, SharedStep } from '../../backends/shared-store.ts'
import { bytes } from './bench.ts'

const any = Number.MAX_SAFE_INTEGER
let made = 0

/** A session that does one step at a time; only what it does renews it. */
export class Session {
  readonly id: string
  readonly #backend: Backend
  readonly #lease: number
  #begins = true
  #last = 0

  constructor(backend: Backend, lease = 60_000) {
    this.id = `session-${++made}`
    this.#backend = backend
    this.#lease = lease
  }

  async share(steps: readonly SharedStep[], leaves = false): Promise<SharedReply> {
    const reply = await this.#backend.share({ session: this.id, lease: this.#lease, begins: this.#begins, leaves, steps })
    this.#begins = false
    return reply
  }

  async do(step: SharedStep): Promise<SharedOutcome> {
    const { lost, outcomes } = await this.share([step])
    if (lost) throw new Error(`${this.id} was lost`)
    return outcomes[0]!
  }

  leave(): Promise<SharedReply> {
    return this.share([], true)
  }

  /** A ticket, and how it stands. */
  acquire(name = 'a', { kind = 'lock', limit = 1, opens = false, waits = true }: { kind?: 'lock' | 'semaphore', limit?: number, opens?: boolean, waits?: boolean } = {}): Promise<Asked> {
    return this.#asked((ticket) => ({ does: 'acquire', kind, name, ticket, limit, opens, waits }))
  }

  put(text: string, { maxSize = any, maxBytes = any, opens = false, waits = true }: { maxSize?: number, maxBytes?: number, opens?: boolean, waits?: boolean } = {}): Promise<Asked> {
    return this.#asked((ticket) => ({ does: 'put', name: 'a', ticket, item: bytes(text), bounds: { maxSize, maxBytes }, opens, waits }))
  }

  get(waits = true): Promise<Asked> {
    return this.#asked((ticket) => ({ does: 'get', name: 'a', ticket, bounds: { maxSize: any, maxBytes: any }, opens: false, waits }))
  }

  wait(kind: 'event' | 'queue'): Promise<Asked> {
    return this.#asked((ticket) => ({ does: 'wait', kind, name: 'a', ticket }))
  }

  look({ ticket }: Asked): Promise<SharedOutcome> {
    return this.do({ does: 'look', ticket })
  }

  giveBack({ ticket }: Asked): Promise<SharedOutcome> {
    return this.do({ does: 'giveBack', ticket })
  }

  keep({ ticket }: Asked, finishes = false): Promise<SharedOutcome> {
    return this.do({ does: 'keep', ticket, finishes })
  }

  async #asked(step: (ticket: number) => SharedStep): Promise<Asked> {
    const ticket = ++this.#last
    return { ticket, ...await this.do(step(ticket)) }
  }
}

export interface Asked extends SharedOutcome {
  readonly ticket: number
}

export function textOf({ item }: SharedOutcome): string | undefined {
  return item && new TextDecoder().decode(item)
}

/** One who attends; `heard` resolves when it is told of news from now on. What may be told for nothing as it begins is passed over. */
export async function attending(backend: Backend, session: Session): Promise<{ readonly heard: Promise<void> } & Disposable> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let begun = false
  const listening = backend.attend(session.id, () => {
    if (begun) resolve()
  })
  await backend.read([])
  begun = true
  return { heard: promise, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}
